"""A comparison in a thread of its own: pictures come at once, and say more and more."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmdash.engine.journal.file import NAME
from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.comparison import (
    ComparisonPart,
    PairSort,
    PairsView,
)
from llmdash.engine.model.records import ResultRow
from llmdash.runs.comparison.comparison import RunComparison
from llmdash.runs.comparison.viewer import ComparisonViewer
from tests.runs.two_runs import free, write_run, write_two
from tests.waiting import first

EVERY = PairsView(frozenset(PairChange), height=20)


@contextmanager
def viewed(folder: Path, rows: int = 500) -> Iterator[ComparisonViewer]:
    with ComparisonViewer(RunComparison(*write_two(folder, rows), free), folder) as viewer:
        yield viewer


def until(
    viewer: ComparisonViewer, view: PairsView, holds: Callable[[ComparisonPart], object]
) -> ComparisonPart:
    """The first picture of which that holds."""
    return first(lambda: viewer.picture(view), holds)


def settled(viewer: ComparisonViewer, view: PairsView) -> ComparisonPart:
    return until(viewer, view, lambda part: not part.busy and part.view == view)


def test_the_first_picture_is_empty_and_the_last_one_has_all(tmp_path: Path) -> None:
    with viewed(tmp_path) as viewer:
        part = settled(viewer, EVERY)
        assert part.totals.complete
        assert part.progress == 1.0
        assert part.matching == 500
        assert part.rows[0].id == "add-0000000"
        assert len(part.rows) >= 20
    assert viewer.crash is None


def test_a_view_decides_which_rows_come_and_in_which_order(tmp_path: Path) -> None:
    with viewed(tmp_path) as viewer:
        changed = settled(viewer, PairsView(CHANGED, height=10))
        assert changed.matching == changed.totals.count()
        last = PairsView(frozenset(PairChange), first=490, height=10, sort=PairSort.INPUT, reverse=True)
        part = settled(viewer, last)
        assert part.rows[-1].id == "add-0000000"
        named = settled(viewer, PairsView(frozenset(PairChange), text="0000042", height=5, inspect=42))
        assert [row.id for row in named.rows] == ["add-0000042"]
        assert named.detail is not None
        assert named.detail.row.id == "add-0000042"


def test_a_page_far_down_is_there(tmp_path: Path) -> None:
    with viewed(tmp_path, 5_000) as viewer:
        part = settled(viewer, PairsView(frozenset(PairChange), first=4_000, height=40))
        shown = part.rows[4_000 - part.first : 4_040 - part.first]
        assert [row.id for row in shown] == [f"add-{job:07}" for job in range(4_000, 4_040)]


def test_an_export_has_the_rows_of_its_view_in_their_order(tmp_path: Path) -> None:
    with viewed(tmp_path) as viewer:
        view = PairsView(CHANGED, sort=PairSort.LATENCY, height=10)
        part = settled(viewer, view)
        viewer.export(view)
        viewer.export(view)
        told = until(viewer, view, lambda part: len(part.notices) == 2)
        assert told.notices == (
            f"{part.matching} rows in comparison.csv",
            f"{part.matching} rows in comparison-2.csv",
        )
    with (tmp_path / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == part.matching
    assert rows[0]["id"] == part.rows[0].id
    assert {row["change"] for row in rows} >= {"right-wrong", "wrong-right"}
    assert any("expression" in row["b_text"] for row in rows)


def test_a_picture_is_busy_until_an_export_that_was_asked_for_is_reported(tmp_path: Path) -> None:
    with viewed(tmp_path) as viewer:
        settled(viewer, EVERY)
        for exports in range(1, 6):
            viewer.export(EVERY)
            assert len(settled(viewer, EVERY).notices) == exports


def test_an_export_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 20)
    with ComparisonViewer(RunComparison(a, b, free), tmp_path / "nowhere") as viewer:
        viewer.export(EVERY)
        part = until(viewer, EVERY, lambda part: part.notices)
        assert "cannot be written" in part.notices[0]


def test_a_damaged_journal_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 3_000)
    content = bytearray((b / NAME).read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (b / NAME).write_bytes(content)
    with ComparisonViewer(RunComparison(a, b, free), tmp_path) as viewer:
        part = until(viewer, EVERY, lambda part: part.problem)
        assert "doctor" in part.problem
        assert not viewer.picture(PairsView()).busy
    assert viewer.crash is None


def test_whatever_else_goes_wrong_is_in_crash(tmp_path: Path) -> None:
    def cost_of(_model: str, _tokens: tuple[int, ...], _provider: str | None) -> float:
        raise ZeroDivisionError("a fault")

    run = write_run(tmp_path / "a", [ResultRow(0, "x", "done", "fine", attempts=1)])
    with ComparisonViewer(RunComparison(run, run, cost_of), tmp_path) as viewer:
        part = until(viewer, EVERY, lambda part: part.problem)
        assert "crashed" in part.problem
    assert isinstance(viewer.crash, ZeroDivisionError)


def test_it_ends_while_it_is_at_work(tmp_path: Path) -> None:
    with viewed(tmp_path, 30_000) as viewer:
        viewer.picture(EVERY)
    assert viewer.crash is None


@pytest.mark.parametrize("shuffled", [False, True])
def test_progress_never_goes_back(tmp_path: Path, shuffled: bool) -> None:
    a, b = write_two(tmp_path, 3_000, shuffled=shuffled)
    with ComparisonViewer(RunComparison(a, b, free), tmp_path) as viewer:
        seen = [0.0]
        while viewer.picture(EVERY).busy:
            seen.append(viewer.picture(EVERY).progress)
        assert seen == sorted(seen)
