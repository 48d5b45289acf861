"""The circuit_breaker of an endpoint: when it opens, who may try it, and when only the user can help."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool.circuit_breaker import CircuitBreaker
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock

REFUSED = Failure(FailureKind.TRANSIENT, "connection refused", reached=False)
OVERLOADED = Failure(FailureKind.TRANSIENT, "overloaded", status=529)
BROKEN = Failure(FailureKind.TRANSIENT, "bad gateway", status=502)
OFFLINE = Failure(FailureKind.LOCAL, "network unreachable", reached=False)
REDIRECT = Failure(FailureKind.CONFIG, "the server redirects", status=302)


def fail(circuit_breaker: CircuitBreaker, *failures: Failure) -> EndpointState | None:
    entered = None
    for failure in failures:
        entered = circuit_breaker.failed(failure, circuit_breaker.taken())
    return entered


def works(circuit_breaker: CircuitBreaker) -> None:
    circuit_breaker.answered(circuit_breaker.taken())


@pytest.mark.parametrize("failure", [REFUSED, OVERLOADED])
def test_it_opens_at_the_third_failure_of_the_endpoint_in_a_row(failure: Failure) -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    assert fail(circuit_breaker, failure, failure) is None
    works(circuit_breaker)
    assert fail(circuit_breaker, failure, failure) is None
    assert fail(circuit_breaker, failure) is EndpointState.DOWN
    assert circuit_breaker.wait_s(clock()) == circuit_breaker.returns_in_s(clock()) == 1.0
    assert str(failure) in circuit_breaker.detail


def test_what_the_server_itself_gets_wrong_does_not_open_it() -> None:
    circuit_breaker = CircuitBreaker(Clock())
    assert fail(circuit_breaker, *[BROKEN] * 100) is None
    circuit_breaker.trip("all keys fail alike")
    assert circuit_breaker.state is EndpointState.DOWN


def test_one_request_at_a_time_tries_it_again_after_ever_longer_waits() -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    works(circuit_breaker)
    fail(circuit_breaker, *[REFUSED] * 3)
    waits = []
    for _ in range(9):
        waits.append(circuit_breaker.wait_s(clock()))
        clock.time += waits[-1]
        probe = circuit_breaker.taken()
        assert circuit_breaker.state is EndpointState.PROBING
        assert circuit_breaker.wait_s(clock()) == float("inf")
        circuit_breaker.failed(REFUSED, probe)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.time += 60
    works(circuit_breaker)
    assert (circuit_breaker.state, circuit_breaker.wait_s(clock())) == (EndpointState.UP, 0.0)
    fail(circuit_breaker, *[REFUSED] * 3)
    assert circuit_breaker.wait_s(clock()) == 1.0


def test_a_server_that_answers_with_errors_is_tried_at_least_three_times_a_minute() -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    works(circuit_breaker)
    circuit_breaker.trip("all keys fail alike")
    waits = []
    for _ in range(7):
        waits.append(circuit_breaker.wait_s(clock()))
        clock.time += waits[-1]
        circuit_breaker.failed(BROKEN, circuit_breaker.taken())
    assert waits == [1, 2, 4, 8, 16, 20, 20]


def test_what_left_before_it_opened_says_nothing_of_the_time_after() -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    early = [circuit_breaker.taken() for _ in range(10)]
    fail(circuit_breaker, *[REFUSED] * 3)
    circuit_breaker.answered(early[0])
    state = circuit_breaker.state
    assert state is EndpointState.DOWN
    clock.time += 1.0
    probe = circuit_breaker.taken()
    circuit_breaker.failed(REFUSED, early[1])
    state = circuit_breaker.state
    assert state is EndpointState.PROBING
    circuit_breaker.answered(probe)
    for ticket in early[2:]:
        circuit_breaker.failed(REFUSED, ticket)
    assert circuit_breaker.state is EndpointState.UP


def test_a_probe_that_was_given_up_lets_another_one_through() -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    fail(circuit_breaker, *[REFUSED] * 3)
    clock.time += 1.0
    circuit_breaker.left(circuit_breaker.taken())
    assert circuit_breaker.wait_s(clock()) == 0.0


def test_a_hint_of_the_server_makes_the_wait_longer_but_not_without_end() -> None:
    clock = Clock()
    for hint, wait in ((20.0, 20.0), (9_999.0, 120.0), (0.1, 1.0)):
        circuit_breaker = CircuitBreaker(clock)
        fail(circuit_breaker, *[Failure(FailureKind.TRANSIENT, "busy", status=529, retry_after=hint)] * 3)
        assert circuit_breaker.wait_s(clock()) == wait


def test_this_machine_is_blamed_at_once_and_told_apart() -> None:
    circuit_breaker = CircuitBreaker(Clock())
    assert fail(circuit_breaker, OFFLINE) is EndpointState.DOWN
    assert circuit_breaker.is_local


def test_wrong_settings_pause_it_until_the_user_has_fixed_them() -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    assert fail(circuit_breaker, REDIRECT) is EndpointState.PAUSED
    clock.time += 1e6
    assert circuit_breaker.wait_s(clock()) == float("inf")
    circuit_breaker.revive()
    assert circuit_breaker.wait_s(clock()) == 0.0


def test_one_redirect_of_an_endpoint_that_worked_is_an_accident() -> None:
    circuit_breaker = CircuitBreaker(Clock())
    works(circuit_breaker)
    assert fail(circuit_breaker, REDIRECT, REDIRECT) is None
    assert fail(circuit_breaker, REDIRECT) is EndpointState.PAUSED


@pytest.mark.parametrize(("worked", "patience_s"), [(False, 60.0), (True, 3600.0)])
def test_after_a_while_without_any_answer_only_the_user_can_help(worked: bool, patience_s: float) -> None:
    clock = Clock()
    circuit_breaker = CircuitBreaker(clock)
    if worked:
        works(circuit_breaker)
    fail(circuit_breaker, *[REFUSED] * 3)
    began = clock()
    while circuit_breaker.state is not EndpointState.PAUSED:
        clock.time += circuit_breaker.wait_s(clock())
        fail(circuit_breaker, REFUSED)
    assert patience_s <= clock() - began <= patience_s + 60.0


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens: while it is not up, one request at a time is out; and an answer brings it back."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.circuit_breaker = CircuitBreaker(self.clock)
        self.out: list[tuple[int, bool]] = []

    @precondition(lambda self: self.circuit_breaker.wait_s(self.clock()) <= 0)
    @rule()
    def send(self) -> None:
        probing = self.circuit_breaker.state is not EndpointState.UP
        self.out.append((self.circuit_breaker.taken(), probing))

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 50), kind=st.sampled_from([REFUSED, OVERLOADED, BROKEN, OFFLINE, "ok", "cut"]))
    def end(self, which: int, kind: Failure | str) -> None:
        ticket, probe = self.out.pop(which % len(self.out))
        if isinstance(kind, Failure):
            self.circuit_breaker.failed(kind, ticket)
        elif kind == "cut":
            self.circuit_breaker.left(ticket)
        else:
            current = probe and self.circuit_breaker.state is EndpointState.PROBING
            self.circuit_breaker.answered(ticket)
            assert not current or self.circuit_breaker.state is EndpointState.UP

    @rule(seconds=st.floats(0.0, 30.0))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule()
    def revive(self) -> None:
        self.circuit_breaker.revive()
        self.out = [(ticket, False) for ticket, _ in self.out]

    @invariant()
    def one_probe(self) -> None:
        if self.circuit_breaker.state in (EndpointState.DOWN, EndpointState.PROBING):
            assert sum(probe for _, probe in self.out) <= 1

    @invariant()
    def it_comes_back_or_says_that_it_does_not(self) -> None:
        if self.circuit_breaker.state is EndpointState.DOWN:
            assert 0 <= self.circuit_breaker.wait_s(self.clock()) <= 120


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=80, stateful_step_count=40)
