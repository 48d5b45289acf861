"""SharedRate: this run's share of a limit that it shares with other runs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from llmdash.engine.dispatch.leases import Claim, Held, LeaseError, Leases, Limit, Share, Sharer, Wish
from llmdash.engine.dispatch.send_window import WINDOW_S, Departure, SendWindow
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.engine.metrics.windows import RollingCounter
from llmdash.engine.model.frame import SharedLimitRow
from llmdash.engine.pool.token_bucket import TokenBucket
from llmdash.sanitize import clean_line

__all__ = ["SharedRate"]

_POLL_S, _SOON_S = 0.25, 0.1
"""Seconds between two claims; after one that lowered the share, until it is given back."""
_LOOK_S = 0.1
_HELD_S = 1.0
_BURST_S, _LEAST = 0.05, 1.5
_FULL, _SPARE = 0.8, 1.25
"""A run that is held up and uses that part of its share could use more; else it keeps what it uses, times
that, and a little.
"""
_SETTLED_S = 1.5
"""How long a share has to be held before what is used of it says what the run needs."""
_TOKENS_S = 10
_SPARE_TOKENS = 2_000.0


class SharedRate:
    """Permits at the rate of the share, at most its slots in any second, and its tokens.

    `keep` renews the share while the run works. A share that is not renewed in time lasts until it ends:
    nothing departs then, until it could be renewed. `clock` tells the end of a share and goes on while the
    machine sleeps; `now` is the time of the event loop.
    """

    def __init__(
        self,
        limit: Limit,
        sharer: Sharer,
        leases: Leases,
        clock: Callable[[], float] = wakeful_clock,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._sharer, self._leases, self._clock, self._now = limit, sharer, leases, clock, now
        self._share = _nothing(limit)
        self._until = -math.inf
        self._settled_at = math.inf
        """When what is used of the share will say what the run needs."""
        self._window = SendWindow(math.inf)
        self._permits = TokenBucket(60.0, self._now, _BURST_S, least=_LEAST)
        self._permits.set_rate(0.0)
        self._tokens = TokenBucket(1.0, self._now)
        self._tokens.set_rate(0.0)
        self._tokens_taken = RollingCounter(_TOKENS_S)
        self._few_permits_at = self._few_tokens_at = -math.inf
        self._problem = ""
        self._asking: asyncio.Future[Share] | None = None
        self.counts_tokens = math.isfinite(limit.tpm)

    # What the pool and the runner ask.

    def wait_s(self, tokens: int) -> float:
        """Return the seconds until a request of `tokens` may be chosen, or may be asked about again."""
        permits = max(self._delay(), self._permits.wait_s(1) if math.isfinite(self._share.rate) else 0.0)
        of_tokens = self._tokens.wait_s(tokens) if math.isfinite(self._share.tokens) else 0.0
        if permits > 0:
            self._few_permits_at = self._now()
        if of_tokens > 0:
            self._few_tokens_at = self._now()
        return min(_LOOK_S, max(permits, of_tokens))

    def take(self, tokens: int) -> None:
        """Charge a request of `tokens`."""
        if math.isfinite(self._share.rate):
            self._permits.take(1)
        if math.isfinite(self._share.tokens):
            self._tokens.take(tokens)
        self._tokens_taken.add(self._now(), tokens)

    def settle(self, taken: int, used: int) -> None:
        """Correct the charge of a request that ended: it was charged `taken` tokens and used `used`."""
        if math.isfinite(self._share.tokens):
            self._tokens.settle(taken, used)

    def not_sent(self, taken: int) -> None:
        """Take back the charge of a request that was not sent."""
        self.settle(taken, 0)
        if math.isfinite(self._share.rate):
            self._permits.settle(1, 0)

    def depart(self) -> Departure | None:
        """Count a request that leaves now; None if it may not."""
        if self._delay() > 0:
            self._few_permits_at = self._now()
            return None
        return self._window.departure()

    async def turn(self) -> None:
        """Wait until it makes sense to ask `depart` again."""
        await asyncio.sleep(min(_LOOK_S, self._delay()))

    def _delay(self) -> float:
        """Return the seconds until a request may depart, or may be asked about again."""
        if self._clock() >= self._until or not self._share.slots:
            return _LOOK_S
        return self._window.delay_within(self._share.slots, WINDOW_S, self._now())

    # The share.

    async def keep(self, demand: Callable[[], float]) -> None:
        """Renew the share until cancelled, then give it back.

        `demand` returns the requests a second that the run may send besides; 0 if it has nothing to send.
        """
        try:
            while True:
                pause_s = _POLL_S
                rate = demand()
                if rate > 0:
                    pause_s = await self._renew(rate)
                elif self._share.slots or self._problem:
                    await self._release()
                await asyncio.sleep(pause_s)
        finally:
            if self._asking is not None:
                await asyncio.gather(self._asking, return_exceptions=True)
            await self._release()

    async def _renew(self, rate: float) -> float:
        """Claim a share. Return the seconds until the next claim."""
        began, before = self._clock(), self._share
        self._asking = asyncio.ensure_future(self._leases.share(self._claim(self._wish(rate))))
        try:
            share = await asyncio.shield(self._asking)
        except LeaseError as error:
            self._problem = str(error)
            return _POLL_S
        self._problem = ""
        self._until = began + share.valid_s
        self._use(share)
        return _SOON_S if share.slots < before.slots or share.rate < before.rate else _POLL_S

    async def _release(self) -> None:
        """Use nothing more, and let the others have it."""
        if self._until == -math.inf:
            return
        self._until = -math.inf
        self._use(_nothing(self._limit))
        try:
            await self._leases.release(self._claim(Wish(0.0, 0.0)))
        except LeaseError:
            return  # the lease ends by itself
        finally:
            self._problem = ""

    def _use(self, share: Share) -> None:
        if share.rate > self._share.rate * 1.1 or share.tokens > self._share.tokens * 1.1:
            self._settled_at = self._now() + _SETTLED_S
        self._share = share
        if math.isfinite(share.rate):
            self._permits.set_rate(share.rate * 60.0)
        if math.isfinite(share.tokens):
            self._tokens.set_rate(share.tokens)

    def _claim(self, wish: Wish) -> Claim:
        sent = self._window.count(WINDOW_S, self._now())
        held = Held(sent=sent)
        if self._clock() < self._until:
            held = Held(self._share.rate, self._share.slots, self._share.tokens, sent)
        return Claim(self._limit, self._sharer, wish, held)

    def _wish(self, rate: float) -> Wish:
        """Return what the run could use: all there is if the share holds it up, else about what it uses."""
        now = self._now()
        if now < self._settled_at or self._clock() >= self._until:
            return Wish(rate, math.inf)
        used = self._window.count(WINDOW_S, now) / WINDOW_S
        tokens = self._tokens_taken.total(now) * 60.0 / _TOKENS_S
        wants_more = now - self._few_permits_at < _POLL_S and used >= self._share.rate * _FULL
        wants_tokens = now - self._few_tokens_at < _POLL_S and tokens >= self._share.tokens * _FULL
        return Wish(
            rate if wants_more else min(rate, used * _SPARE + 1.0),
            math.inf if wants_tokens else tokens * _SPARE + _SPARE_TOKENS,
        )

    # What is shown.

    @property
    def holds_up(self) -> bool:
        """True if a request had to wait for the share in the last second."""
        return self._now() - max(self._few_permits_at, self._few_tokens_at) < _HELD_S

    @property
    def is_over(self) -> bool:
        """True if there is no share, because it could not be renewed."""
        return bool(self._problem) and self._clock() >= self._until

    def row(self) -> SharedLimitRow:
        """Return the share and those of the others."""
        limit = self._share.limit
        share = _nothing(limit) if self.is_over else self._share
        has_rate, has_tokens = math.isfinite(limit.rate), math.isfinite(limit.tpm)
        others = tuple((clean_line(label), rate) for label, rate in self._share.others)
        used = share.rate + sum(rate for _, rate in others)
        return SharedLimitRow(
            name=limit.name,
            rate=limit.rate if has_rate else None,
            tpm=limit.tpm if has_tokens else None,
            share=share.rate if has_rate else None,
            token_share=share.tokens if has_tokens else None,
            others=others,
            free=max(0.0, limit.rate - used) if has_rate else None,
            problem=self._problem,
            is_over=self.is_over,
        )


def _nothing(limit: Limit) -> Share:
    return Share(0.0, 0.0, 0.0, 0.0, limit)
