"""The words and figures of a comparison, the same on the screen and in reports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from llmdash.engine.model.amounts import share
from llmdash.engine.model.comparison import (
    ComparedRun,
    ComparisonTotals,
    Interval,
    MeanDifference,
    Metric,
    ShareDifference,
    ShareKind,
)
from llmdash.engine.model.counts import counted

__all__ = [
    "FigureLine",
    "figure_lines",
    "method_lines",
    "notes",
    "same_text_words",
]

UNKNOWN: Final = "–"


class _Unit(NamedTuple):
    """How a mean is shown: its name, what it is multiplied by, its sign, and its decimals at most."""

    name: str
    times: float = 1.0
    before: str = ""
    after: str = ""
    places: int = 2


_UNITS: Final = {
    Metric.LATENCY: _Unit("latency", after="s", places=4),
    Metric.TTFT: _Unit("first token", after="s", places=4),
    Metric.INPUT: _Unit("tokens in"),
    Metric.OUTPUT: _Unit("tokens out"),
    Metric.COST: _Unit("cost of 1,000", times=1_000, before="$", places=4),
}
_WELCOME: Final[dict[ShareKind | Metric, int]] = {
    ShareKind.RIGHT: 1,
    ShareKind.FAILED: -1,
    ShareKind.INVALID: -1,
    Metric.LATENCY: -1,
    Metric.TTFT: -1,
    Metric.INPUT: 0,
    Metric.OUTPUT: 0,
    Metric.COST: -1,
}
"""The direction of a difference that is welcome; 0 where neither is."""


class FigureLine(NamedTuple):
    """A figure in A and in B, B less A with its 95 % interval, and what is known of that.

    `verdict` is a word where the interval leaves out 0: better, worse, more or less. `certainty` is that word
    and the p value, as far as there is one.
    """

    name: str
    a: str
    b: str
    difference: str
    interval: str
    verdict: str
    certainty: str
    pairs: int


def figure_lines(totals: ComparisonTotals) -> Iterator[FigureLine]:
    """Yield a line for each figure that is known."""
    for shares in totals.shares:
        yield _share_line(shares)
    for mean in totals.means:
        yield _mean_line(mean)


def _share_line(shares: ShareDifference) -> FigureLine:
    low, high = shares.difference
    places = max(1, min(3, _places(100 * (high - low))))
    return FigureLine(
        name=shares.kind.value,
        a=share(shares.a, places),
        b=share(shares.b, places),
        difference=f"{100 * (shares.b - shares.a):+.{places}f}pp",
        interval=f"{100 * low:+.{places}f} to {100 * high:+.{places}f}",
        verdict=(verdict := _verdict(shares.difference, _WELCOME[shares.kind])),
        certainty=f"{verdict} {_p(shares.p)}".strip(),
        pairs=shares.pairs,
    )


def _mean_line(mean: MeanDifference) -> FigureLine:
    unit = _UNITS[mean.metric]
    a, b, between = mean.a * unit.times, mean.b * unit.times, mean.difference
    spread = (between.high - between.low) * unit.times if between else 0.0
    places = min(unit.places, _places(spread or max(abs(a), abs(b)) / 10))
    ends = () if between is None else [_signed(end * unit.times, places, "") for end in between]
    return FigureLine(
        name=unit.name,
        a=f"{unit.before}{a:.{places}f}{unit.after}",
        b=f"{unit.before}{b:.{places}f}{unit.after}",
        difference=f"{_signed(b - a, places, unit.before)}{unit.after}",
        interval=" to ".join(ends) or UNKNOWN,
        verdict=(verdict := _verdict(between, _WELCOME[mean.metric])),
        certainty=verdict,
        pairs=mean.pairs,
    )


def _places(spread: float) -> int:
    """The decimals with which an interval of this width has two digits that count."""
    if spread <= 0 or not math.isfinite(spread):
        return 1
    return max(0, 1 - math.floor(math.log10(spread / 2)))


def _signed(value: float, places: int, sign: str) -> str:
    return f"{'-' if value < 0 else '+'}{sign}{abs(value):.{places}f}"


def _verdict(interval: Interval | None, welcome: int) -> str:
    """A word for a difference that is certain; empty where 0 is in the interval."""
    if interval is None or interval.low <= 0 <= interval.high:
        return ""
    direction = 1 if interval.low > 0 else -1
    if not welcome:
        return "more" if direction > 0 else "less"
    return "better" if direction == welcome else "worse"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def notes(totals: ComparisonTotals, a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    """Yield what one should know before one believes the figures, a sentence each."""
    if a.check != b.check and any(share.kind is ShareKind.RIGHT for share in totals.shares):
        by = (run.check or "the default" for run in (a, b))
        yield "A was scored by {}, B by {}: right and wrong cannot be compared".format(*by)
    for name, run in (("A", a), ("B", b)):
        if not run.has_texts:
            yield f"{name} keeps no texts: texts are not compared"
    if totals.complete and not totals.pairs:
        yield "no prompt is in both runs"
    if totals.matched_by_prompt:
        yield f"{counted(totals.matched_by_prompt, 'prompt')} matched by the prompt, under another id"
    if totals.prompts_differ:
        yield f"{counted(totals.prompts_differ, 'id')} with a prompt in B that is not the one in A"
    for name, repeated in zip("AB", totals.repeated, strict=True):
        if repeated:
            yield f"{name} has {counted(repeated, 'row')} of an id that another row has: matched in order"


def same_text_words(totals: ComparisonTotals) -> str:
    """Return how many of the answers say the same in both runs; empty where that is not known."""
    if totals.same_text is None:
        return ""
    same, (low, high), pairs = totals.same_text
    return f"same text {share(same)} ({100 * low:.1f} to {100 * high:.1f}) of {pairs:,} answered in both"


def method_lines(totals: ComparisonTotals) -> Iterator[str]:
    """Yield where intervals and p values come from."""
    if totals.shares:
        yield "shares: paired prompts, Newcombe's interval (1998, method 10), McNemar's mid-p"
    if any(mean.resampled for mean in totals.means):
        yield "means: prompts answered in both runs, percentile bootstrap of 1,000 resamples"
    if any(mean.difference and not mean.resampled for mean in totals.means):
        yield "means: prompts answered in both runs, normal approximation"
