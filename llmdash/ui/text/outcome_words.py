"""What came of a run, in lines of pieces: (text, style), where the style is the end of a component class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from llmdash.engine.model.frame import ErrorGroup, Percentiles, RunPart, Score
from llmdash.engine.model.states import RunState
from llmdash.ui.text.format import count, dollars, in_seconds, share, si

__all__ = ["OutcomeLine", "failed_kinds", "half_width", "outcome_lines"]

_Z: Final = 1.96
"""Of the 95 % interval."""
_LABEL: Final = 10
_COLUMN: Final = 7

Piece = tuple[str, str]


class OutcomeLine(NamedTuple):
    """A line; where there is no room for all, those with the highest `priority` number go first."""

    pieces: tuple[Piece, ...]
    priority: int = 0


_BLANK: Final = OutcomeLine((), 9)


def outcome_lines(run: RunPart, errors: Sequence[ErrorGroup], width: int) -> list[OutcomeLine]:
    """Return what came of the run, in lines of about `width` cells."""
    cells = len(count(max(run.done, run.failed, run.jobs - run.ended)))
    lines = [_saved(run, cells)]
    if run.score is not None:
        lines += _scored(run.score, cells)
    lines += _lost(run, errors, width, cells)
    lines += [_BLANK, _line("", ("".join(f"{name:>{_COLUMN}}" for name in _SHARES), "muted"), priority=2)]
    lines += [_times("first token", run.ttft, 2)] if run.is_streamed else []
    lines += [
        _times("whole", run.latency, 3),
        _times("waited", run.waited, 5),
        _BLANK,
        _tokens(run, width - _LABEL),
    ]
    if run.cost is not None:
        lines.append(_cost(run))
    lines.append(_unknown(run))
    return lines


_SHARES: Final = ("p50", "p90", "p95", "p99")


def failed_kinds(errors: Sequence[ErrorGroup], width: int) -> str:
    """Return how most jobs failed, by status or else by class: `stalled 26, 500 12`."""
    kinds: Counter[str] = Counter()
    for group in errors:
        if group.jobs:
            kinds[str(group.status or group.kind)] += group.jobs
    text = ""
    for kind, jobs in kinds.most_common():
        longer = f"{text}, {kind} {count(jobs)}" if text else f"{kind} {count(jobs)}"
        if len(longer) > width:
            return text
        text = longer
    return text


def half_width(score: Score) -> float:
    """Return half of the 95 % interval of the accuracy, by Wilson: 0 to 0.5, which knows nothing."""
    total, share = score.total, score.accuracy or 0.0
    if not total:
        return 0.5
    spread = share * (1 - share) / total + _Z**2 / (4 * total**2)
    return _Z * math.sqrt(spread) / (1 + _Z**2 / total)


def _line(label: str, *pieces: Piece, priority: int = 0) -> OutcomeLine:
    return OutcomeLine(((f"{label:<{_LABEL}}", "muted"), *pieces), priority)


def _saved(run: RunPart, cells: int) -> OutcomeLine:
    percent = share(run.done / run.jobs, 2) if run.jobs else ""
    return _line(
        "saved",
        _figure(run.done, "figure", cells),
        (f" of {count(run.jobs)}   ", "muted"),
        (percent, "figure"),
    )


def _scored(score: Score, cells: int) -> list[OutcomeLine]:
    return [
        _line(
            "right",
            _figure(score.right, "success", cells),
            (f"   {share(score.accuracy)}" if score.total else "   none scored", "figure"),
            (f" ± {100 * half_width(score):.1f}" if score.total else "", "muted"),
        ),
        _line(
            "not equal",
            _figure(score.not_equal, "warning", cells),
            ("   no JSON ", "muted"),
            _figure(score.not_parseable, "warning"),
            priority=1,
        ),
    ]


def _lost(run: RunPart, errors: Sequence[ErrorGroup], width: int, cells: int) -> list[OutcomeLine]:
    kinds = failed_kinds(errors, width - _LABEL - cells - 3) if run.failed else ""
    lines = [_line("failed", _figure(run.failed, "error", cells), (f"   {kinds}" if kinds else "", "muted"))]
    if run.invalid:
        lines.append(
            _line(
                "invalid",
                _figure(run.invalid, "error", cells),
                ("   break their schema", "muted"),
                priority=1,
            )
        )
    if run.cancelled:
        lines.append(_line("cancelled", _figure(run.cancelled, "figure", cells), priority=1))
    if run.state is RunState.STOPPED or run.ended < run.jobs:
        if run.batched:
            batched = _figure(run.batched, "figure", cells)
            lines.append(_line("batched", batched, ("   with a provider", "muted")))
        left = _figure(run.jobs - run.ended - run.batched, "warning", cells)
        lines.append(_line("left", left, ("   not asked yet", "muted")))
    if run.left_out:
        lines.append(
            _line(
                "left out", _figure(run.left_out, "warning", cells), ("   input lines", "muted"), priority=1
            )
        )
    return lines


def _times(label: str, times: Percentiles, priority: int) -> OutcomeLine:
    """A row of the table of times; its label may take a cell of the first column."""
    shares = (times.p50, times.p90, times.p95, times.p99)
    cells = "".join(f"{_time(value):>{_COLUMN}}" for value in shares)
    wide = _LABEL + 4 * _COLUMN
    return OutcomeLine(
        ((label, "muted"), (cells.rjust(wide - len(label))[-(wide - len(label)) :], "figure")), priority
    )


def _time(value: float | None) -> str:
    return "–" if value is None else in_seconds(0.0 if value < 0.0005 else value).strip()


def _tokens(run: RunPart, width: int) -> OutcomeLine:
    about = "~" if run.tokens_estimated else ""
    cached = f" ({si(run.cached_tokens).strip()} cached)" if run.cached_tokens else ""
    reasoning = f" ({si(run.reasoning_tokens).strip()} reasoning)" if run.reasoning_tokens else ""
    asked, said = (f"{about}{si(number).strip()}" for number in (run.input_tokens, run.output_tokens))
    plain = f"{asked} in   {said} out"
    if len(plain + cached + reasoning) > width:
        reasoning = ""
    if len(plain + cached) > width:
        cached = ""
    pieces = (
        (asked, "figure"),
        (f" in{cached}   ", "muted"),
        (said, "figure"),
        (f" out{reasoning}", "muted"),
    )
    return _line("tokens", *pieces, priority=4)


def _cost(run: RunPart) -> OutcomeLine:
    most = "≤" if run.cost_is_most else ""
    figure = (most or "~" * run.tokens_estimated) + dollars(run.cost)
    unsure = f"   {dollars(run.cost_uncertain)} of it unsure" if run.cost_uncertain else ""
    batches = f"   {most}{dollars(run.batch_cost)} of it in batches" if run.batch_cost else ""
    return _line("cost", (figure, "figure"), (batches + unsure, "muted"), priority=1)


def _unknown(run: RunPart) -> OutcomeLine:
    words = "request" if run.unknown == 1 else "requests"
    return _line(
        "unknown",
        _figure(run.unknown, "warning"),
        (f" {words} {run.payment.unknown}", "muted" if run.unknown else "faint"),
        priority=1 if run.unknown else 6,
    )


def _figure(number: int, style: str, cells: int = 0) -> Piece:
    """A figure at the right end of its slot of `cells`; a zero is faint."""
    return f"{count(number):>{cells}}", style if number else "faint"
