"""Admission of requests: each key's limits, and the faults that a test or demo sets for a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from llmdash.simulator.compat import NO_COMPAT, parse_compat
from llmdash.simulator.limits import Bucket, LimitsLeft
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["KeyGate", "Wait"]

_ORDERS = ("refuse", "throttle_s", "error_rate", "quirks")


class Wait(NamedTuple):
    """A refusal for now: a request sent `seconds` later is admitted. `limit` names what was used up."""

    seconds: float
    limit: Literal["requests", "tokens"]


class KeyGate:
    """Admits the requests of one key: its limits, and the faults set for it.

    Tokens are charged in two parts: those of the prompt when a request is let in, those of the answer when
    it is known. The latter may leave the bucket below zero, and the next request then waits. `limited` is
    True if there is any limit to report, `counts_tokens` if tokens are limited.
    """

    def __init__(self, settings: SimulatorSettings, now: float) -> None:
        self._requests = Bucket(settings.rpm, now) if settings.rpm > 0 else None
        self._tokens = Bucket(settings.tpm, now) if settings.tpm > 0 else None
        self._throttled_until = now
        self.refused = False
        self.error_rate = settings.error_rate
        self.limited = settings.rpm > 0 or settings.tpm > 0
        self.counts_tokens = settings.tpm > 0
        self.compat = NO_COMPAT
        self._unlimited: KeyGate | None = None
        self._compat_of_unlimited = NO_COMPAT

    def order(self, orders: Mapping[str, Any], now: float) -> None:
        """Set `refuse` (bool), `throttle_s` (seconds, 0 ends it), `error_rate` (0 to 1), `compat` (names).

        Raises ValueError, and changes nothing, if any of them is invalid.
        """
        unknown = set(orders) - set(_ORDERS)
        if unknown:
            raise ValueError(f"unknown order {min(unknown)[:50]!r}; known are {', '.join(_ORDERS)}")
        for name, most in (("throttle_s", 86_400), ("error_rate", 1)):
            value = orders.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise ValueError(f"{name} must be a number from 0 to {most}")
        if not isinstance(orders.get("refuse", False), bool):
            raise ValueError("refuse must be true or false")
        if "quirks" in orders:
            self.compat = parse_compat(orders["quirks"])
        self.refused = orders.get("refuse", self.refused)
        self.error_rate = orders.get("error_rate", self.error_rate)
        if "throttle_s" in orders:
            self._throttled_until = now + orders["throttle_s"]

    def admit(self, now: float, tokens: int = 0) -> Wait | None:
        """Admit a request with a prompt of `tokens` tokens, or return how long it has to wait.

        A request that has to wait takes nothing from the limits.
        """
        for_requests = for_tokens = 0.0
        if self._requests is not None:
            for_requests = self._requests.wait(now)
        if self._throttled_until > now:
            for_requests = max(for_requests, self._throttled_until - now)
        if self._tokens is not None:
            for_tokens = self._tokens.wait(now, tokens)
        if for_requests > 0 or for_tokens > 0:
            return Wait(max(for_requests, for_tokens), "requests" if for_requests > 0 else "tokens")
        if self._requests is not None:
            self._requests.charge()
        if self._tokens is not None:
            self._tokens.charge(tokens)
        return None

    def unlimited(self) -> KeyGate:
        """Return a gate with the faults of this one within answers, and without its limits."""
        found = self._unlimited or KeyGate(SimulatorSettings(), 0.0)
        found.error_rate = self.error_rate
        if self.compat is not self._compat_of_unlimited:
            found.compat = dataclasses.replace(self.compat, html=False)
            self._compat_of_unlimited = self.compat
        self._unlimited = found
        return found

    def charge(self, tokens: int) -> None:
        """Charge tokens to the limit, if there is one."""
        if self._tokens is not None:
            self._tokens.charge(tokens)

    def limits_left(self, now: float) -> LimitsLeft:
        """Return what remains of the limits."""
        return LimitsLeft(
            self._requests.state(now) if self._requests is not None else None,
            self._tokens.state(now) if self._tokens is not None else None,
        )
