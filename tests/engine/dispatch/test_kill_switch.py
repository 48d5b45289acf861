"""The brake: a run that only burns money is stopped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.llms.wire.failures import Failure, FailureKind


def watched() -> tuple[list[str], KillSwitch]:
    """A brake, and the reasons for which it tripped."""
    trips: list[str] = []
    brake = KillSwitch(lambda: trips.append(brake.reason or ""))
    return trips, brake


def refused(text: str = "the model does not exist") -> Failure:
    return Failure(FailureKind.REQUEST, text, status=404)


def test_twenty_refusals_alike_in_a_row_trip_it() -> None:
    trips, brake = watched()
    for _ in range(19):
        brake.refused(refused())
    assert trips == []
    brake.refused(refused())
    (reason,) = trips
    assert "20 requests in a row" in reason
    assert "404 the model does not exist" in reason


def test_refusals_that_differ_in_numbers_alone_are_alike() -> None:
    trips, brake = watched()
    for number in range(20):
        brake.refused(refused(f"bad value at position {number} (request 7f{number:02}-ab)"))
    assert len(trips) == 1


def test_an_answer_or_another_refusal_in_between_begins_the_count_anew() -> None:
    trips, brake = watched()
    for _ in range(101):
        brake.answered()
    for lease in range(50):
        for _ in range(19):
            brake.refused(refused())
        if lease % 2:
            brake.answered()
        else:
            brake.refused(refused("too long"))
    assert trips == []


@given(st.lists(st.booleans(), min_size=100, max_size=100))
def test_more_than_half_of_the_first_hundred_trip_it_at_once(refusals: list[bool]) -> None:
    trips, brake = watched()
    for number, is_refused in enumerate(refusals):
        if is_refused:
            brake.refused(refused("abcdefghijklmnopqrstuvwxyz"[number % 26]))
        else:
            brake.answered()
        if sum(refusals[: number + 1]) > 50:
            assert len(trips) == 1
            return
    assert trips == []


def test_once_released_it_takes_another_twenty_to_trip_again() -> None:
    trips, brake = watched()
    for _ in range(60):
        brake.refused(refused())
    assert len(trips) == 1
    brake.release()
    assert brake.reason is None
    for _ in range(19):
        brake.refused(refused())
    assert len(trips) == 1
    brake.refused(refused())
    assert len(trips) == 2
