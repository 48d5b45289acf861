"""The breaker of an endpoint: when it opens, who may try it, and when only the user can help."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmdash.engine.model.frame import EndpointState
from llmdash.engine.pool.circuit_breaker import Breaker
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock

REFUSED = Failure(FailureKind.TRANSIENT, "connection refused", reached=False)
OVERLOADED = Failure(FailureKind.TRANSIENT, "overloaded", status=529)
BROKEN = Failure(FailureKind.TRANSIENT, "bad gateway", status=502)
OFFLINE = Failure(FailureKind.LOCAL, "network unreachable", reached=False)
REDIRECT = Failure(FailureKind.CONFIG, "the server redirects", status=302)


def fail(breaker: Breaker, *failures: Failure) -> EndpointState | None:
    entered = None
    for failure in failures:
        entered = breaker.failed(failure, breaker.taken())
    return entered


def works(breaker: Breaker) -> None:
    breaker.answered(breaker.taken())


@pytest.mark.parametrize("failure", [REFUSED, OVERLOADED])
def test_it_opens_at_the_third_failure_of_the_endpoint_in_a_row(failure: Failure) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    assert fail(breaker, failure, failure) is None
    works(breaker)
    assert fail(breaker, failure, failure) is None
    assert fail(breaker, failure) is EndpointState.DOWN
    assert breaker.wait_s(clock()) == breaker.returns_s(clock()) == 1.0
    assert str(failure) in breaker.detail


def test_what_the_server_itself_gets_wrong_does_not_open_it() -> None:
    breaker = Breaker(Clock())
    assert fail(breaker, *[BROKEN] * 100) is None
    breaker.trip("all keys fail alike")
    assert breaker.state is EndpointState.DOWN


def test_one_request_at_a_time_tries_it_again_after_ever_longer_waits() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    works(breaker)
    fail(breaker, *[REFUSED] * 3)
    waits = []
    for _ in range(9):
        waits.append(breaker.wait_s(clock()))
        clock.time += waits[-1]
        probe = breaker.taken()
        assert breaker.state is EndpointState.PROBING
        assert breaker.wait_s(clock()) == float("inf")
        breaker.failed(REFUSED, probe)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.time += 60
    works(breaker)
    assert (breaker.state, breaker.wait_s(clock())) == (EndpointState.UP, 0.0)
    fail(breaker, *[REFUSED] * 3)
    assert breaker.wait_s(clock()) == 1.0


def test_a_server_that_answers_with_errors_is_tried_at_least_three_times_a_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    works(breaker)
    breaker.trip("all keys fail alike")
    waits = []
    for _ in range(7):
        waits.append(breaker.wait_s(clock()))
        clock.time += waits[-1]
        breaker.failed(BROKEN, breaker.taken())
    assert waits == [1, 2, 4, 8, 16, 20, 20]


def test_what_left_before_it_opened_says_nothing_of_the_time_after() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    early = [breaker.taken() for _ in range(10)]
    fail(breaker, *[REFUSED] * 3)
    breaker.answered(early[0])
    assert breaker.state is EndpointState.DOWN
    clock.time += 1.0
    probe = breaker.taken()
    breaker.failed(REFUSED, early[1])
    assert breaker.state is EndpointState.PROBING
    breaker.answered(probe)
    for ticket in early[2:]:
        breaker.failed(REFUSED, ticket)
    assert breaker.state is EndpointState.UP


def test_a_probe_that_was_given_up_lets_another_one_through() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, *[REFUSED] * 3)
    clock.time += 1.0
    breaker.left(breaker.taken())
    assert breaker.wait_s(clock()) == 0.0


def test_a_hint_of_the_server_makes_the_wait_longer_but_not_without_end() -> None:
    clock = Clock()
    for hint, wait in ((20.0, 20.0), (9_999.0, 120.0), (0.1, 1.0)):
        breaker = Breaker(clock)
        fail(breaker, *[Failure(FailureKind.TRANSIENT, "busy", status=529, retry_after=hint)] * 3)
        assert breaker.wait_s(clock()) == wait


def test_this_machine_is_blamed_at_once_and_told_apart() -> None:
    breaker = Breaker(Clock())
    assert fail(breaker, OFFLINE) is EndpointState.DOWN
    assert breaker.is_local


def test_wrong_settings_pause_it_until_the_user_has_mended_them() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    assert fail(breaker, REDIRECT) is EndpointState.PAUSED
    clock.time += 1e6
    assert breaker.wait_s(clock()) == float("inf")
    breaker.revive()
    assert breaker.wait_s(clock()) == 0.0


def test_one_redirect_of_an_endpoint_that_worked_is_an_accident() -> None:
    breaker = Breaker(Clock())
    works(breaker)
    assert fail(breaker, REDIRECT, REDIRECT) is None
    assert fail(breaker, REDIRECT) is EndpointState.PAUSED


@pytest.mark.parametrize(("worked", "patience_s"), [(False, 60.0), (True, 3600.0)])
def test_after_a_while_without_any_answer_only_the_user_can_help(worked: bool, patience_s: float) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    if worked:
        works(breaker)
    fail(breaker, *[REFUSED] * 3)
    began = clock()
    while breaker.state is not EndpointState.PAUSED:
        clock.time += breaker.wait_s(clock())
        fail(breaker, REFUSED)
    assert patience_s <= clock() - began <= patience_s + 60.0


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens: while it is not up, one request at a time is out; and an answer brings it back."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(self.clock)
        self.out: list[tuple[int, bool]] = []

    @precondition(lambda self: self.breaker.wait_s(self.clock()) <= 0)
    @rule()
    def send(self) -> None:
        probing = self.breaker.state is not EndpointState.UP
        self.out.append((self.breaker.taken(), probing))

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 50), kind=st.sampled_from([REFUSED, OVERLOADED, BROKEN, OFFLINE, "ok", "cut"]))
    def end(self, which: int, kind: Failure | str) -> None:
        ticket, probe = self.out.pop(which % len(self.out))
        if isinstance(kind, Failure):
            self.breaker.failed(kind, ticket)
        elif kind == "cut":
            self.breaker.left(ticket)
        else:
            current = probe and self.breaker.state is EndpointState.PROBING
            self.breaker.answered(ticket)
            assert not current or self.breaker.state is EndpointState.UP

    @rule(seconds=st.floats(0.0, 30.0))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule()
    def revive(self) -> None:
        self.breaker.revive()
        self.out = [(ticket, False) for ticket, _ in self.out]

    @invariant()
    def one_probe(self) -> None:
        if self.breaker.state in (EndpointState.DOWN, EndpointState.PROBING):
            assert sum(probe for _, probe in self.out) <= 1

    @invariant()
    def it_comes_back_or_says_that_it_does_not(self) -> None:
        if self.breaker.state is EndpointState.DOWN:
            assert 0 <= self.breaker.wait_s(self.clock()) <= 120


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=80, stateful_step_count=40)
