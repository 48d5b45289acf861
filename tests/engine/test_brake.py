"""The brake: a run that only burns money is stopped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.brake import Brake
from llmdash.llms.failures import Failure, FailureKind


def refused(text: str = "the model does not exist") -> Failure:
    return Failure(FailureKind.REQUEST, text, status=404)


def test_twenty_refusals_alike_in_a_row_trip_it() -> None:
    reasons: list[str] = []
    brake = Brake(reasons.append)
    for _ in range(19):
        brake.refused(refused())
    assert reasons == []
    brake.refused(refused())
    (reason,) = reasons
    assert brake.reason == reason
    assert "20 requests in a row" in reason
    assert "404 the model does not exist" in reason


def test_refusals_that_differ_in_numbers_alone_are_alike() -> None:
    reasons: list[str] = []
    brake = Brake(reasons.append)
    for number in range(20):
        brake.refused(refused(f"bad value at position {number} (request 7f{number:02}-ab)"))
    assert len(reasons) == 1


def test_an_answer_or_another_refusal_in_between_begins_the_count_anew() -> None:
    reasons: list[str] = []
    brake = Brake(reasons.append)
    for _ in range(101):
        brake.answered()
    for turn in range(50):
        for _ in range(19):
            brake.refused(refused())
        if turn % 2:
            brake.answered()
        else:
            brake.refused(refused("too long"))
    assert reasons == []


@given(st.lists(st.booleans(), min_size=100, max_size=100))
def test_more_than_half_of_the_first_hundred_trip_it_at_once(refusals: list[bool]) -> None:
    reasons: list[str] = []
    brake = Brake(reasons.append)
    for number, is_refused in enumerate(refusals):
        if is_refused:
            brake.refused(refused("abcdefghijklmnopqrstuvwxyz"[number % 26]))
        else:
            brake.answered()
        if sum(refusals[: number + 1]) > 50:
            assert len(reasons) == 1
            return
    assert reasons == []


def test_once_released_it_takes_another_twenty_to_trip_again() -> None:
    reasons: list[str] = []
    brake = Brake(reasons.append)
    for _ in range(60):
        brake.refused(refused())
    assert len(reasons) == 1
    brake.release()
    assert brake.reason is None
    for _ in range(19):
        brake.refused(refused())
    assert len(reasons) == 1
    brake.refused(refused())
    assert len(reasons) == 2
