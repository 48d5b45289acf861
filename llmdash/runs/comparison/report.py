"""The totals of a comparison as plain text, as Markdown, and as an object for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from llmdash.engine.model.changes import CHANGE_NAMES, CHANGES, PairChange
from llmdash.engine.model.comparison import (
    ComparedRun,
    ComparisonTotals,
    Interval,
    MeanDifference,
    ShareDifference,
)
from llmdash.engine.model.comparison_words import (
    FigureLine,
    figure_lines,
    method_lines,
    notes,
    same_text_words,
)
from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean_line

__all__ = ["as_markdown", "as_record", "as_text"]

_TITLES = ("", "A", "B", "B - A", "95 % interval", "")
_WIDTH = 80
_RUN_WIDTH = 36

Runs = tuple[ComparedRun, ComparedRun]


def as_text(totals: ComparisonTotals, runs: Runs) -> str:
    """Return the totals as lines of at most 80 cells, safe to show, without a line feed at the end."""
    lines = [*_heads(runs), "", *_counts(totals), ""]
    table = [_TITLES, *map(_cells, figure_lines(totals))]
    widths = [max(len(row[at]) for row in table) for at in range(len(_TITLES))]
    if len(table) > 1:
        lines += [_aligned(row, widths) for row in table] + [""]
    changes = [(CHANGES[change], f"{number:,}") for change, number in _changes(totals)]
    if changes:
        width = max(len(number) for _, number in changes)
        lines += [f"{words:16}{number:>{width}}" for words, number in changes] + [""]
    lines += [*notes(totals, *runs), *method_lines(totals)]
    return "\n".join(line[:_WIDTH].rstrip() for line in lines).rstrip()


def _heads(runs: Runs) -> Iterator[str]:
    for name, run in zip("AB", runs, strict=True):
        yield f"{name}  {clean_line(run.name)[:_RUN_WIDTH]:{_RUN_WIDTH}}  {clean_line(run.model)}"


def _counts(totals: ComparisonTotals) -> Iterator[str]:
    alone = [
        f"{totals.changes[change]:,} {CHANGES[change]}"
        for change in (PairChange.ONLY_A, PairChange.ONLY_B)
        if totals.changes.get(change)
    ]
    yield ", ".join([f"{counted(totals.pairs, 'prompt')} in both", *alone])
    if same := same_text_words(totals):
        yield same


def _changes(totals: ComparisonTotals) -> Iterator[tuple[PairChange, int]]:
    for change in CHANGES:
        if number := totals.changes.get(change):
            yield change, number


def _cells(line: FigureLine) -> tuple[str, ...]:
    return line.name, line.a, line.b, line.difference, line.interval, line.certainty


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if at in (0, len(widths) - 1) else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def as_markdown(totals: ComparisonTotals, runs: Runs) -> str:
    """Return the totals as two tables of GitHub's Markdown and sentences below them."""
    lines = [
        f"**{name}**: {_escaped(run.name)} {_escaped(run.model)}  "
        for name, run in zip("AB", runs, strict=True)
    ]
    lines += ["", *(f"- {line}" for line in _counts(totals)), ""]
    lines += ["| figure | A | B | B - A | 95 % interval | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    lines += [f"| {' | '.join(_escaped(cell) for cell in _cells(line))} |" for line in figure_lines(totals)]
    lines += ["", "| change | prompts |", "| --- | ---: |"]
    lines += [f"| {CHANGES[change]} | {number:,} |" for change, number in _changes(totals)]
    said = [_escaped(line) for line in (*notes(totals, *runs), *method_lines(totals))]
    return "\n".join([*lines, *(("", *(f"- {line}" for line in said)) if said else ())])


def _escaped(text: str) -> str:
    """Return a text with the special characters of Markdown and HTML escaped."""
    return re.sub(r"([\\|`*_<>\[\]&])", r"\\\1", clean_line(text))


def as_record(totals: ComparisonTotals, runs: Runs) -> dict[str, Any]:
    """Return the totals for scripts: shares of 1, seconds, tokens, dollars; `interval` has 95 %."""
    names = {change: name for name, change in CHANGE_NAMES.items()}
    same = totals.same_text
    return {
        "type": "comparison",
        **{name: _run(run) for name, run in zip("ab", runs, strict=True)},
        "pairs": totals.pairs,
        "matched_by_prompt": totals.matched_by_prompt,
        "prompts_differ": totals.prompts_differ,
        "repeated_ids": dict(zip("ab", totals.repeated, strict=True)),
        "changes": {names[change]: totals.changes.get(change, 0) for change in CHANGES},
        "shares": [_share(share) for share in totals.shares],
        "means": [_mean(mean) for mean in totals.means],
        "same_text": None
        if same is None
        else {"share": same[0], "interval": list(same[1]), "pairs": same[2]},
        "notes": [*notes(totals, *runs)],
        "methods": [*method_lines(totals)],
    }


def _run(run: ComparedRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "model": run.model,
        "run_dir": run.folder,
        "has_texts": run.has_texts,
        "check": run.check or None,
    }


def _share(share: ShareDifference) -> dict[str, Any]:
    return {
        "name": share.kind.value,
        "pairs": share.pairs,
        "a": share.a,
        "a_interval": list(share.of_a),
        "b": share.b,
        "b_interval": list(share.of_b),
        "only_a": share.only_a,
        "only_b": share.only_b,
        "difference": share.b - share.a,
        "interval": list(share.difference),
        "p": share.p,
    }


def _mean(mean: MeanDifference) -> dict[str, Any]:
    return {
        "name": mean.metric.value.replace(" ", "_"),
        "pairs": mean.pairs,
        "a": mean.a,
        "b": mean.b,
        "difference": mean.b - mean.a,
        "interval": _listed(mean.difference),
        "method": None if mean.difference is None else "bootstrap" if mean.resampled else "normal",
    }


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
