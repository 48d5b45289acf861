"""The totals of a comparison in words: what fits, what is safe, what scripts read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmdash.engine.model.changes import PairChange
from llmdash.engine.model.comparison import (
    ComparedRun,
    ComparisonTotals,
    Interval,
    MeanDifference,
    Metric,
    ShareDifference,
    ShareKind,
)
from llmdash.engine.model.comparison_words import figure_lines, notes
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import Verdict
from llmdash.reports.summary import encode_line
from llmdash.runs.comparison.comparison import RunComparison
from llmdash.runs.comparison.report import as_markdown, as_record, as_text
from tests.runs.two_runs import per_token, write_run, write_two

RUNS = ComparedRun("small", "m-small"), ComparedRun("large", "m-large")


def share(a: float, b: float, low: float, high: float, kind: ShareKind = ShareKind.RIGHT) -> ShareDifference:
    none = Interval(0, 1)
    return ShareDifference(kind, 100, 3, 4, a, b, none, none, Interval(low, high), 0.0312)


def mean(metric: Metric, a: float, b: float, between: Interval | None) -> MeanDifference:
    return MeanDifference(metric, 100, a, b, between)


def test_the_text_fits_80_columns_and_names_every_figure(tmp_path: Path) -> None:
    with RunComparison(*write_two(tmp_path, 1_000), per_token) as comparison:
        for _ in comparison.steps():
            pass
        text = as_text(comparison.totals, comparison.runs)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("right", "failed", "latency", "first token", "tokens out", "cost of 1,000", "95 % interval"):
        assert word in text
    assert "1,000 prompts in both" in text
    assert "bootstrap" in text


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (share(0.9, 0.95, 0.01, 0.09), "better"),
        (share(0.9, 0.95, -0.01, 0.09), ""),
        (share(0.1, 0.2, 0.05, 0.15, ShareKind.FAILED), "worse"),
        (mean(Metric.LATENCY, 2.0, 1.0, Interval(-1.2, -0.8)), "better"),
        (mean(Metric.COST, 0.001, 0.002, Interval(0.0008, 0.0012)), "worse"),
        (mean(Metric.OUTPUT, 10.0, 20.0, Interval(9.0, 11.0)), "more"),
        (mean(Metric.OUTPUT, 20.0, 10.0, Interval(-11.0, -9.0)), "less"),
        (mean(Metric.OUTPUT, 20.0, 10.0, None), ""),
    ],
)
def test_a_verdict_is_given_only_where_the_interval_leaves_out_0(
    line: ShareDifference | MeanDifference, verdict: str
) -> None:
    shares = (line,) if isinstance(line, ShareDifference) else ()
    means = (line,) if isinstance(line, MeanDifference) else ()
    (found,) = figure_lines(ComparisonTotals(shares=shares, means=means))
    assert found.verdict == verdict


def test_figures_have_the_digits_that_their_interval_gives_them() -> None:
    latency = mean(Metric.LATENCY, 1.23456, 1.34567, Interval(0.05, 0.17))
    (found,) = figure_lines(ComparisonTotals(means=(latency,)))
    assert (found.a, found.b, found.difference) == ("1.235s", "1.346s", "+0.111s")
    assert found.interval == "+0.050 to +0.170"


def test_what_one_should_know_first_is_said() -> None:
    totals = ComparisonTotals(
        matched=0, repeated=(2, 0), prompts_differ=3, complete=True, changes={PairChange.ONLY_A: 4}
    )
    said = list(notes(totals, ComparedRun("a", has_texts=False), RUNS[1]))
    assert said == [
        "A keeps no texts: texts are not compared",
        "no prompt is in both runs",
        "3 ids with a prompt in B that is not the one in A",
        "A has 2 rows of an id that another row has: matched in order",
    ]


@pytest.mark.parametrize(
    ("of_a", "of_b", "said"),
    [
        ({"check": "contains"}, {}, "A was scored by contains, B by the default: "),
        ({}, {"scored_by": "number"}, "A was scored by the default, B by number: "),
        ({"check": "json", "scored_by": "number"}, {"check": "number"}, None),
        ({}, {}, None),
    ],
)
def test_of_runs_scored_by_different_checks_it_is_said_that_they_cannot_be_compared(
    of_a: dict[str, str], of_b: dict[str, str], said: str | None, tmp_path: Path
) -> None:
    a = write_run(tmp_path / "a", [ResultRow(0, "p", "done", text="x", verdict=Verdict.RIGHT)], **of_a)
    b = write_run(tmp_path / "b", [ResultRow(0, "p", "done", text="x", verdict=Verdict.NOT_EQUAL)], **of_b)
    with RunComparison(a, b, per_token) as comparison:
        for _ in comparison.steps():
            pass
        record = as_record(comparison.totals, comparison.runs)
        text = as_text(comparison.totals, comparison.runs)
    wanted = [] if said is None else [f"{said}right and wrong cannot be compared"]
    assert record["notes"] == wanted
    assert (wanted == []) or (wanted[0] in text.splitlines())


def test_runs_without_verdicts_have_no_word_on_their_checks() -> None:
    assert not [*notes(ComparisonTotals(), ComparedRun("a", check="number"), RUNS[1])]


def test_hostile_names_reach_neither_a_terminal_nor_markdown() -> None:
    runs = ComparedRun("\x1b[2J|x", "<b>*m*</b>"), ComparedRun("\u202eevil\n", "m" * 500)
    text = as_text(ComparisonTotals(complete=True), runs)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80
    markdown = as_markdown(ComparisonTotals(complete=True), runs)
    assert "\\|x" in markdown
    assert "\\<b\\>" in markdown


def test_the_record_is_json_with_every_change(tmp_path: Path) -> None:
    with RunComparison(*write_two(tmp_path, 100), per_token) as comparison:
        for _ in comparison.steps():
            pass
        record = json.loads(encode_line(as_record(comparison.totals, comparison.runs)))
    assert sum(record["changes"].values()) == record["pairs"] == 100
    assert {each["name"] for each in record["shares"]} == {"right", "failed"}
    assert {each["name"] for each in record["means"]} >= {"latency", "first_token", "tokens_out", "cost"}
    assert record["means"][0]["interval"][0] <= record["means"][0]["difference"]
