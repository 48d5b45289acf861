"""KeyHealth: the state of one key, and when it may be used again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.pacing import Pacing
from llmdash.llms.wire.failures import Failure
from llmdash.llms.wire.rate_limit_headers import HINT_LIMIT_S

__all__ = ["KeyHealth"]

_REST_S, _LONGEST_REST_S = 1.0, 60.0
_COOLDOWN_S, _LONGEST_COOLDOWN_S = 5.0, 300.0
_QUARANTINE_S, _LONGEST_QUARANTINE_S = 900.0, 3600.0
_RECENT = 20
_FALTERS = 5
_REFUSALS, _REFUSALS_BY_WORDS = 2, 5
_EARLY_PROBE_S = 5.0
_RESTING = (KeyState.THROTTLED, KeyState.COOLDOWN, KeyState.QUARANTINED)
_GONE = (KeyState.DEAD, KeyState.DISABLED)


class KeyHealth:
    """The state of a key at one endpoint with one model.

    | from -> to | because of | way back |
    |---|---|---|
    | healthy -> rests | 429: until the server's hint, never shorter than before | a probe, half its rate |
    | healthy -> cooldown | 5 transient failures, half of the last 20, while other keys succeed | a probe \
after 5 s, doubling to 5 minutes |
    | healthy -> no quota | the account has no money left | a probe after 15 minutes, doubling to an hour |
    | healthy -> dead | refused twice in a row (401, 403) | the user revives or replaces it |
    | any -> off | the user | the user |

    A probe is one request alone. Times are monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.state = KeyState.HEALTHY
        self.detail = ""
        self.rests_until = 0.0
        self.rest_is_hint = False
        """True if the server said how long it rests."""
        self.on_probation = False
        self.pacing = Pacing()
        self.is_tuned = False
        """True if a tuner paces the key after a rest, so that it does not climb from half its rate."""
        self.refusals = 0
        self.passed = 0
        """The highest ticket of an answered request: the key worked when that was sent."""
        self._refused_by: set[int] = set()
        self._refused_from = self._refused_at = 0
        self._quarantined_by: set[int] = set()
        self._early_probes = 0
        self._rests = self._cooldowns = self._quarantines = 0
        self._rate_before: float | None = None
        self._rests_since = 0.0
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self.given = self._stale = self._slowed = 0  # `given` is the ticket of the last request

    @property
    def is_gone(self) -> bool:
        """True if only the user can revive it."""
        return self.state in _GONE

    @property
    def is_resting(self) -> bool:
        """True if time alone brings the key back."""
        return self.state in _RESTING

    @property
    def is_confirming(self) -> bool:
        """True if it comes back from a quarantine: the next request tells whether it has quota again."""
        return self.on_probation and self._quarantines > 0

    @property
    def is_faltering(self) -> bool:
        """True if too many of its last requests failed, by its own fault or the endpoint's.

        Those under way may yet succeed, and failures are faster. A probe after a cooldown decides alone.
        """
        failed = self._recent.count(False)
        if failed and self.on_probation and self._cooldowns:
            return True
        return failed >= _FALTERS and 2 * failed >= min(_RECENT, self.given - self._stale)

    @property
    def is_clean(self) -> bool:
        """True if it is healthy and none of its last requests failed."""
        return not self.on_probation and not self.is_gone and False not in self._recent

    @property
    def succeeds(self) -> bool:
        """True if its last request succeeded, and most before it."""
        return bool(self._recent) and self._recent[-1] and not self.is_faltering

    @property
    def times(self) -> int:
        """How often in a row it entered its present state."""
        counts = {KeyState.COOLDOWN: self._cooldowns, KeyState.QUARANTINED: self._quarantines}
        return counts.get(self.state, self._rests)

    def wait_s(self, now: float, in_flight: int) -> float:
        """Return the seconds until a request may be sent; infinite if only an event can change that."""
        if self.state in _GONE or (self.on_probation and in_flight):
            return math.inf
        rests_until, paced_until = self.rests_until, self.pacing.until
        if rests_until <= now and paced_until <= now:
            return 0.0
        return max(rests_until, paced_until) - now

    def admits(self, now: float) -> bool:
        """True if a request that leased the key may still be sent."""
        return not self.is_gone and self.rests_until <= now

    def taken(self, now: float) -> int:
        """Note that a request is sent. Returns its ticket, which its outcome gives back."""
        if self.state is KeyState.THROTTLED and not self.is_tuned:
            self.pacing.climb(self._rate_before, now - self._rests_since, now)
        if self.is_resting:
            self.state = KeyState.HEALTHY
        self.pacing.sent(now)
        self.given += 1
        return self.given

    def answered(self, ticket: int) -> None:
        """Note an answered request. While the key rests it changes nothing: the request was sent before."""
        if ticket > self.passed:
            self.passed = ticket
        if self.refusals and ticket > self._refused_from:
            self._pardon()
        if self.state is KeyState.HEALTHY or self.rests_until <= self._clock():
            self.on_probation = False
            self._rests = self._quarantines = 0
            self._early_probes = 0
        if self.state is KeyState.HEALTHY:
            self.detail = ""
        if ticket > self._stale:
            self._recent.append(True)
            if len(self._recent) == _RECENT and not self.is_faltering:
                self._cooldowns = 0

    def faltered(self, ticket: int) -> None:
        """Note a request that failed by a fault of the network or the server."""
        if ticket > self._stale:
            self._recent.append(False)

    def throttled(self, failure: Failure) -> None:
        """Rest, because the server rate limited the key (429). A hint that is a guess shortens no backoff."""
        if self.is_gone:
            return
        hint, backoff = _hint(failure), min(_LONGEST_REST_S, _REST_S * 2 ** min(self._rests, 10))
        seconds = max(hint, backoff) if hint and failure.is_guess else hint or backoff
        if self.state is not KeyState.THROTTLED:
            self._rests += 1
            now = self._clock()
            self._rate_before, self._rests_since = self.pacing.rate(now), now
        self.rest_is_hint = hint is not None and seconds == hint and not failure.is_guess
        self._rest(KeyState.THROTTLED, seconds, "rate limited (429)")

    def trust(self) -> None:
        """Let the key go on after its rest without a probe, if it was only rate limited (429)."""
        if self.state is KeyState.THROTTLED:
            self.on_probation = False

    def slow_down(self, ticket: int) -> bool:
        """Halve the rate, because the server limits its growth; once for all requests under way.

        Returns True if the rate was halved now.
        """
        if ticket <= self._slowed:
            return False
        self._slowed = self.given
        if not self.is_tuned:
            self.pacing.slow_down(self._clock())
        return True

    def lost_quota(self, failure: Failure, ticket: int, job: int | None = None) -> None:
        """Quarantine the key: its account has no money left. With `job` only the words it got say so."""
        if self.is_gone:
            return
        if ticket <= self._stale:
            if self.state is KeyState.QUARANTINED and self._quarantined_by and job is not None:
                self._quarantined_by.add(job)
            return
        seconds = min(_LONGEST_QUARANTINE_S, _QUARANTINE_S * 2 ** min(self._quarantines, 10))
        self._quarantines += job is None or not self._quarantines
        self._quarantined_by = {job} if job is not None else set()
        self._rest(KeyState.QUARANTINED, max(seconds, _hint(failure) or 0.0), failure.message)
        self._stale = self.given

    def probe_early(self) -> None:
        """Shorten a quarantine that only the words of single jobs are the reason of: 5 s, doubling."""
        if self._quarantined_by and self.state is KeyState.QUARANTINED:
            seconds = _EARLY_PROBE_S * 2 ** min(self._early_probes, 10)
            self._early_probes += 1
            self.rests_until = min(self.rests_until, self._clock() + seconds)

    def refused(self, failure: Failure, ticket: int, job: int | None = None) -> bool:
        """Note that the server refused the key. True if it confirms an earlier refusal: the key is dead.

        A request that was under way at the first refusal confirms nothing, nor does the same `job`. Of a
        key that worked before, words alone confirm less.
        """
        if self.is_gone or (self.refusals and ticket <= self._refused_at):
            self._refused_by |= set() if job is None else {job}
            return False
        if not self.refusals:
            self._refused_from = ticket
        if job is None or job not in self._refused_by:
            self.refusals += 1
        if job is not None:
            self._refused_by.add(job)
        self._refused_at = self.given
        self.on_probation = True
        self.detail = failure.message
        return self.refusals >= (_REFUSALS_BY_WORDS if failure.by_words and self.passed else _REFUSALS)

    def refused_others(self, job: int) -> bool:
        """True if it refused other jobs than this one since its last answer."""
        return bool(self._refused_by - {job})

    def absolve(self, job: int) -> None:
        """Take back what the key was blamed for because of `job`, which is at fault itself."""
        if job in self._refused_by:
            self._pardon()
        if job in self._quarantined_by:
            self._quarantined_by.discard(job)
            if not self._quarantined_by and self.state is KeyState.QUARANTINED:
                self.state, self.detail, self.rests_until = KeyState.HEALTHY, "", 0.0
                self._quarantines = 0

    def kill(self, detail: str) -> None:
        """Send nothing more with the key: the server refuses it."""
        if not self.is_gone:
            self.state, self.detail = KeyState.DEAD, detail

    def pardon(self) -> None:
        """Take back all refusals: they concern a single model."""
        self._pardon()
        self.on_probation = self.is_resting
        self.detail = self.detail if self.is_resting else ""

    def _pardon(self) -> None:
        self.refusals = 0
        self._refused_by.clear()

    def cool(self, detail: str) -> None:
        """Start a cooldown: others succeed at the same endpoint where it fails."""
        if self.is_gone:
            return
        seconds = min(_LONGEST_COOLDOWN_S, _COOLDOWN_S * 2 ** min(self._cooldowns, 10))
        self._cooldowns += 1
        self._rest(KeyState.COOLDOWN, seconds, detail)
        self.forgive()

    def forgive(self) -> None:
        """Forget the last failures, and those of requests in flight."""
        self._recent.clear()
        self._stale = self.given

    def disable(self) -> None:
        """Switch the key off until the user revives it."""
        self.state = KeyState.DISABLED

    def revive(self) -> None:
        """Set to healthy, whatever the state."""
        self.state = KeyState.HEALTHY
        self.detail = ""
        self.rests_until = 0.0
        self.on_probation = False
        self.refusals = self._rests = self._cooldowns = self._quarantines = 0
        self.pacing.forget()
        self.forgive()

    def restore(self, state: KeyState, seconds: float, detail: str, times: int) -> None:
        """Restore the state that an earlier start left, with `seconds` of rest remaining.

        A key that was dead gets the one request that confirms it: its account may have been fixed since.
        """
        if state is KeyState.DISABLED:
            self.disable()
        elif state is KeyState.DEAD:
            self.refusals, self.on_probation = _REFUSALS - 1, True
        elif state in _RESTING and seconds > 0:
            self._rest(state, seconds, detail)
            self._rests = times if state is KeyState.THROTTLED else 0
            self._cooldowns = times if state is KeyState.COOLDOWN else 0
            self._quarantines = times if state is KeyState.QUARANTINED else 0

    def _rest(self, state: KeyState, seconds: float, detail: str) -> None:
        self.rests_until = max(self.rests_until, self._clock() + seconds)
        self.on_probation = True
        if self.state is KeyState.QUARANTINED and state is not KeyState.QUARANTINED:
            return  # it still has no quota
        self.state = state
        self.detail = detail


def _hint(failure: Failure) -> float | None:
    """The server's hint in seconds, None if there is none."""
    hint = failure.retry_after
    if hint is None or not math.isfinite(hint) or hint <= 0:
        return None
    return min(hint, HINT_LIMIT_S)
