"""The forecast of a run, or of its rest, and what a run is held by until the user says how it goes on."""

from __future__ import annotations

import enum
import math

from llmdash.lean_dataclass import dataclass

__all__ = ["BatchForecast", "ForecastPart", "Hold", "HoldKind", "Range"]


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate: from `low` to `high`. Without a `middle` nothing between them is more likely."""

    low: float
    high: float
    middle: float | None = None

    @property
    def is_open(self) -> bool:
        """True if no high end is known."""
        return self.high == math.inf

    @property
    def expected(self) -> float:
        """The middle; where there is none, the high end: a forecast is no underestimate."""
        return self.high if self.middle is None else self.middle


@dataclass(frozen=True, slots=True)
class ForecastPart:
    """What `jobs` jobs will ask for; a range that is not known is None.

    Without a trial, tokens of prompts are an estimate of four characters a token, and the ranges go from
    what is certain to the most. After a trial (`trial` jobs ended) they are for the rest, and 80 of 100 such
    ranges hold what comes of it.
    """

    jobs: int = 0
    trial: int = 0
    sampled: int = 0
    """The prompts that were read for it; fewer than `jobs` if it is an estimate from some of them."""
    input_tokens: Range | None = None
    output_tokens: Range | None = None
    cost: Range | None = None
    """Dollars."""
    batch_cost: Range | None = None
    """Dollars where it is sent in batches; None where that is not asked for."""
    seconds: Range | None = None
    binds: str = ""
    """What limits the pace, in words: `the rate of 20/s`."""
    accuracy: Range | None = None
    """Right answers over all scored ones, 0 to 1."""
    failed: Range | None = None
    """Jobs that fail, or are invalid."""
    basis: str = ""
    """What the tokens of answers rest on, in words."""
    spends: bool = True
    """False where a simulator answers: nothing costs anything."""


@dataclass(frozen=True, slots=True)
class BatchForecast:
    """What pending jobs would cost and take live, and in batches; what is not known is None. Costs are in
    dollars, times in seconds.
    """

    jobs: int = 0
    """Those that would be sent."""
    stay: int = 0
    """Those that no batch can carry; about as many, where not all were looked at."""
    why: str = ""
    """Why they cannot."""
    live_cost: float | None = None
    cost: float | None = None
    is_bound: bool = False
    """True if the costs are at most: how long answers will be is not known yet."""
    is_full_price: bool = False
    """True if some of it has no known price in batches, and so counts as much as live."""
    live_s: float | None = None
    usual_s: float | None = None
    """The median of the batches that came back: of this run, and of others from there."""
    seen: int = 0
    """How many those are."""
    most_s: float = 0.0
    """How long a batch lives at most."""
    files: int = 0
    bytes: int = 0
    spends: bool = True
    """False where a simulator answers: nothing is paid."""


class HoldKind(enum.Enum):
    """What holds a run; the values are those of the journal's fact `held`."""

    TRIAL = "trial"
    BUDGET = "budget"
    BATCHES = "batches"


@dataclass(frozen=True, slots=True)
class Hold:
    """A run that sends nothing new until the user says how it goes on: texts for a line.

    `said` is what is known so far, `rest` what the others will take, `fix` what the user can do, `beside`
    what the requests in flight may still add. After a trial the rest goes first: a narrow screen must not cut
    it off.
    """

    kind: HoldKind
    said: str
    rest: str = ""
    fix: str = ""
    beside: str = ""

    @property
    def text(self) -> str:
        said = ", ".join(filter(None, (self.said, self.beside)))
        first = self.rest if self.kind is HoldKind.TRIAL else said
        parts = dict.fromkeys((first, said, self.rest))
        return f"{self.kind.value.capitalize()} held: {'; '.join(filter(None, parts))}"
