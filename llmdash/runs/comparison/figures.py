"""Counts and figures of pairs, added up batch by batch."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator

from llmdash.engine.model.changes import PairChange
from llmdash.engine.model.comparison import (
    ComparisonTotals,
    Interval,
    MeanDifference,
    Metric,
    ShareDifference,
    ShareKind,
)
from llmdash.lean_dataclass import dataclass
from llmdash.runs.comparison.outcomes import ANSWERED, PairOutcome, change_of, decoded
from llmdash.runs.comparison.pairing import Batch, Stage
from llmdash.runs.comparison.statistics import (
    bootstrap_interval,
    mcnemar_mid_p,
    newcombe_interval,
    normal_interval,
    wilson_interval,
)

__all__ = ["PairedFigures"]

_MOST_RESAMPLED = 10_000
"""Pairs up to which a mean gets its interval by bootstrap."""
_SEED = 20_26
_COLUMNS = {
    Metric.LATENCY: "latency_s",
    Metric.TTFT: "ttft_s",
    Metric.INPUT: "input_tokens",
    Metric.OUTPUT: "output_tokens",
    Metric.COST: "cost",
}
_ANSWERED = f"code IN ({', '.join(map(str, ANSWERED))})"
_CODES = "SELECT code, COUNT(*), TOTAL(prompt_differs) FROM pairs WHERE pair BETWEEN ? AND ? GROUP BY code"
_RIGHT: dict[PairOutcome, bool] = {PairOutcome.RIGHT: True, PairOutcome.WRONG: False}
_SHARES: dict[ShareKind, Callable[[PairOutcome], bool | None]] = {
    ShareKind.RIGHT: _RIGHT.get,
    ShareKind.FAILED: lambda outcome: (
        None if outcome is PairOutcome.CANCELLED else outcome is PairOutcome.FAILED
    ),
    ShareKind.INVALID: lambda outcome: (
        None if outcome is PairOutcome.CANCELLED else outcome is PairOutcome.INVALID
    ),
}
"""Whether an outcome counts in a share; None where it says nothing about it."""


@dataclass(slots=True)
class _Moments:
    """Sums of a figure in both runs, and the squared deviations of their differences from the mean one."""

    n: int = 0
    a: float = 0.0
    b: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """The mean of the differences, B less A."""
        return (self.b - self.a) / self.n if self.n else 0.0

    def add(self, other: _Moments) -> None:
        """Chan, Golub, LeVeque (1979): Updating formulae and a pairwise algorithm for sample variances."""
        if not other.n:
            return
        apart = other.mean - self.mean
        total = self.n + other.n
        self.squares += other.squares + apart * apart * self.n * other.n / total
        self.n, self.a, self.b = total, self.a + other.a, self.b + other.b


class PairedFigures:
    """Adds up the pairs of a table `pairs`; `totals` may be asked for at any time."""

    def __init__(self, db: sqlite3.Connection, *, texts: bool) -> None:
        self._db = db
        self._texts = texts
        self._codes: Counter[int] = Counter()
        self._prompts_differ = 0
        self._matched = self._by_prompt = 0
        self._moments = {metric: _Moments() for metric in Metric}

    def add(self, batch: Batch) -> None:
        """Add the pairs of a batch."""
        rows = self._db.execute(_CODES, (batch.low, batch.high)).fetchall()
        found = Counter({code: number for code, number, _ in rows})
        self._codes += found
        if batch.stage in (Stage.ONLY_A, Stage.ONLY_B):
            return
        if batch.stage is Stage.PROMPT:
            self._by_prompt += found.total()
        else:
            self._matched += found.total()
        self._prompts_differ += int(sum(differ for *_, differ in rows))
        for metric, moments in zip(Metric, self._batch_moments(batch), strict=True):
            self._moments[metric].add(moments)

    def _batch_moments(self, batch: Batch) -> Iterator[_Moments]:
        """The moments of a batch; deviations are from the mean so far, which keeps their digits."""
        columns = ", ".join(_sums(_COLUMNS[metric]) for metric in Metric)
        shifts = [self._moments[metric].mean for metric in Metric]
        query = f"SELECT {columns} FROM pairs WHERE pair BETWEEN ? AND ? AND {_ANSWERED}"  # noqa: S608 - our own names
        values = [value for shift in shifts for value in (shift, shift)]
        row = self._db.execute(query, (*values, batch.low, batch.high)).fetchone()
        for at, shift in enumerate(shifts):
            n, a, b, squares = row[4 * at : 4 * at + 4]
            moments = _Moments(n, a, b)
            if n:
                moments.squares = max(0.0, squares - n * (moments.mean - shift) ** 2)
            yield moments

    def totals(self, repeated: tuple[int, int] = (0, 0)) -> ComparisonTotals:
        """Return the figures of what was added so far, with normal intervals for the means."""
        changes: Counter[PairChange] = Counter()
        for code, number in self._codes.items():
            changes[change_of(code)] += number
        return ComparisonTotals(
            changes=dict(changes),
            matched=self._matched,
            matched_by_prompt=self._by_prompt,
            repeated=repeated,
            prompts_differ=self._prompts_differ,
            shares=tuple(share for kind in ShareKind if (share := self._share(kind)) is not None),
            means=tuple(_mean(metric, each) for metric, each in self._moments.items() if each.n),
            same_text=self._same_text() if self._texts else None,
        )

    def _share(self, kind: ShareKind) -> ShareDifference | None:
        """A share in both runs; None where no pair says anything about it, or no prompt is invalid."""
        counts_in = _SHARES[kind]
        cells: Counter[tuple[bool, bool]] = Counter()
        for code, number in self._codes.items():
            a, b, _ = decoded(code)
            if PairOutcome.NONE in (a, b):
                continue
            in_a, in_b = counts_in(a), counts_in(b)
            if in_a is not None and in_b is not None:
                cells[in_a, in_b] += number
        both, only_a = cells[True, True], cells[True, False]
        only_b, neither = cells[False, True], cells[False, False]
        n = cells.total()
        if n == 0 or (kind is ShareKind.INVALID and neither == n):
            return None
        return ShareDifference(
            kind=kind,
            pairs=n,
            only_a=only_a,
            only_b=only_b,
            a=(both + only_a) / n,
            b=(both + only_b) / n,
            of_a=wilson_interval(both + only_a, n),
            of_b=wilson_interval(both + only_b, n),
            difference=newcombe_interval(both, only_a, only_b, neither),
            p=mcnemar_mid_p(only_a, only_b),
        )

    def _same_text(self) -> tuple[float, Interval, int] | None:
        same = sum(self._codes[code] for code in ANSWERED if not decoded(code)[2])
        pairs = sum(self._codes[code] for code in ANSWERED)
        return (same / pairs, wilson_interval(same, pairs), pairs) if pairs else None

    def resampled(self, metric: Metric) -> MeanDifference | None:
        """Return a mean with its interval by bootstrap; None where there are too many pairs or none."""
        moments = self._moments[metric]
        if not 0 < moments.n <= _MOST_RESAMPLED:
            return None
        name = _COLUMNS[metric]
        rows = self._db.execute(
            f"SELECT b_{name} - a_{name} AS apart FROM pairs "  # noqa: S608 - our own names
            f"WHERE {_ANSWERED} AND apart IS NOT NULL ORDER BY pair"
        )
        interval = bootstrap_interval([float(apart) for (apart,) in rows], _SEED)
        return MeanDifference(
            metric, moments.n, moments.a / moments.n, moments.b / moments.n, interval, resampled=True
        )


def _sums(name: str) -> str:
    """The SQL of four sums over the rows where both sides are known."""
    a, b = f"a_{name}", f"b_{name}"
    return (
        f"COUNT({a} + {b}), TOTAL({a} + 0 * {b}), TOTAL({b} + 0 * {a}), "
        f"TOTAL(({b} - {a} - ?) * ({b} - {a} - ?))"
    )


def _mean(metric: Metric, moments: _Moments) -> MeanDifference:
    n = moments.n
    interval = normal_interval(moments.mean, moments.squares, n)
    return MeanDifference(metric, n, moments.a / n, moments.b / n, interval)
