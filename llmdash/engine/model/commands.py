"""Commands of a front end to a run. A command has taken effect when a later frame shows it."""

from __future__ import annotations

from llmdash.lean_dataclass import dataclass

__all__ = [
    "AdoptBatch",
    "BringBack",
    "Cancel",
    "CancelJobs",
    "Command",
    "DisableKey",
    "Drain",
    "DrainWorker",
    "GiveUpBatch",
    "Pause",
    "Release",
    "Resume",
    "RetryFailed",
    "RetryJobs",
    "ReviveEndpoint",
    "ReviveKey",
    "Seek",
    "SendInBatches",
    "SetAuto",
    "SetBatchDeadline",
    "SetBudget",
    "SetConcurrency",
    "SetKeyLimits",
    "SetRate",
    "SetSpeed",
    "SetWeight",
    "TakeWorker",
]


@dataclass(frozen=True, slots=True)
class SetRate:
    """Start at most `rate` requests a second; None lifts the limit."""

    rate: float | None


@dataclass(frozen=True, slots=True)
class SetConcurrency:
    """Keep at most `concurrency` requests in flight."""

    concurrency: int


@dataclass(frozen=True, slots=True)
class SetAuto:
    """Find the rate of each key by itself, never above the set one; or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing new; what is in flight goes on."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Send again after a pause or a drain."""


@dataclass(frozen=True, slots=True)
class Release:
    """Run the rest after a trial."""


@dataclass(frozen=True, slots=True)
class SetBudget:
    """Spend at most `dollars` in all; None lifts the budget. Refused where a price is not known."""

    dollars: float | None


@dataclass(frozen=True, slots=True)
class Drain:
    """Send nothing new and stop the run once nothing is in flight."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the run now; requests in flight are cut off and stay pending. With `batches` the providers are
    asked to cancel what is out with them.
    """

    batches: bool = False


@dataclass(frozen=True, slots=True)
class RetryJobs:
    """Queue these ended jobs again."""

    jobs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RetryFailed:
    """Queue every failed job again."""


@dataclass(frozen=True, slots=True)
class CancelJobs:
    """End these jobs without an answer."""

    jobs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendInBatches:
    """Send these jobs in batches, as far as they are pending; None is every pending job."""

    jobs: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class BringBack:
    """Cancel this batch; its jobs without a result are pending again once the provider has ended it."""

    batch: int


@dataclass(frozen=True, slots=True)
class GiveUpBatch:
    """Send the jobs of this batch again, although the provider has not ended it: some may cost twice."""

    batch: int


@dataclass(frozen=True, slots=True)
class AdoptBatch:
    """Take the provider's batch of this id for this one, whose creation was not answered."""

    batch: int
    provider_id: str


@dataclass(frozen=True, slots=True)
class SetBatchDeadline:
    """Bring back what is out at this time, in Unix seconds; None for never."""

    at: float | None


@dataclass(frozen=True, slots=True)
class DisableKey:
    """Send nothing more with this key."""

    label: str


@dataclass(frozen=True, slots=True)
class ReviveKey:
    """Set this key to healthy, whatever its state."""

    label: str


@dataclass(frozen=True, slots=True)
class ReviveEndpoint:
    """Send to this endpoint again at once, whatever its state."""

    name: str


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Send `weight` requests with this key for each one of a key with weight 1."""

    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class SetKeyLimits:
    """Send at most `rpm` requests and `tpm` tokens a minute with this key, and `concurrency` at once; None is
    no limit of the key.
    """

    label: str
    rpm: float | None
    tpm: float | None
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class DrainWorker:
    """Give this worker nothing new; what it has in flight goes on."""

    name: str


@dataclass(frozen=True, slots=True)
class TakeWorker:
    """Give a drained worker work again."""

    name: str


@dataclass(frozen=True, slots=True)
class Seek:
    """Go on from this position of a replay, in seconds from its beginning."""

    position_s: float


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Replay `times` as fast as the run was."""

    times: float


Command = (
    SetRate
    | SetConcurrency
    | Pause
    | Resume
    | Release
    | SetBudget
    | Drain
    | DrainWorker
    | Cancel
    | RetryJobs
    | RetryFailed
    | CancelJobs
    | DisableKey
    | ReviveEndpoint
    | ReviveKey
    | Seek
    | SetKeyLimits
    | SetAuto
    | SetSpeed
    | SetWeight
    | TakeWorker
    | SendInBatches
    | BringBack
    | GiveUpBatch
    | AdoptBatch
    | SetBatchDeadline
)
