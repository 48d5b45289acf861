"""What is looked up in a track is what counting gives."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from llmdash.runs.replay.tracks import NEVER, AllOf, SumsAt, split, track

times = st.integers(0, 40).map(float)
columns = st.lists(st.tuples(times, st.integers(0, 2**32 - 1), st.integers(0, 3)), max_size=300)


@given(columns, times)
def test_counts_and_sums_are_those_of_what_came_until_then(
    rows: Sequence[tuple[float, int, int]], position: float
) -> None:
    column, amounts = array("d", [at for at, _, _ in rows]), array("I", [amount for _, amount, _ in rows])
    events = track(range(len(rows)), column)
    assert events.by(position) == sum(at <= position for at, _, _ in rows)
    assert events.before(position) == sum(at < position for at, _, _ in rows)
    assert events.first == min(column, default=NEVER)
    sums = SumsAt(events, amounts)
    assert sums.by(position) == sum(amount for at, amount, _ in rows if at <= position)
    assert (sums.by(-1.0), sums.first) == (0, events.first)


@given(columns, times)
def test_the_parts_of_a_track_are_together_the_whole(
    rows: Sequence[tuple[float, int, int]], position: float
) -> None:
    column, kinds = array("d", [at for at, _, _ in rows]), bytearray(kind for _, _, kind in rows)
    whole = track(range(len(rows)), column)
    parts = [track(numbers, column) for numbers in split(whole.order, kinds).values()]
    assert all(len({kinds[number] for number in part.order}) == 1 for part in parts)
    assert AllOf(parts).by(position) == whole.by(position)
    assert AllOf(parts).first == whole.first
