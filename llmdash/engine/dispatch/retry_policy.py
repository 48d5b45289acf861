"""RetryPolicy: what follows from a failure, as pure decisions with an injected random source."""

from __future__ import annotations

import random

from llmdash.engine.pool.attribution import Attribution
from llmdash.lean_dataclass import dataclass
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Decision", "RetryPolicy"]

_NOTHING = Attribution()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to retry, after how many seconds, and whether the failure counts against the job."""

    again: bool
    delay_s: float = 0.0
    counted: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Allows up to `retries` counted retries a job, with backoff min(cap, base * 2^n) * U(0.5, 1), the "equal
    jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Failures caused by a key, an endpoint that is down and faults of this machine never fail a job. A run in
    which every open job was rate limited (429) for `patience_s` seconds ends; they stay pending.
    A failure that may have to be paid for is retried `billed_retries` times.
    `budget_share` and `budget_floor` bound the retries of all jobs together: see RetryBudget.
    """

    retries: int = 5
    billed_retries: int = 1
    base_s: float = 0.5
    cap_s: float = 60.0
    patience_s: float = 3600.0
    hint_cap_s: float = 120.0
    budget_share: float = 0.2
    budget_floor: int = 10

    def backoff(self, n: int, rng: random.Random) -> float:
        """Return the wait in seconds before retry number `n`, counted from 0."""
        return float(min(self.cap_s, self.base_s * 2 ** min(n, 30))) * rng.uniform(0.5, 1.0)

    def decide(
        self,
        failure: Failure,
        *,
        counted: int,
        uncounted: int,
        rng: random.Random,
        billed: int = 0,
        attribution: Attribution = _NOTHING,
    ) -> Decision:
        """Decide whether a job is retried after `failure`.

        `counted` and `uncounted` are the failures it had before this one, `billed` those that may have to be
        paid for.
        """
        if attribution.is_own:
            return Decision(again=False)
        match failure.kind:
            case FailureKind.REQUEST:
                return Decision(again=attribution.elsewhere)
            case FailureKind.TRANSIENT if failure.may_be_billed and billed >= self.billed_retries:
                return Decision(again=False, counted=True)
            case FailureKind.TRANSIENT if not attribution.excused:
                if counted >= self.retries:
                    return Decision(again=False, counted=True)
                hint = failure.retry_after or 0.0
                delay = max(self.backoff(counted, rng), hint if hint <= self.hint_cap_s else 0.0)
                return Decision(again=True, delay_s=delay, counted=True)
            case FailureKind.THROTTLE:
                return Decision(again=True, delay_s=attribution.wait_s)
            case _:  # caused by a key, the endpoint or this machine; other jobs may use those meanwhile
                return Decision(again=True, delay_s=self.backoff(min(uncounted, 4), rng))
