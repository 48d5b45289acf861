"""Two kept runs side by side: what a front end asks of a comparison, and the picture that it gets."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple, Protocol

from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.states import Verdict
from llmdash.lean_dataclass import dataclass

__all__ = [
    "NOTHING_READ",
    "ComparedRun",
    "ComparisonPart",
    "ComparisonSource",
    "ComparisonTotals",
    "Interval",
    "MeanDifference",
    "Metric",
    "PairDetail",
    "PairRow",
    "PairSide",
    "PairSort",
    "PairsView",
    "Piece",
    "ShareDifference",
    "ShareKind",
    "TextSide",
]


class Metric(enum.Enum):
    """A figure of an answer that has a mean: seconds, tokens, dollars."""

    LATENCY = "latency"
    TTFT = "first token"
    INPUT = "tokens in"
    OUTPUT = "tokens out"
    COST = "cost"


class ShareKind(enum.Enum):
    """A share of the prompts that are in both runs.

    RIGHT is of those with a verdict in both; FAILED and INVALID of those that were cancelled in neither.
    """

    RIGHT = "right"
    FAILED = "failed"
    INVALID = "invalid"


class Interval(NamedTuple):
    """The ends of a 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """A share in both runs, of the same `pairs` prompts. `p` is that of McNemar's test, its mid-p version.

    `only_a` prompts count in A and not in B, `only_b` the other way round.
    """

    kind: ShareKind
    pairs: int
    only_a: int
    only_b: int
    a: float
    b: float
    of_a: Interval
    of_b: Interval
    difference: Interval
    p: float


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """A mean in both runs, over the `pairs` prompts that were answered in both and whose figure is known.

    `difference` is None for fewer than two pairs; it is by bootstrap where `resampled`, else normal.
    """

    metric: Metric
    pairs: int
    a: float
    b: float
    difference: Interval | None
    resampled: bool = False


@dataclass(frozen=True, slots=True)
class ComparisonTotals:
    """Counts and figures over what was read so far; all of it once `complete`.

    `matched` by id, `matched_by_prompt` by the hash of the prompt. `repeated` are the rows of A and of B
    whose id another row before has as well. `prompts_differ` counts pairs of one id with different prompts.
    `same_text` is (share, interval, pairs answered in both), None where texts cannot be compared.
    """

    changes: Mapping[PairChange, int] = field(default_factory=dict)
    matched: int = 0
    matched_by_prompt: int = 0
    repeated: tuple[int, int] = (0, 0)
    prompts_differ: int = 0
    shares: tuple[ShareDifference, ...] = ()
    means: tuple[MeanDifference, ...] = ()
    same_text: tuple[float, Interval, int] | None = None
    complete: bool = False

    @property
    def pairs(self) -> int:
        """The prompts that are in both runs."""
        return self.matched + self.matched_by_prompt

    def count(self, changes: frozenset[PairChange] = CHANGED) -> int:
        """Return how many prompts changed in one of these ways."""
        return sum(self.changes.get(change, 0) for change in changes)


NOTHING_READ = ComparisonTotals()


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of the two runs: how it is called, who answered, whether its texts were kept, and the check by
    which its answers were scored where their prompts name none; empty for the default.
    """

    name: str
    model: str = ""
    folder: str = ""
    has_texts: bool = True
    check: str = ""


class PairSide(NamedTuple):
    """The outcome of a prompt in one run. `job` is its place in the input, from 0; times in seconds.

    `begins` is how its answer, or its error, begins.
    """

    job: int
    id: str
    state: str
    verdict: Verdict = Verdict.UNSCORED
    ttft_s: float | None = None
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    begins: str = ""


class PairRow(NamedTuple):
    """A prompt in both runs; None for the run that it has not ended in. `pair` names it."""

    pair: int
    change: PairChange
    a: PairSide | None
    b: PairSide | None

    @property
    def id(self) -> str:
        side = self.a or self.b
        return "" if side is None else side.id


class Piece(NamedTuple):
    """A part of a text; one that `differs` is not in the other text."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class TextSide:
    """What a prompt got in one run: the answer in pieces (None if there is no text), its error.

    `cut` characters at the end of the text are not in the pieces.
    """

    pieces: tuple[Piece, ...] | None
    error: str = ""
    expected: str = ""
    cut: int = 0


@dataclass(frozen=True, slots=True)
class PairDetail:
    """A pair in full. `marked` is False where the texts are too long for their differences to be marked."""

    row: PairRow
    a: TextSide | None
    b: TextSide | None
    marked: bool = True


class PairSort(enum.Enum):
    """The orders of pairs: differences are those of B less A, the greatest amount first."""

    INPUT = "input order"
    CHANGE = "kind of change"
    LATENCY = "latency"
    OUTPUT = "tokens out"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class PairsView:
    """What a front end shows: `height` rows from `first` on, of the pairs with one of these `changes` whose
    id contains `text`; and one pair in full.
    """

    changes: frozenset[PairChange] = CHANGED
    text: str = ""
    sort: PairSort = PairSort.INPUT
    reverse: bool = False
    first: int = 0
    height: int = 0
    inspect: int | None = None


@dataclass(frozen=True, slots=True)
class ComparisonPart:
    """The picture of a comparison. `rows` are those from `first` on of `matching`, as asked for by `view`.

    `progress` is 0 to 1; `busy` as long as a later picture will say more, `problem` why no more will come.
    """

    a: ComparedRun
    b: ComparedRun
    totals: ComparisonTotals = NOTHING_READ
    progress: float = 0.0
    view: PairsView = PairsView()
    matching: int = 0
    first: int = 0
    rows: tuple[PairRow, ...] = ()
    detail: PairDetail | None = None
    busy: bool = True
    problem: str = ""
    notices: tuple[str, ...] = ()
    """What was reported since the beginning, such as where an export is; the last some."""


class ComparisonSource(Protocol):
    """A comparison that can be looked at while it is made. Its methods return at once, from any thread."""

    def picture(self, view: PairsView) -> ComparisonPart:
        """Return what is known now; a later picture shows what `view` asks for in addition."""

    def export(self, view: PairsView) -> None:
        """Write the pairs of a view to a file; a later picture has a notice that says where, or why not."""
