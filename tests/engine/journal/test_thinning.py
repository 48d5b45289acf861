"""The time series on record is thinned: few rows, the same sums, the same resolution everywhere."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.thinning import MOST_SAMPLES, thinned
from llmdash.engine.model.records import SampleRow


def rows(count: int, start: float = 0.0) -> list[SampleRow]:
    return [SampleRow(start + n, start + n, n % 7, n % 11, n % 5, n % 3, 0.1, 0.2) for n in range(count)]


def sums(some: list[SampleRow]) -> tuple[int, int, int]:
    return sum(r.sent for r in some), sum(r.tokens for r in some), sum(r.throttled for r in some)


def test_few_rows_stay_as_they_are() -> None:
    assert thinned(rows(7_500)) == rows(7_500)


@pytest.mark.parametrize("count", [7_501, 10_001, 100_000])
def test_thinned_rows_are_few_and_their_sums_are_the_same(count: int) -> None:
    fewer = list(thinned(rows(count)))
    assert 3_000 <= len(fewer) <= 7_500
    assert sums(fewer) == sums(rows(count))
    assert fewer[-1].at == count - 1
    assert {round(row.ttft_p95 or 0, 9) for row in fewer} == {0.2}
    spans = [after.at - before.at for before, after in pairwise(fewer)]
    assert max(spans) <= 2 * min(spans[:-1])


@pytest.mark.parametrize("gap", [0.0, 1e-3, 3_600.0, 1e9])
def test_neither_pauses_nor_a_clock_that_was_set_back_leave_more(gap: float) -> None:
    sittings = [SampleRow(n * gap, float(n), 1) for n in range(12_000)]
    fewer = list(thinned(sittings))
    assert len(fewer) <= 7_500
    assert sums(fewer) == (12_000, 0, 0)


@settings(max_examples=20)
@given(st.lists(st.floats(), min_size=5, max_size=5))
def test_no_times_keep_it_from_an_end(times: list[float]) -> None:
    assert len(thinned([SampleRow(times[n % 5], 0.0) for n in range(7_600)])) <= 7_500


def test_a_journal_never_has_more_samples_than_that(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    for start in range(0, 24_000, 1_000):
        journal.write(Group(samples=rows(1_000, float(start))))
        assert len(JournalReader(tmp_path).samples()) <= MOST_SAMPLES
    journal.close()
    kept = JournalReader(tmp_path).samples()
    assert sums(kept) == tuple(24 * each for each in sums(rows(1_000)))
    again = JournalFile.open(tmp_path)
    again.write(Group(samples=rows(MOST_SAMPLES, 24_000.0)))
    again.close()
    assert len(JournalReader(tmp_path).samples()) <= MOST_SAMPLES
