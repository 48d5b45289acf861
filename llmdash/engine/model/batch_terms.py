"""BatchTerms: how a run uses batches, and BatchPace: how patient it is with the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from llmdash.lean_dataclass import dataclass

__all__ = ["BatchErrand", "BatchPace", "BatchTerms", "EarlierTimes", "none_earlier"]

EarlierTimes = Callable[[str, str], Sequence[float]]
"""How many seconds the last batches of other runs took, by (endpoint, model); it may take a moment."""


def none_earlier(_endpoint: str, _model: str) -> Sequence[float]:
    """Return none: no other run is known."""
    return ()


@dataclass(frozen=True, slots=True)
class BatchPace:
    """Seconds. A batch is looked at after `first_look`, then after `growth` times longer, up to
    `longest_look`.

    After a creation whose answer was lost it is looked for at each of `search` seconds before another one is
    made. A batch that was just made may not be found for `fresh`; one that is cancelled may go on for
    `cancelling`. A call that failed is made again after `again`, doubling up to `longest_again`; a queue that
    is full rests for `full`, doubling up to `longest_look` times four.
    """

    first_look: float = 15.0
    growth: float = 1.5
    longest_look: float = 300.0
    search: tuple[float, ...] = (5.0, 40.0, 120.0)
    fresh: float = 600.0
    cancelling: float = 1800.0
    again: float = 1.0
    longest_again: float = 60.0
    full: float = 60.0


@dataclass(frozen=True, slots=True)
class BatchErrand:
    """What a run is opened for that sends nothing new and ends by itself: to see what has become of its
    batches and fetch what is ready, to cancel some, or to take a batch of the provider for one, as (batch,
    provider's id). With `waits` it goes on until nothing is out.
    """

    cancels: tuple[int, ...] = ()
    adopts: tuple[int, str] | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """What was asked for. With `all_pending` every pending job is sent in batches from the start.

    `deadline` is when what is still out is brought back and sent live, in Unix seconds; `most_jobs` and
    `most_tokens` limit a batch further than the service does. With `leaves` the run ends once all is out.
    `keeps` leaves files at the provider. With `abandons` what the provider does not end in time is sent
    again, although it may be paid for twice. With `only` nothing goes live but the first job of each model:
    what no batch takes waits for the user. With an `errand` nothing is planned and nothing sent live.
    """

    all_pending: bool = False
    deadline: float | None = None
    most_jobs: int | None = None
    most_tokens: int | None = None
    leaves: bool = False
    keeps: bool = False
    abandons: bool = False
    only: bool = False
    errand: BatchErrand | None = None
    pace: BatchPace = field(default_factory=BatchPace)
