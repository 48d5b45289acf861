"""Experiments side by side: what may be compared, and how it is shown."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.compare.report import Comparison, Row
from llmdash.compare.table import markdown_table, plain_table, print_table
from llmdash.engine.model.frame import Percentiles, RunPart, Score
from llmdash.reports.summary import encode_line
from llmdash.reports.wording import money
from tests.reports.fakes import HOSTILE


def row(name: str, wall_s: float, *, jobs: int = 90, done: int = 90, **more: Any) -> Row:
    """A row of 90 scored jobs; `more` goes over the run's figures where it has such a field."""
    run = RunPart(
        name="arithmetic",
        model="gpt-4o-mini",
        keys=1,
        jobs=jobs,
        done=done,
        elapsed_s=wall_s,
        input_tokens=4_923,
        output_tokens=1_524,
        score=Score(84, 4, 2),
        ttft=Percentiles(p50=0.11, p95=0.2),
        latency=Percentiles(p50=0.33, p95=0.52),
    )
    in_run = RunPart.__dataclass_fields__.keys() - Row.__dataclass_fields__.keys()
    of_run = {field: more.pop(field) for field in list(more) if field in in_run}
    what = more.pop("what", f"the {name} way")
    return Row(name, what, 90, None, replace(run, **of_run), **more)


SERIAL = row("serial", 330.0, slowest_s=7.0, calls_s=329.0)
AT_ONCE = row("one-key", 15.0, slowest_s=14.2, calls_s=330.0)
BOTH = Comparison("arithmetic", (SERIAL, AT_ONCE), "serial")


def test_speed_up_is_counted_from_the_base() -> None:
    assert [BOTH.speed_up(each) for each in BOTH.rows] == [1.0, 22.0]


@pytest.mark.parametrize(
    ("first", "second", "base"),
    [
        (replace(SERIAL, run=replace(SERIAL.run, done=89)), AT_ONCE, "serial"),
        (SERIAL, replace(AT_ONCE, run=replace(AT_ONCE.run, done=0, cancelled=90)), "serial"),
        (SERIAL, replace(AT_ONCE, run=replace(AT_ONCE.run, elapsed_s=0.0)), "serial"),
        (SERIAL, AT_ONCE, None),
        (SERIAL, AT_ONCE, "left-out"),
    ],
)
def test_what_was_cut_short_or_has_no_base_is_not_compared(first: Row, second: Row, base: str | None) -> None:
    assert Comparison("x", (first, second), base).speed_up(second) is None


def test_accuracy_is_right_answers_over_all_jobs_as_the_write_up_counts() -> None:
    """A job that failed has no answer, and that is not a right one."""
    failed = row("serial", 1.0, done=80, failed=10, score=Score(75, 5, 0))
    assert failed.accuracy == 75 / 90
    assert "83.3% 75/90" in plain_table(Comparison("x", (failed,)))


def test_the_verdict_names_the_fastest_its_ratio_and_its_slowest_call() -> None:
    assert BOTH.verdict() == (
        "the one-key way: 90 prompts in 00:00:15.000, 22.0 times as fast as the serial way (00:05:30.000), "
        "1.06 times its slowest call."
    )


@pytest.mark.case("screen", "compared-models")
def test_of_models_the_verdict_names_the_fastest_the_most_right_and_the_cheapest() -> None:
    rows = (
        row("a", 15.0, what="a", cost=0.5, score=Score(80, 10, 0)),
        row("b", 10.0, what="b", cost=0.25, score=Score(84, 6, 0)),
        row("c", 20.0, what="c", cost=0.25, score=Score(84, 6, 0)),
    )
    assert Comparison("x", rows).verdict() == (
        "Fastest: b, 90 prompts in 00:00:10.000; most right: b and c, 93.3%; cheapest: b and c, $0.2500."
    )
    unpriced = tuple(replace(each, cost=None, run=replace(each.run, score=None)) for each in rows[:2])
    assert Comparison("x", unpriced).verdict() == "Fastest: b, 90 prompts in 00:00:10.000."


@pytest.mark.case("screen", "compared-models")
def test_a_figure_that_no_row_has_takes_no_column() -> None:
    whole = (row("a", 15.0, score=None, ttft=Percentiles()), row("b", 10.0, score=None, ttft=Percentiles()))
    titles = plain_table(Comparison("x", whole)).splitlines()[0]
    assert not any(title in titles for title in ("speed-up", "cost", "accuracy", "TTFT"))
    assert "latency p50/p95 s" in titles
    assert "TTFT p50/p95 s" in plain_table(Comparison("x", (whole[0], row("c", 1.0)))).splitlines()[0]


@pytest.mark.parametrize("rows", [(), (SERIAL,), (replace(SERIAL, run=RunPart()), AT_ONCE)])
def test_fewer_than_two_whole_rows_have_no_verdict(rows: tuple[Row, ...]) -> None:
    comparison = Comparison("x", rows, "serial")
    assert comparison.verdict() == ""
    assert comparison.summary()["fastest"] is None


def test_a_record_has_the_figures_of_its_row_and_null_where_none_is_known() -> None:
    record = json.loads(encode_line(BOTH.record(AT_ONCE)))
    assert (record["wall"], record["wall_s"], record["speed_up"]) == ("00:00:15.000", 15.0, 22.0)
    assert (record["right"], record["jobs"], record["failed"], record["whole"]) == (84, 90, 0, True)
    assert record["latency_s"] == {"p50": 0.33, "p90": None, "p95": 0.52, "p99": None}
    assert (record["slowest_s"], record["cost"]) == (14.2, None)
    bare = Comparison("x").record(Row("a", "a", 1, None, RunPart()))
    assert bare["accuracy"] is bare["speed_up"] is bare["slowest_s"] is bare["ttft_s"]["p50"] is None


@pytest.mark.parametrize(
    ("costs", "total"), [((0.5, 0.25), 0.75), ((0.5, None), None), ((None, None), None), ((0.0, 0.0), 0.0)]
)
def test_the_whole_cost_is_known_only_if_every_row_s_is(
    costs: tuple[float | None, ...], total: float | None
) -> None:
    rows = tuple(row("x", 1.0, cost=cost) for cost in costs)
    assert Comparison("x", rows).summary()["cost"] == total


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "$0.00"), (0.000812, "$0.000812"), (0.0812, "$0.0812"), (1234.5, "$1,234.50")],
)
def test_money_has_the_decimals_it_takes(value: float | None, said: str) -> None:
    assert money(value) == said


def test_the_plain_table_has_a_line_a_row_in_aligned_columns() -> None:
    lines = plain_table(BOTH).splitlines()
    assert lines[0].split("  ")[0] == "what"
    assert len({line.index("00:") for line in lines[1:3]}) == 1
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[-1] == BOTH.verdict()


def test_a_row_that_is_not_whole_or_was_tuned_by_hand_says_so() -> None:
    marked = row("serial", 1.0, done=3, tuned=True)
    assert "the serial way (not whole, tuned)" in plain_table(Comparison("x", (marked,)))


def test_estimated_tokens_and_their_cost_are_marked() -> None:
    guessed = row("serial", 1.0, tokens_estimated=True, cost=0.5)
    assert "~4,923 / 1,524  ~$0.5000" in plain_table(Comparison("x", (guessed,)))


def test_markdown_has_a_rule_below_the_titles_and_numbers_to_the_right() -> None:
    lines = markdown_table(BOTH).splitlines()
    assert lines[0].startswith("| what ")
    assert set(lines[1]) == set("| -:")
    assert lines[1].count(":") == 8, "there is no cost"
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_a_model_s_name_cannot_break_out_of_a_markdown_cell() -> None:
    evil = Comparison("x", (row("m", 1.0, what="a|b`c`<img src=x>[l](u)*d*"),))
    assert r"a\|b\`c\`\<img src=x\>\[l\](u)\*d\*" in markdown_table(evil)


class Screen(io.StringIO):
    """A terminal of which only the text is kept."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_every_figure_fits_the_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    rows = (SERIAL, AT_ONCE, row("all-keys", 15.1), row("limited", 22.0))
    print_table(Comparison("x", rows, "serial"), screen)
    shown = screen.getvalue()
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines())) <= columns
    for figure in ("00:05:30.000", "22.0x", "93.3% 84/90", "0.33 / 0.52", "4,923 / 1,524"):
        assert figure in shown


@pytest.mark.parametrize("columns", [80, 300])
def test_hostile_names_reach_no_table_raw(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    evil = Comparison(HOSTILE, (row(HOSTILE, 1.0, what=HOSTILE), row("x", 2.0)), HOSTILE)
    print_table(evil, screen)
    told = [
        screen.getvalue(),
        plain_table(evil),
        markdown_table(evil),
        encode_line(evil.record(evil.rows[0])),
    ]
    raw = ("\x1b[2J", "\x1b]", "\x07", "\u202e", "\ud800")
    assert [part for text in told for part in raw if part in text] == []


@given(
    st.lists(
        st.tuples(st.floats(0, 1e7), st.integers(0, 100), st.integers(0, 100), st.none() | st.floats(0, 1e6)),
        max_size=5,
    ),
    st.none() | st.just("0"),
)
def test_any_figures_can_be_shown_and_written(
    figures: list[tuple[float, int, int, float | None]], base: str | None
) -> None:
    rows = tuple(
        row(str(place), wall, jobs=jobs, done=min(jobs, done), slowest_s=slowest, cost=slowest)
        for place, (wall, jobs, done, slowest) in enumerate(figures)
    )
    comparison = Comparison("x", rows, base)
    assert len(plain_table(comparison).splitlines()) >= 1 + len(rows)
    assert len(markdown_table(comparison).splitlines()) >= 2 + len(rows)
    for record in (*map(comparison.record, rows), comparison.summary()):
        json.loads(encode_line(record))
