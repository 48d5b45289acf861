"""Throughput: how fast requests can go, and what decides that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmdash.engine.model.forecast import Range

__all__ = ["Throughput", "seconds_of"]


@dataclass(frozen=True, slots=True)
class Throughput:
    """What limits a run: `rate` and those `shared` with other runs (name, requests a second, tokens a
    minute) hold for all of it, `rpm` and `tpm` are sums over its keys; None is no limit.

    `latency_s` is how long an answer takes, `tokens` what a request takes in and out; None if not known.
    """

    rate: float | None = None
    concurrency: int = 1
    rpm: float | None = None
    tpm: float | None = None
    shared: Sequence[tuple[str, float | None, float | None]] = ()
    latency_s: float | None = None
    tokens: float | None = None

    def binding(self) -> tuple[float | None, str]:
        """Return the requests a second that are possible, and what binds; (None, "") if nothing does."""
        limits = [(self.rate, f"the rate of {_number(self.rate)}/s")]
        if self.latency_s:
            answers = f"answers take {_number(self.latency_s)} s"
            limits.append((self.concurrency / self.latency_s, f"{self.concurrency} in flight: {answers}"))
        limits.append((_a_second(self.rpm), f"the keys: {_number(self.rpm)} requests a minute"))
        limits.append((self._by_tokens(self.tpm), f"the keys: {_number(self.tpm)} tokens a minute"))
        for name, rate, tpm in self.shared:
            limits.append((rate, f"the shared limit {name}: {_number(rate)}/s"))
            limits.append((self._by_tokens(tpm), f"the shared limit {name}: {_number(tpm)} tokens a minute"))
        known = [(per_s, words) for per_s, words in limits if per_s is not None and per_s > 0]
        return min(known, key=lambda limit: limit[0], default=(None, ""))

    def _by_tokens(self, per_minute: float | None) -> float | None:
        return per_minute / 60 / self.tokens if per_minute and self.tokens else None


def seconds_of(
    pace: Throughput, requests: Range, latency_s: Range | None = None, tokens: Range | None = None
) -> tuple[Range | None, str]:
    """Return how long that many requests take, and what binds; None where nothing is known that does.

    `latency_s` and `tokens` are those of a request, in place of the pace's own.
    """

    def at(end: str) -> float | None:
        slow = replace(
            pace,
            latency_s=pace.latency_s if latency_s is None else getattr(latency_s, end),
            tokens=pace.tokens if tokens is None else getattr(tokens, end),
        )
        per_s, _ = slow.binding()
        return None if per_s is None else getattr(requests, end) / per_s + (slow.latency_s or 0.0)

    middle = replace(
        pace,
        latency_s=pace.latency_s if latency_s is None else latency_s.expected,
        tokens=pace.tokens if tokens is None else tokens.expected,
    )
    low, high = at("low"), at("high")
    if low is None or high is None or not math.isfinite(high):
        return None, ""
    return Range(low, high, at("expected")), middle.binding()[1]


def _a_second(per_minute: float | None) -> float | None:
    return per_minute / 60 if per_minute else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
