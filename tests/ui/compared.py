"""A comparison that is made up by a formula: the same view has the same picture, always."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmdash.engine.model.changes import PairChange
from llmdash.engine.model.comparison import (
    ComparedRun,
    ComparisonPart,
    ComparisonTotals,
    Interval,
    MeanDifference,
    Metric,
    PairDetail,
    PairRow,
    PairSide,
    PairsView,
    Piece,
    ShareDifference,
    ShareKind,
    TextSide,
)
from llmdash.engine.model.states import Verdict

__all__ = ["TOTALS", "FakeComparison"]

_KINDS = (
    PairChange.WORSE,
    PairChange.TEXT,
    PairChange.BETTER,
    PairChange.TEXT,
    PairChange.LOST,
    PairChange.RECOVERED,
    PairChange.ONLY_B,
)
_ENDS = {
    PairChange.WORSE: (("done", Verdict.RIGHT), ("done", Verdict.NOT_EQUAL)),
    PairChange.TEXT: (("done", Verdict.RIGHT), ("done", Verdict.RIGHT)),
    PairChange.BETTER: (("done", Verdict.NOT_PARSEABLE), ("done", Verdict.RIGHT)),
    PairChange.LOST: (("done", Verdict.RIGHT), ("failed", Verdict.UNSCORED)),
    PairChange.RECOVERED: (("failed", Verdict.UNSCORED), ("done", Verdict.UNSCORED)),
    PairChange.ONLY_B: (None, ("done", Verdict.RIGHT)),
}
TOTALS = ComparisonTotals(
    changes={
        PairChange.SAME: 8_400,
        PairChange.WORSE: 120,
        PairChange.BETTER: 214,
        PairChange.LOST: 31,
        PairChange.RECOVERED: 12,
        PairChange.TEXT: 1_223,
        PairChange.ONLY_B: 4,
    },
    matched=10_000,
    shares=(
        ShareDifference(
            ShareKind.RIGHT,
            9_950,
            120,
            214,
            0.948,
            0.957,
            Interval(0.943, 0.952),
            Interval(0.953, 0.961),
            Interval(0.0059, 0.0130),
            0.0000002,
        ),
        ShareDifference(
            ShareKind.FAILED,
            10_000,
            12,
            31,
            0.0042,
            0.0061,
            Interval(0.003, 0.006),
            Interval(0.005, 0.008),
            Interval(0.0006, 0.0033),
            0.0041,
        ),
    ),
    means=(
        MeanDifference(Metric.LATENCY, 9_930, 0.941, 1.204, Interval(0.241, 0.285), resampled=True),
        MeanDifference(Metric.TTFT, 9_930, 0.412, 0.409, Interval(-0.009, 0.003), resampled=True),
        MeanDifference(Metric.INPUT, 9_930, 54.0, 54.0, Interval(0.0, 0.0), resampled=True),
        MeanDifference(Metric.OUTPUT, 9_930, 15.2, 19.8, Interval(4.4, 4.8), resampled=True),
        MeanDifference(Metric.COST, 9_930, 0.0000171, 0.000127, Interval(0.000108, 0.000112), resampled=True),
    ),
    same_text=(0.846, Interval(0.839, 0.853), 9_930),
    complete=True,
)


@dataclass
class FakeComparison:
    """`rows` pairs of changing kinds; a test sets the answers, and what is reported.

    An export is written after `export_takes` pictures, which are busy.
    """

    rows: int = 1_604
    totals: ComparisonTotals = TOTALS
    name: str = "add-{:04d}"
    a: tuple[Piece, ...] = (
        Piece('{"expression": "4 x 17 - 3", "result": ', False),
        Piece("65", True),
        Piece("}", False),
    )
    b: tuple[Piece, ...] = (
        Piece('{"expression": "4 x 17 - 3", "result": ', False),
        Piece("56", True),
        Piece("}", False),
    )
    error: str = "500 server error"
    expected: str = "65"
    cut: int = 0
    marked: bool = True
    progress: float = 1.0
    problem: str = ""
    runs: tuple[ComparedRun, ComparedRun] = (
        ComparedRun("arithmetic-small", "gpt-4o-mini"),
        ComparedRun("arithmetic-large", "gpt-4o"),
    )
    views: list[PairsView] = field(default_factory=list)
    exported: list[PairsView] = field(default_factory=list)
    export_takes: int = 0

    def picture(self, view: PairsView) -> ComparisonPart:
        self.views.append(view)
        writes = bool(self.exported) and self.export_takes > 0
        self.export_takes -= writes
        kinds = [kind for kind in _KINDS if kind in view.changes]
        matching = self.rows * len(kinds) // len(_KINDS)
        last = min(view.first + view.height, matching)
        return ComparisonPart(
            *self.runs,
            totals=self.totals,
            progress=self.progress,
            view=view,
            matching=matching,
            first=view.first,
            rows=tuple(self._row(place, kinds) for place in range(view.first, last)),
            detail=None if view.inspect is None else self._detail(view.inspect, kinds),
            busy=(not self.totals.complete and not self.problem) or writes,
            problem=self.problem,
            notices=tuple(f"{matching} rows in comparison.csv" for _ in self.exported if not writes),
        )

    def export(self, view: PairsView) -> None:
        self.exported.append(view)

    def _row(self, place: int, kinds: list[PairChange]) -> PairRow:
        change = kinds[place % len(kinds)]
        a, b = (self._side(place, end, bool(at)) for at, end in enumerate(_ENDS[change]))
        return PairRow(place, change, a, b)

    def _side(self, place: int, end: tuple[str, Verdict] | None, in_b: bool) -> PairSide | None:
        if end is None:
            return None
        state, verdict = end
        seconds = 0.4 + (place * (7 if in_b else 5) % 23) / 10
        tokens = 15 + place * (3 if in_b else 2) % 9
        begins = (
            self.error if state == "failed" else "".join(piece.text for piece in (self.b if in_b else self.a))
        )
        return PairSide(
            place,
            self.name.format(place),
            state,
            verdict,
            0.3,
            seconds,
            54,
            tokens,
            tokens * 1.1e-6,
            begins[:200],
        )

    def _detail(self, pair: int, kinds: list[PairChange]) -> PairDetail:
        row = self._row(pair, kinds)
        a, b = (
            None
            if side is None
            else TextSide(None, self.error)
            if side.state == "failed"
            else TextSide(pieces, "", self.expected, self.cut)
            for side, pieces in ((row.a, self.a), (row.b, self.b))
        )
        return PairDetail(row, a, b, self.marked)
