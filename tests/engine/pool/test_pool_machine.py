"""The pool of keys under any order of events."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmdash.engine.pool.member import Lease
from llmdash.llms.wire.failures import FailureKind
from tests.engine.pools import Clock, answer, fail, pool_of


class PoolMachine(RuleBasedStateMachine):
    """Any order of events: the counters of each key always add up, and no key works while it may not."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pool = pool_of(3, self.clock)
        self.out: list[Lease] = []

    @rule()
    def send(self) -> None:
        now = self.clock()
        may = [member.may_send(now) for member in self.pool.members]
        available = self.pool.may_lease(0)
        lease = self.pool.choose()
        assert (lease is not None) == any(may) == available
        if lease is not None:
            assert may[self.pool.members.index(lease.member)]
            self.out.append(lease)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 100), kind=st.sampled_from([*FailureKind, "ok", "cut", "unsent"]))
    def end(self, which: int, kind: Any) -> None:
        lease = self.out.pop(which % len(self.out))
        if kind == "ok":
            answer(self.pool, lease)
        elif kind == "cut":
            self.pool.was_cut(lease)
        elif kind == "unsent":
            self.pool.not_sent(lease)
        else:
            fail(self.pool, lease, kind, float(which) if which % 2 else None)

    @rule(seconds=st.floats(0.0, 100.0))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule(which=st.integers(0, 2), revive=st.booleans())
    def steer(self, which: int, revive: bool) -> None:
        (self.pool.revive if revive else self.pool.disable)(f"key-{which}")

    @invariant()
    def sums_hold(self) -> None:
        for key in self.pool.statistics():
            assert key.sent == key.ok + key.throttled + key.errors + key.cut + key.in_flight
            assert key.in_flight == sum(lease.member.label == key.label for lease in self.out)
            assert (key.input_tokens, key.output_tokens) == (3 * key.ok, 5 * key.ok)


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=60, stateful_step_count=40)
