"""Throughput: how fast requests can go, and what decides that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from llmdash.engine.model.forecast import Range
from llmdash.engine.pool.learned_limit import DOUBLES_IN_S
from llmdash.lean_dataclass import dataclass

__all__ = ["Throughput", "seconds_of"]


@dataclass(frozen=True, slots=True)
class Throughput:
    """What limits a run: `rate` and those `shared` with other runs (name, requests a second, tokens a
    minute) hold for all of it, `rpm` and `tpm` are sums over its keys; None is no limit.

    `latency_s` is how long an answer takes, `tokens` what a request takes in and out; None if not known.
    `climbs_from` are the requests a second that a rate found by itself begins with; None where it is set.
    """

    rate: float | None = None
    concurrency: int = 1
    rpm: float | None = None
    tpm: float | None = None
    shared: Sequence[tuple[str, float | None, float | None]] = ()
    latency_s: float | None = None
    tokens: float | None = None
    climbs_from: float | None = None

    def seconds(self, requests: float) -> float | None:
        """Return how long that many requests take; None if nothing is known that takes time."""
        per_s, _ = self.binding()
        if self.climbs_from is not None:
            sent_s = _climb_s(requests, self.climbs_from, math.inf if per_s is None else per_s)
        elif per_s is not None:
            sent_s = requests / per_s
        else:
            return None
        return sent_s + (self.latency_s or 0.0)

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

    `latency_s` and `tokens` are those of a request, in place of the pace's own. Where the rate is found by
    itself nobody knows what the provider will refuse: then there is no high end.
    """

    def at(end: str) -> Throughput:
        return replace(
            pace,
            latency_s=pace.latency_s if latency_s is None else getattr(latency_s, end),
            tokens=pace.tokens if tokens is None else getattr(tokens, end),
        )

    low, middle = at("low").seconds(requests.low), at("expected").seconds(requests.expected)
    if low is None or middle is None:
        return None, ""
    if pace.climbs_from is not None:
        return Range(low, math.inf), _what_binds(at("expected"), pace.climbs_from, middle)
    high = at("high").seconds(requests.high)
    if high is None or not math.isfinite(high):
        return None, ""
    return Range(low, high, middle), at("expected").binding()[1]


def _climb_s(requests: float, begins: float, most: float) -> float:
    """Return how long that many requests take at a rate that doubles until it is `most`."""
    growth = math.log(2.0) / DOUBLES_IN_S
    climbing = max(0.0, most - begins) / growth
    if requests <= climbing:
        return math.log1p(requests * growth / begins) / growth
    return _climbs_for_s(begins, most) + (requests - climbing) / most


def _climbs_for_s(begins: float, most: float) -> float:
    return DOUBLES_IN_S * max(0.0, math.log2(most / begins))


def _what_binds(pace: Throughput, begins: float, seconds: float) -> str:
    """What binds for most of the time: the climb, or what ends it."""
    most, words = pace.binding()
    if most is not None and _climbs_for_s(begins, most) < seconds / 2.0:
        return words
    return f"the rate found by itself: {_number(begins)}/s at first, doubled every {DOUBLES_IN_S:.0f} s"


def _a_second(per_minute: float | None) -> float | None:
    return per_minute / 60 if per_minute else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
