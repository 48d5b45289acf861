"""RateTuner: finds the rate and the concurrency of one key by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

from llmdash.engine.metrics.windows import RollingCounter, latest_rate
from llmdash.engine.pool.health import KeyHealth
from llmdash.engine.pool.in_flight_window import InFlightWindow
from llmdash.engine.pool.latency_gauge import LatencyGauge
from llmdash.engine.pool.learned_limit import LearnedLimit
from llmdash.engine.pool.let_through import LetThrough
from llmdash.engine.pool.named_limits import LimitNamed, limit_named, runs_out
from llmdash.llms.messages import Hints, Usage
from llmdash.llms.wire.failures import Failure

__all__ = ["START_RATE", "RateTuner", "TunedBy"]

START_RATE = 2.0
"""Requests a second that a key begins with."""
_DRAIN = 0.8
"""The share of what a full server gets done that it is asked for, until its queue is gone."""
_GENTLE = math.log(1.5) / 900.0
"""Growth a second after "slow down": half in 15 minutes, as OpenAI's `slow_down` asks for."""
_LATELY_S = 10
_LEARNS = 0.1
_ANSWERS_S = 10
_HELD_UP_S = 1.0
_PAUSE_S = 60.0
"""After so long without a request the pace begins low again: what was allowed may not be any more."""
_LEAST_SENT = 3.0
"""A pause is at least as long as it takes to send that many."""


class TunedBy(StrEnum):
    """Why the rate of a key last changed, as a front end shows it."""

    START = "start"
    REFUSED = "429"
    LATENCY = "latency"
    HEADERS = "headers"
    SLOW_DOWN = "slow down"
    PROBING = "trying more"


class RateTuner:
    """The pace of one key: as many requests, and tokens in and out, as its server takes without refusing.

    Four limits are looked for: requests, tokens, and tokens in and out apart. A 429 cuts the one that it
    names, or the ones that may be meant; so do headers that say that a limit runs out, and for requests a
    latency that grows, which cuts what may be in flight at once as well. All requests that were under way at
    a cut belong to it. After a pause the pace begins low again. Times are monotonic seconds.
    """

    def __init__(
        self,
        health: KeyHealth,
        clock: Callable[[], float],
        before: LetThrough | None = None,
        in_flight: int = 0,
    ) -> None:
        """The pace goes on from what was let through `before`."""
        self._health = health
        self._clock = clock
        before = before or LetThrough()
        start = latest_rate(before.requests[-_LATELY_S:], clock())
        self._requests = LearnedLimit(clock, max(START_RATE, start), before.requests)
        self._tokens = LearnedLimit(clock, used=before.tokens)
        self._input = LearnedLimit(clock, used=before.input_tokens)
        self._output = LearnedLimit(clock, used=before.output_tokens)
        self._limits = (self._requests, self._tokens, self._input, self._output)
        self._latency = LatencyGauge()
        self._window = InFlightWindow(clock, in_flight)
        self._active_at = clock()
        """When something was last sent or answered."""
        self._cut_ticket = 0
        """The last ticket at the last cut."""
        self._blocked: tuple[LearnedLimit, ...] = ()
        """The limits that were cut, while nothing was let through since."""
        self._trusts = False
        """True if the key goes on after its rest without a probe: the cut pace should do."""
        self._input_share, self._output_share = 0.5, 0.5
        """What of the tokens that a request is expected to need turn out to be tokens in and out."""
        self._mean_input = self._mean_output = 0.0
        self._answers = RollingCounter(_ANSWERS_S + 1)
        self._why = TunedBy.START
        self._charges: dict[int, tuple[int, int]] = {}

    @property
    def holds_up(self) -> bool:
        """True if a request had to wait for the pace in the last second."""
        since = self._clock() - _HELD_UP_S
        return self._window.held_up_at > since or any(limit.held_up_at > since for limit in self._limits)

    @property
    def at_once(self) -> int:
        """The requests that may be in flight now."""
        return self._window.size

    @property
    def why(self) -> TunedBy:
        """Why the rate last changed."""
        return TunedBy.PROBING if self._is_probing else self._why

    @property
    def rate(self) -> float:
        """Requests a second that are allowed now, by the limits of tokens too."""
        return self._in_requests(lambda limit: limit.rate)

    @property
    def held_at(self) -> float | None:
        """Requests a second at which the key was last held; None if it never was."""
        found = self._in_requests(lambda limit: math.inf if limit.held_at is None else limit.held_at)
        return found if found < math.inf else None

    def wait_s(self, tokens: int, in_flight: int) -> float:
        """Return the seconds until a request of `tokens` is within the pace, with `in_flight` under way;
        infinite if only an answer can tell.
        """
        if self._was_away:
            self._ramp()
        return max(
            self._window.wait_s(in_flight),
            self._requests.wait_s(1),
            self._tokens.wait_s(tokens * (self._input_share + self._output_share)),
            self._input.wait_s(tokens * self._input_share),
            self._output.wait_s(tokens * self._output_share),
        )

    @property
    def _was_away(self) -> bool:
        if self._blocked:  # it rested after a refusal, which has cut the pace
            return False
        return self._clock() - self._active_at > max(_PAUSE_S, _LEAST_SENT / self._requests.rate)

    def _ramp(self) -> None:
        self._active_at = self._clock()
        self._why = TunedBy.START
        self._requests.ramp(START_RATE)
        self._window.ramp()
        self._latency.clear(self._active_at)

    def take(self, tokens: int, ticket: int) -> None:
        """Charge a request that is expected to need `tokens`."""
        self._active_at = self._clock()
        asked, said = round(tokens * self._input_share), round(tokens * self._output_share)
        self._charges[ticket] = (asked, said)
        self._requests.take(1)
        self._charge(asked, said)

    def not_sent(self, ticket: int) -> None:
        """Take back the charge of a request that was not sent."""
        self._take_back(ticket)

    def cut_off(self, ticket: int) -> None:
        """Note that a request was cut off by us: its tokens may have been used."""
        self._charges.pop(ticket, None)

    def failed(self, ticket: int) -> None:
        """Note that a request failed by another fault than a limit."""
        self._settle(ticket, 0, 0)

    def answered(
        self, ticket: int, tokens: int, usage: Usage | None, latency_s: float | None, in_flight: int
    ) -> None:
        """Note an answer to a request that was expected to need `tokens`."""
        now = self._clock()
        self._answers.add(now)
        self._active_at = now
        if usage is None:
            self.cut_off(ticket)
            return
        if tokens:
            self._input_share += _LEARNS * (usage.input_tokens / tokens - self._input_share)
            self._output_share += _LEARNS * (usage.output_tokens / tokens - self._output_share)
        self._mean_input = _mean(self._mean_input, usage.input_tokens)
        self._mean_output = _mean(self._mean_output, usage.output_tokens)
        self._settle(ticket, usage.input_tokens, usage.output_tokens)
        if ticket <= self._cut_ticket:
            return
        for limit in self._blocked:
            limit.let_through()
        self._blocked = ()
        if latency_s is not None and self._latency.grew(latency_s, usage.output_tokens, in_flight, now):
            self._cut(TunedBy.LATENCY)
            self._requests.cut_to(sum(self._answers.series(now, _ANSWERS_S + 1)[:-1]) / _ANSWERS_S, _DRAIN)
            self._window.cut_to(self._latency.room)
        else:
            self._window.answered(in_flight + 1, is_flat=self._latency.is_flat)

    def hinted(self, hints: Hints, in_flight: int, ticket: int) -> None:
        """Obey the rate limit headers of an answer before anything is refused."""
        if ticket <= self._cut_ticket:
            return
        cuts = [
            (limit, refills)
            for limit, most, left, reset_s, a_request in (
                (self._requests, hints.limit_requests, hints.remaining_requests, hints.reset_requests_s, 1.0),
                (
                    self._tokens,
                    hints.limit_tokens,
                    hints.remaining_tokens,
                    hints.reset_tokens_s,
                    max(1.0, self._mean_input + self._mean_output),
                ),
            )
            if (refills := runs_out(limit, most, left, reset_s, a_request * in_flight)) is not None
        ]
        if cuts:
            self._cut(TunedBy.HEADERS)
        for limit, refills in cuts:
            limit.cut_to(refills)

    def refused(self, failure: Failure, ticket: int, in_flight: int) -> None:
        """Cut the pace: a request was refused (429)."""
        self._active_at = self._clock()
        self._take_back(ticket)
        if ticket <= self._cut_ticket:
            self._let_go_on()
            return
        if limit_named(failure) is LimitNamed.AT_ONCE:
            self._cut(TunedBy.REFUSED)
            self._window.refused(in_flight + 1)
            self._health.trust()
            return
        again = bool(self._blocked)
        limits = self._blocked or ([self._requests] if failure.slow_down else self._named(failure))
        self._cut(TunedBy.SLOW_DOWN if failure.slow_down else TunedBy.REFUSED)
        if not failure.slow_down:
            for limit in limits:
                limit.refused(again=again)
        elif not again:
            self._requests.slow_down(_GENTLE)
        self._trusts = not again
        self._let_go_on()
        self._blocked = tuple(limits)

    def _let_go_on(self) -> None:
        if self._trusts:
            self._health.trust()

    def _cut(self, why: TunedBy) -> None:
        self._why = why
        self._cut_ticket = self._health.given
        self._latency.clear(self._clock())

    def _named(self, failure: Failure) -> list[LearnedLimit]:
        """The limits that a refusal may be about: what it names, what its headers say is empty, else those
        that were met before, else all.
        """
        by_name = {
            LimitNamed.OUTPUT: self._output,
            LimitNamed.INPUT: self._input,
            LimitNamed.TOKENS: self._tokens,
            LimitNamed.REQUESTS: self._requests,
        }
        named = limit_named(failure)
        if named in by_name:
            return [by_name[named]]
        candidates = (self._requests, self._tokens) if self._mean_input else (self._requests,)
        near = [each for each in candidates if each.held_at and each.usage() >= 0.97 * each.held_at]
        return near or list(candidates)

    @property
    def _is_probing(self) -> bool:
        return self._requests.held_at is not None and all(
            limit.is_probing for limit in self._limits if limit.held_at is not None
        )

    def _in_requests(self, of: Callable[[LearnedLimit], float]) -> float:
        """Return a figure of the limit that binds, in requests a second."""
        means = (1.0, self._mean_input + self._mean_output, self._mean_input, self._mean_output)
        return min(of(limit) / mean for limit, mean in zip(self._limits, means, strict=True) if mean)

    def _charge(self, asked: int, said: int) -> None:
        self._tokens.take(asked + said)
        self._input.take(asked)
        self._output.take(said)

    def _take_back(self, ticket: int) -> None:
        if ticket in self._charges:
            self._requests.correct(1, 0)
            self._settle(ticket, 0, 0)

    def _settle(self, ticket: int, asked: int, said: int) -> None:
        taken_in, taken_out = self._charges.pop(ticket, (0, 0))
        self._tokens.correct(taken_in + taken_out, asked + said)
        self._input.correct(taken_in, asked)
        self._output.correct(taken_out, said)


def _mean(before: float, value: float) -> float:
    return before + _LEARNS * (value - before) if before else float(value)
