"""The run as a whole, as a frame shows it: counts, pace, times and cost."""

from __future__ import annotations

from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import Hold
from llmdash.engine.model.payment import Payment, payment_where
from llmdash.engine.model.states import RunState
from llmdash.lean_dataclass import dataclass

__all__ = ["Percentiles", "RunPart", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of scored answers."""

    right: int = 0
    not_equal: int = 0
    not_parseable: int = 0

    @property
    def total(self) -> int:
        return self.right + self.not_equal + self.not_parseable

    @property
    def accuracy(self) -> float | None:
        """Right answers over all scored ones, 0 to 1."""
        return self.right / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of a set of times, in seconds; None while nothing was measured."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class RunPart:
    """The run header. jobs = queued + waiting + in_flight + batched + done + invalid + failed + cancelled,
    always.
    """

    name: str = ""
    model: str = ""
    endpoint: str = ""
    keys: int = 0
    state: RunState = RunState.STARTING
    state_detail: str = ""
    elapsed_s: float = 0.0
    """Seconds at work, over all starts; a pause with nothing in flight does not count."""
    jobs: int = 0
    queued: int = 0
    waiting: int = 0
    in_flight: int = 0
    batched: int = 0
    """Jobs in batches, with a provider or about to be."""
    done: int = 0
    invalid: int = 0
    """Answers that break their schema; they are kept."""
    failed: int = 0
    cancelled: int = 0
    left_out: int = 0
    """Input lines that could not become jobs."""
    attempts: int = 0
    """Attempts of all starts."""
    retries: int = 0
    failed_tries: int = 0
    """Tries that failed, of all starts; answers that break a rule are among them."""
    made_good: int = 0
    """Those of jobs that were answered after all."""
    requests_per_s: float | None = None
    tokens_per_s: float | None = None
    """Both are of the last seconds; once the run has ended, the mean over all of it."""
    peak_in_flight: float | None = None
    """The most requests in flight of a step of the time series, once the run has ended."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that were read from a cache."""
    reasoning_tokens: int = 0
    """Output tokens that were spent on reasoning."""
    empty: int = 0
    """Answers without text; done all the same."""
    reused: int = 0
    """Answers that were known before, and not asked for."""
    tokens_estimated: bool = False
    score: Score | None = None
    cost: float | None = None
    """Dollars so far; None where no price is known."""
    batch_cost: float | None = None
    """Dollars of `cost` for what came back in batches; None where nothing did."""
    cost_is_most: bool = False
    """True if some of these batches have no known price, so that they cost at most as much as live."""
    cost_uncertain: float = 0.0
    """Dollars of `cost` for requests without an outcome: with a budget at most, else at the mean price."""
    cost_projected: float | None = None
    """Dollars when all jobs have ended, at the price of those that have."""
    budget: float | None = None
    """Dollars that may be spent in all."""
    reserved: float = 0.0
    """Dollars that are kept for requests in flight; with a budget."""
    hold: Hold | None = None
    """What the run waits for the user with, sending nothing new."""
    ends_in_s: tuple[float, float, float] | None = None
    """Low, middle and high estimate of the seconds left."""
    ends_at: float | None = None
    """When that will be, by the middle estimate, in Unix seconds."""
    ttft: Percentiles = Percentiles()
    """Request sent to first content, over all attempts that were answered."""
    latency: Percentiles = Percentiles()
    """Request sent to answer complete, over all attempts that were answered."""
    waited: Percentiles = Percentiles()
    """How long jobs that ended were held up by rate, keys and backoff."""
    unknown: int = 0
    """Requests without a known outcome: they were or will be sent again."""
    spends: bool = True
    """False where a simulator answers: nothing is paid."""
    is_streamed: bool = True
    """False where answers are fetched whole, so that there is no first token."""
    began_at: float | None = None
    """When the run was first started, in Unix seconds."""
    ended_at: float | None = None
    """When it ended; None while it has not."""
    paused_at: float | None = None
    """Since when it is paused, in Unix seconds; None while it is not, or where that is not on record."""
    output: str = ""
    """The file that has every result; empty while there is none."""

    @property
    def wall_s(self) -> float | None:
        """Seconds from the first start to the end, rests included; None before the end.

        At least those at work, where the clock was set back meanwhile.
        """
        if self.began_at is None or self.ended_at is None:
            return None
        return max(self.elapsed_s, self.ended_at - self.began_at)

    @property
    def payment(self) -> Payment:
        """What to say of the requests that are `unknown`."""
        return payment_where(self.spends)

    @property
    def cost_besides(self) -> tuple[str, str]:
        """What of the cost is not sure, in words before and after its dollars; empty where all of it is."""
        if not self.cost_uncertain:
            return "", ""
        lost = f"{counted(self.unknown, 'request')} without an outcome"
        whose = lost if self.unknown else "failed requests that may be billed"
        return f"of which {'about' if self.budget is None else 'at most'} ", f" for {whose}"

    @property
    def ended(self) -> int:
        return self.done + self.invalid + self.failed + self.cancelled

    @property
    def is_all_batched(self) -> bool:
        """True while all that is left is in batches: the run sends nothing, and its clock is not running."""
        return bool(self.batched) and not self.queued + self.waiting + self.in_flight

    @property
    def rests(self) -> bool:
        """True while nothing moves by itself: the run has ended, or it waits with nothing in flight."""
        waits = self.state is RunState.PAUSED or self.hold is not None
        return self.state.ended or (waits and not self.in_flight)
