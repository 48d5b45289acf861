"""Two kept runs: which rows belong together, what changed, how sure that is, and nothing is written."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import NAME, VERSION, Group, JournalError, JournalFile
from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.comparison import (
    ComparisonTotals,
    Metric,
    PairDetail,
    PairRow,
    PairSort,
    PairsView,
    ShareKind,
)
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import Verdict
from llmdash.runs.comparison.comparison import RunComparison
from llmdash.runs.comparison.unit_prices import CostOf
from tests.runs.two_runs import free, per_token, write_run, write_two

JOURNALS = Path(__file__).parents[2] / "engine" / "journal" / "journals"
EVERY = PairsView(frozenset(PairChange))


def row(job: int, name: str | None = None, state: str = "done", text: str = "fine", **more: Any) -> ResultRow:
    shown = text if state in ("done", "invalid") else None
    return ResultRow(job, f"p{job}" if name is None else name, state, text=shown, attempts=1, **more)


class Compared:
    """A comparison that was made to its end, and closed."""

    def __init__(self, a: Path, b: Path, cost_of: CostOf = free) -> None:
        with RunComparison(a, b, cost_of) as comparison:
            self.progress = list(comparison.steps())
            self.totals: ComparisonTotals = comparison.totals
            self.runs = comparison.runs
            comparison.order(EVERY)
            self.rows: list[PairRow] = list(comparison.every_row())
            self.details: list[PairDetail | None] = [comparison.detail(each.pair) for each in self.rows[:20]]

    @property
    def jobs(self) -> list[tuple[int | None, int | None]]:
        return [(each.a and each.a.job, each.b and each.b.job) for each in self.rows]


def compared(folder: Path, a: Iterable[ResultRow], b: Iterable[ResultRow], **facts: Any) -> Compared:
    return Compared(write_run(folder / "a", a, **facts), write_run(folder / "b", b, **facts))


RIGHT: dict[str, Any] = {"verdict": Verdict.RIGHT}
WRONG: dict[str, Any] = {"verdict": Verdict.NOT_EQUAL}


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        (row(0), row(0), PairChange.SAME),
        (row(0, **RIGHT), row(0, **WRONG), PairChange.WORSE),
        (row(0, **RIGHT), row(0, verdict=Verdict.NOT_PARSEABLE), PairChange.WORSE),
        (row(0, **WRONG), row(0, **RIGHT), PairChange.BETTER),
        (row(0), row(0, state="failed"), PairChange.LOST),
        (row(0, state="failed"), row(0, **RIGHT), PairChange.RECOVERED),
        (row(0, **RIGHT), row(0, state="invalid"), PairChange.BROKEN),
        (row(0, state="invalid"), row(0), PairChange.REPAIRED),
        (row(0), row(0, text="other"), PairChange.TEXT),
        (row(0, **WRONG), row(0, text="other", verdict=Verdict.NOT_PARSEABLE), PairChange.TEXT),
        (row(0, state="invalid"), row(0, state="invalid", text="other"), PairChange.TEXT),
        (row(0, state="failed"), row(0, state="failed"), PairChange.SAME),
        (row(0, state="failed"), row(0, state="cancelled"), PairChange.OTHER),
        (row(0), row(0, state="cancelled"), PairChange.OTHER),
        (row(0, message='{"tool_calls": 1}'), row(0, message='{"tool_calls": 2}'), PairChange.TEXT),
        (row(0), row(0, name="q"), PairChange.ONLY_A),
    ],
)
def test_two_outcomes_are_a_change(tmp_path: Path, a: ResultRow, b: ResultRow, change: PairChange) -> None:
    found = compared(tmp_path, [a], [b])
    assert found.rows[0].change is change
    assert found.totals.changes[change] == 1


def test_rows_of_one_file_have_its_order(tmp_path: Path) -> None:
    rows = [row(job) for job in range(50)]
    found = compared(tmp_path, rows, rows)
    assert found.jobs == [(job, job) for job in range(50)]
    assert found.totals.pairs == found.totals.matched == 50
    assert found.totals.complete


def test_rows_are_matched_by_id_wherever_they_are(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [row(0, "x"), row(1, "y"), row(2, "z"), row(3, "only")],
        [row(0, "z"), row(1, "y"), row(2, "x"), row(3, "new"), row(4, "newer")],
    )
    assert sorted(found.jobs, key=str) == [(0, 2), (1, 1), (2, 0), (3, None), (None, 3), (None, 4)]
    assert found.totals.count(frozenset({PairChange.ONLY_A})) == 1
    assert found.totals.count(frozenset({PairChange.ONLY_B})) == 2


def test_rows_with_other_ids_are_matched_by_the_hash_of_the_prompt(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [row(0, "x", prompt_hash=b"1" * 16), row(1, "y", prompt_hash=b"2" * 16), row(2, "z")],
        [row(0, "q", prompt_hash=b"2" * 16), row(1, "x", prompt_hash=b"9" * 16), row(2, "r")],
    )
    assert sorted(found.jobs, key=str) == [(0, 1), (1, 0), (2, None), (None, 2)]
    assert found.totals.matched == 1
    assert found.totals.matched_by_prompt == 1
    assert found.totals.prompts_differ == 1


def test_repeated_ids_are_matched_in_order_and_the_rest_is_alone(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [row(0, "d"), row(1, "x"), row(2, "d"), row(3, "d")],
        [row(0, "x"), row(1, "d"), row(2, "y"), row(3, "e"), row(4, "d")],
    )
    assert sorted(found.jobs, key=str) == [(0, 1), (1, 0), (2, 4), (3, None), (None, 2), (None, 3)]
    assert len(found.rows) == 6


def test_ids_that_are_all_the_same_are_matched_by_place_in_no_time(tmp_path: Path) -> None:
    found = compared(
        tmp_path, (row(job, "") for job in range(4_000)), (row(job + 1, "") for job in range(4_000))
    )
    assert found.totals.pairs == 4_000
    assert {b for _, b in found.jobs} == set(range(1, 4_001))


def test_a_run_equals_itself(tmp_path: Path) -> None:
    a, _ = write_two(tmp_path, 300)
    found = Compared(a, a)
    assert found.totals.changes == {PairChange.SAME: 300}
    assert found.totals.means
    assert all(mean.difference == (0.0, 0.0) for mean in found.totals.means)


def test_runs_without_rows_have_nothing_in_common(tmp_path: Path) -> None:
    found = compared(tmp_path, [], [])
    assert found.rows == []
    assert found.totals.pairs == 0
    assert found.totals.shares == ()
    assert found.progress[-1].done == 1.0


def test_figures_are_those_of_the_pairs(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 2_000)
    found = Compared(a, b, per_token)
    both = [(each.a, each.b) for each in found.rows if each.a and each.b]
    answered = [(x, y) for x, y in both if (x.state, y.state) == ("done", "done")]
    latency = next(mean for mean in found.totals.means if mean.metric is Metric.LATENCY)
    assert latency.pairs == len(answered)
    assert latency.a == pytest.approx(sum(x.latency_s or 0.0 for x, _ in answered) / len(answered))
    assert latency.b == pytest.approx(sum(y.latency_s or 0.0 for _, y in answered) / len(answered))
    assert latency.resampled
    right = next(share for share in found.totals.shares if share.kind is ShareKind.RIGHT)
    cells = Counter((x.verdict is Verdict.RIGHT, y.verdict is Verdict.RIGHT) for x, y in answered)
    assert (right.only_a, right.only_b) == (cells[True, False], cells[False, True])
    assert right.pairs == len(answered)
    failed = next(share for share in found.totals.shares if share.kind is ShareKind.FAILED)
    assert failed.a == sum(x.state == "failed" for x, _ in both) / 2_000
    cost = next(mean for mean in found.totals.means if mean.metric is Metric.COST)
    assert cost.a == pytest.approx(sum(x.cost or 0.0 for x, _ in answered) / len(answered))


def test_more_pairs_than_ten_thousand_have_normal_intervals(tmp_path: Path) -> None:
    """The squared deviations are added up in batches: they are those of one pass over all differences."""
    a, b = write_two(tmp_path, 25_000)
    found = Compared(a, b)
    latency = next(mean for mean in found.totals.means if mean.metric is Metric.LATENCY)
    differences = [
        each.b.latency_s - each.a.latency_s
        for each in found.rows
        if each.a
        and each.b
        and each.a.state == each.b.state == "done"
        and each.a.latency_s
        and each.b.latency_s
    ]
    n = len(differences)
    mean = sum(differences) / n
    half = 1.959964 * (sum((each - mean) ** 2 for each in differences) / (n - 1) / n) ** 0.5
    assert not latency.resampled
    assert latency.difference == pytest.approx((mean - half, mean + half), abs=1e-9)
    assert len(found.progress) > 2
    assert [each.done for each in found.progress] == sorted(each.done for each in found.progress)


def test_the_same_runs_have_the_same_figures_each_time(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 400)
    assert Compared(a, b).totals == Compared(a, b).totals


def test_a_shuffled_run_has_the_figures_of_the_one_in_order(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 500)
    with closing(sqlite3.connect(b / NAME)) as db:
        rows = db.execute("SELECT * FROM results ORDER BY id").fetchall()
    mixed = [ResultRow(*each)._replace(job=(place * 7) % 500) for place, each in enumerate(rows)]
    shuffled = write_run(tmp_path / "shuffled", sorted(mixed))
    first, second = Compared(a, b).totals, Compared(a, shuffled).totals
    assert second.changes == first.changes
    assert second.shares == first.shares


@pytest.mark.parametrize("shuffled", [False, True])
def test_nothing_in_the_folders_changes(tmp_path: Path, shuffled: bool) -> None:
    folders = write_two(tmp_path, 200, shuffled=shuffled)

    def look() -> list[Any]:
        return [
            (path.name, path.read_bytes(), path.stat().st_mtime_ns) for f in folders for path in f.iterdir()
        ]

    before = look()
    for folder in folders:
        folder.chmod(0o500)
    Compared(*folders)
    assert look() == before


def test_a_run_that_is_written_meanwhile_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", [row(job) for job in range(9)])
    b = tmp_path / "b"
    b.mkdir()
    living = JournalFile.create(b, {})
    living.write(Group(results=[row(job) for job in range(4)]))
    with RunComparison(a, b, free) as comparison:
        steps = comparison.steps()
        next(steps)
        living.write(Group(results=[row(job) for job in range(4, 6)], reopened=[0]))
        for _ in steps:
            pass
        assert comparison.totals.pairs in (4, 5, 6)
        comparison.order(EVERY)
        assert comparison.rows(0, 1)[0].a is not None
        detail = comparison.detail(0)
        assert detail is not None
        assert detail.b is None or detail.b.pieces is None
        living.write(Group(results=[row(job) for job in range(6, 9)]))
    living.close()
    assert Compared(a, b).totals.pairs == 8


@pytest.mark.parametrize("version", [1, 2, 3])
def test_journals_of_earlier_versions_can_be_compared(tmp_path: Path, version: int) -> None:
    folders = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        with closing(sqlite3.connect(folder / NAME)) as db:
            db.executescript((JOURNALS / f"version_{version}.sql").read_text())
        folders.append(folder)
    found = Compared(folders[0], folders[1], per_token)
    assert found.rows
    assert set(found.totals.changes) == {PairChange.SAME}


def test_a_run_that_keeps_no_texts_has_outcomes_and_says_so(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", [row(0, **RIGHT), row(1, text="x", **RIGHT)])
    bare = [row(0, **RIGHT)._replace(text=None), row(1, **WRONG)._replace(text=None)]
    b = write_run(tmp_path / "b", bare, keep="none")
    found = Compared(a, b)
    assert found.totals.changes == {PairChange.SAME: 1, PairChange.WORSE: 1}
    assert found.totals.same_text is None
    assert [run.has_texts for run in found.runs] == [True, False]
    assert found.details[0] is not None
    assert found.details[0].b is not None
    assert found.details[0].b.pieces is None


def test_a_huge_answer_is_cut_and_says_so(tmp_path: Path) -> None:
    long = "word " * 2_000_000
    found = compared(tmp_path, [row(0, text=long)], [row(0, text=long + "end")])
    assert found.rows[0].change is PairChange.TEXT
    detail = found.details[0]
    assert detail is not None
    assert detail.a is not None
    assert detail.a.pieces is not None
    assert detail.a.cut == len(long) - sum(len(piece.text) for piece in detail.a.pieces)
    assert len(found.rows[0].a.begins if found.rows[0].a else "") < 1_000


def test_costs_are_those_of_the_prices_by_part(tmp_path: Path) -> None:
    used: dict[str, Any] = {
        "input_tokens": 100,
        "output_tokens": 50,
        "cached_tokens": 40,
        "reasoning_tokens": 10,
    }
    a = write_run(
        tmp_path / "a",
        [
            row(0, model="m", endpoint="e", **used),
            row(1, model="unknown", **used),
            row(2, key="k", **used),
            row(3, model="m")._replace(attempts=0),
        ],
        models=json.dumps({"k": "m"}),
        decided=json.dumps({"endpoints": [{"name": "e", "base_url": "https://api.example.org/v1"}, "odd"]}),
    )
    asked: set[tuple[str, str | None]] = set()

    def cost_of(model: str, tokens: tuple[int, int, int, int, int], provider: str | None) -> float | None:
        asked.add((model, provider))
        given, said, cached, written, thought = tokens
        return None if model != "m" else (given * 3 + said * 15 - cached * 2 + written + thought * 5) / 1e6

    found = Compared(a, a, cost_of)
    costs = [each.a.cost if each.a else None for each in found.rows]
    each = (100 * 3 + 50 * 15 - 40 * 2 + 10 * 5) / 1e6
    assert costs == [pytest.approx(each), None, pytest.approx(each), 0.0]
    assert ("m", "https://api.example.org/v1") in asked


def test_answers_of_a_simulator_cost_nothing_whatever_its_model_is_called(tmp_path: Path) -> None:
    used: dict[str, Any] = {"model": "m", "input_tokens": 100, "output_tokens": 50}
    a = write_run(tmp_path / "a", [row(0, **used)], simulator=json.dumps({"seed": 1}))
    b = write_run(tmp_path / "b", [row(0, **used)])
    [pair] = Compared(a, b, per_token).rows
    assert pair.a is not None
    assert pair.b is not None
    assert pair.a.cost is None
    assert pair.b.cost is not None


def test_pairs_come_in_any_order_and_by_any_filter(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 300)
    with RunComparison(a, b, per_token) as comparison:
        for _ in comparison.steps():
            pass
        for sort in PairSort:
            for reverse in (False, True):
                count = comparison.order(replace(EVERY, sort=sort, reverse=reverse))
                rows = list(comparison.every_row())
                assert count == len(rows) == 300
                assert len({each.pair for each in rows}) == 300
        comparison.order(replace(EVERY, sort=PairSort.LATENCY))
        apart = [
            abs(each.b.latency_s - each.a.latency_s)
            for each in comparison.every_row()
            if each.a and each.b and each.a.latency_s and each.b.latency_s
        ]
        assert apart == sorted(apart, reverse=True)
        assert comparison.order(PairsView(CHANGED)) == comparison.totals.count()
        assert comparison.order(PairsView(frozenset(PairChange), text="ADD-000001")) == 10
        assert comparison.order(PairsView(frozenset(PairChange), text="%' OR 1=1 --")) == 0
        assert comparison.rows(5, 10) == ()
        assert comparison.detail(10**12) is None


def test_a_newer_journal_a_damaged_one_and_none_are_refused(tmp_path: Path) -> None:
    sound = write_run(tmp_path / "sound", [row(0)])
    newer = write_run(tmp_path / "newer", [row(0)])
    with closing(sqlite3.connect(newer / NAME)) as db, db:
        db.execute("UPDATE run SET value = ? WHERE name = 'version'", (VERSION + 1,))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / NAME).write_bytes(b"nothing of the kind" * 500)
    bare = tmp_path / "bare"
    bare.mkdir()
    with closing(sqlite3.connect(bare / NAME)) as db, db:
        db.execute("CREATE TABLE run (name TEXT PRIMARY KEY, value)")
    for other, word in (
        (newer, "newer"),
        (broken, "doctor"),
        (bare, "doctor"),
        (tmp_path / "none", "no journal"),
    ):
        with pytest.raises(JournalError, match=word):
            RunComparison(sound, other, free)


def test_facts_that_are_damaged_take_nothing_but_themselves(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", [row(0)], models="{not json", decided="[1, 2]", title="\x1b[2J")
    assert Compared(a, a).runs[0].model == ""


def test_a_page_that_is_damaged_is_a_journal_error(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 3_000)
    content = bytearray((b / NAME).read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (b / NAME).write_bytes(content)
    with pytest.raises(JournalError, match="doctor"):
        Compared(a, b)
