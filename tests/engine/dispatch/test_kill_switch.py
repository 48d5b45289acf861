"""The brake: a run that only burns money is stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.llms.wire.failures import Failure, FailureKind


def watched() -> tuple[list[str], KillSwitch]:
    """A brake, and the reasons for which it tripped."""
    trips: list[str] = []
    brake = KillSwitch(lambda: trips.append(brake.reason or ""))
    return trips, brake


def refused(text: str = "the model does not exist", code: str | None = None) -> Failure:
    return Failure(FailureKind.REQUEST, text, status=404, code=code)


def test_twenty_refusals_alike_in_a_row_trip_it() -> None:
    trips, brake = watched()
    for _ in range(19):
        brake.refused(refused())
    assert trips == []
    brake.refused(refused())
    (reason,) = trips
    assert "20 in a row refused" in reason
    assert "404 the model does not exist" in reason


@pytest.mark.case("engine", "brake-variants")
def test_refusals_are_alike_by_status_and_code_whatever_their_texts() -> None:
    trips, brake = watched()
    for _ in range(150):
        brake.answered()
    for number in range(20):
        assert trips == []
        brake.refused(refused(f"bad value at position {number}: {'abcdefghijklmnopqrst'[number] * 9}"))
    assert len(trips) == 1


def test_an_answer_or_another_refusal_in_between_begins_the_count_anew() -> None:
    trips, brake = watched()
    for number in range(50):
        for _ in range(19):
            brake.refused(refused())
        if number % 2:
            brake.answered()
        else:
            brake.refused(refused(code="other"))
        for _ in range(100):
            brake.answered()
    assert trips == []


@pytest.mark.case("engine", "brake-variants")
@given(st.lists(st.booleans(), min_size=100, max_size=300))
def test_more_than_half_of_the_last_hundred_trip_it_at_once(refusals: list[bool]) -> None:
    trips, brake = watched()
    for number, is_refused in enumerate(refusals):
        if is_refused:
            brake.refused(refused(code=str(number)))
        else:
            brake.answered()
        if sum(refusals[max(0, number - 99) : number + 1]) > 50 and is_refused:
            assert len(trips) == 1
            assert "of the last" in trips[0]
            return
    assert trips == []


@pytest.mark.case("wire", "filter-heavy")
@given(st.lists(st.sampled_from(["content", "refused", "answered"]), max_size=150))
def test_refusals_of_the_content_neither_count_nor_interrupt(ended: list[str]) -> None:
    (trips, brake), (trips_without, without) = watched(), watched()
    for one in ended:
        if one == "content":
            failure = Failure(FailureKind.REQUEST, "no", status=400, code="content_filter", of_content=True)
            brake.refused(failure)
        for each in (brake, without):
            if one == "refused":
                each.refused(refused())
            elif one == "answered":
                each.answered()
    assert trips == trips_without


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
