"""JobHistory: what happened to a job so far, as far as it says whose fault its next failure is."""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple

from llmdash.engine.pool.member import Member
from llmdash.engine.pool.trial import StrikeTrial
from llmdash.lean_dataclass import dataclass
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["JobHistory", "KeyRefusal", "Others"]


class Others(NamedTuple):
    """The open jobs that tell by what happens to them whose fault a failure is: how many never failed so far,
    and how many of these are not sent yet.
    """

    faultless: int = 1
    unsent: int = 1


class KeyRefusal(NamedTuple):
    """A key that refused the job, with the ticket of the request."""

    member: Member
    ticket: int
    status: int | None = None
    code: str | None = None
    by_words: bool = False

    @property
    def is_disproved(self) -> bool:
        """True if the key answered another job that was sent later: it is no fault of the key."""
        return self.member.health.passed > self.ticket


@dataclass(slots=True, eq=False)
class JobHistory:
    """The failures of a job. Kept only for jobs that failed at least once, and until they end.

    `counted` and `uncounted` are its failures that use up a retry, or not; `billed` those of them that may
    have to be paid for. `strikes` counts how often it was rate limited while others were not.
    """

    job: int = -1
    own_model: str | None = None
    """The model that its prompt names; None for that of the endpoint."""
    counted: int = 0
    uncounted: int = 0
    billed: int = 0
    losses: int = 0
    last: Member | None = None
    words: str = ""
    """What the server said last."""
    throttled_since: float | None = None
    throttles: int = 0
    """Rate limited (429) this often in a row."""
    answers_then: int = 0
    """The answers of all keys when it was rate limited first."""
    strikes: int = 0
    trial: StrikeTrial | None = None
    trial_at: Member | None = None
    refusals: list[KeyRefusal] = field(default_factory=list)
    doubt: KeyRefusal | None = None
    """The key that refused it with a status that may be the fault of either; another key decides."""
    passed_then: int | None = None
    """The answers of the endpoint when the job failed there first, with the status `failed_with`."""
    failed_with: int | None = None
    is_suspect: bool = False
    """True if the endpoint answered others since: its failures say nothing about the endpoint."""
    repair: tuple[str, str] | None = None
    """An invalid answer and what is wrong with it; the next attempt is told."""

    def model_at(self, member: Member) -> str:
        """Return the model that the job asks for at the endpoint of `member`."""
        return self.own_model or member.llm.model

    def note(self, failure: Failure, now: float) -> None:
        """Note a failure at the monotonic time `now`: since when there were only rate limits (429)."""
        if failure.kind is not FailureKind.THROTTLE:
            self.throttled_since = None
        elif self.throttled_since is None:
            self.throttled_since = now
