"""The rate found by itself, against providers whose limits nobody is told: what their servers count."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pytest

from tests.engine.auto.providers import (
    Bucket,
    FixedWindow,
    Habits,
    Provider,
    SlidingWindow,
    Slope,
)
from tests.engine.auto.tuned_runs import TunedRun, tuned

LEARNED_S, ENDS_S = 300.0, 1_200.0
SILENT = Habits(says_when=False, names_limit=False)

PROVIDERS: dict[str, Callable[[], Provider]] = {
    "a window that slides over the requests, and is silent": lambda: Provider([SlidingWindow(300)], SILENT),
    "a window by the server's clock, and tokens": lambda: Provider(
        [FixedWindow(600), FixedWindow(600_000, "tokens")]
    ),
    "buckets of tokens in and out": lambda: Provider(
        [Bucket(1_000), Bucket(50_000, "input", holds_s=10), Bucket(30_000, "output", holds_s=10)]
    ),
    "buckets with headers, and tokens": lambda: Provider(
        [Bucket(500), Bucket(90_000, "tokens")], Habits(has_headers=True)
    ),
    "a limit on growth": lambda: Provider([Slope(300, base=100)], Habits(says_when=False)),
}
ALSO: dict[str, Callable[[], Provider]] = {
    "a bucket that holds a second": lambda: Provider([Bucket(300, holds_s=1.0)], Habits(says_when=False)),
    "a bucket that holds a minute": lambda: Provider([Bucket(300)], Habits(says_when=False)),
    "tokens in a window, and is silent": lambda: Provider(
        [SlidingWindow(2_000), SlidingWindow(90_000, "tokens")], SILENT
    ),
    "tokens out in a window": lambda: Provider([SlidingWindow(2_000), SlidingWindow(30_000, "output")]),
}


def halve(run: TunedRun) -> None:
    for limit in run.provider.limits:
        limit.per_minute /= 2


@pytest.mark.parametrize("name", [*PROVIDERS, *(pytest.param(name, marks=pytest.mark.slow) for name in ALSO)])
def test_nearly_all_that_is_possible_is_used_and_hardly_anything_is_refused(name: str) -> None:
    provider = tuned({**PROVIDERS, **ALSO}[name], ENDS_S / 60).provider
    assert provider.used(LEARNED_S, ENDS_S) >= 0.95
    assert provider.refused_share(LEARNED_S, ENDS_S) < 0.005


@pytest.mark.parametrize("name", [name for name in PROVIDERS if "growth" not in name])
def test_after_the_limit_halves_it_is_used_again_within_two_windows(name: str) -> None:
    provider = tuned(PROVIDERS[name], 15, [(603.0, halve)]).provider
    assert provider.used(723.0, 843.0) >= 0.95
    assert provider.refused_share(723.0, 900.0) < 0.02


def test_keys_that_share_an_account_share_its_limit() -> None:
    provider = tuned(lambda: Provider([SlidingWindow(900)]), 15, keys=3).provider
    assert provider.used(LEARNED_S, 900.0) >= 0.95
    assert provider.refused_share(LEARNED_S, 900.0) < 0.005


def test_the_rate_that_is_set_is_never_exceeded() -> None:
    run = tuned(lambda: Provider([SlidingWindow(6_000)]), 5, rate=4.0)
    times = [at for at, _ in run.provider.let_through]
    assert not run.provider.refused
    assert 4.0 * 0.97 <= len(times) / 300.0 <= 4.0 * 1.01
    assert max(sum(at <= each < at + 1.0 for each in times) for at in times[:200]) <= 5


def test_a_server_that_is_full_is_not_pushed_further() -> None:
    """Beyond 20 at once all take longer, and no more is done: 10 requests a second."""

    def latency_s(rng: random.Random, in_flight: int) -> float:
        return 2.0 * rng.uniform(0.8, 1.2) * max(1.0, in_flight / 20)

    provider = tuned(lambda: Provider([SlidingWindow(60_000)], latency_s=latency_s), 15).provider
    late = [latency for at, latency in provider.latencies if at >= LEARNED_S]
    assert len(late) >= 0.93 * 10.0 * 600.0
    assert median(late) < 2.0 * 2.0
    assert not provider.refused


def test_a_server_that_asks_to_slow_down_is_not_asked_for_more_soon() -> None:
    """OpenAI's `slow_down`: half the rate, and 15 minutes for half as much again."""
    provider = tuned(
        lambda: Provider([Slope(3_000, base=300, growth=1.5)], Habits(says_when=False, slow_down=True)), 30
    ).provider
    asked_at = provider.refused[0][0]
    assert sum(at > asked_at + 150.0 for at, _ in provider.refused) <= 2
    minutes = [sum(60 * n <= at < 60 * n + 60 for at, _ in provider.let_through) for n in range(30)]
    assert minutes[29] > minutes[10] > 0
    assert all(after <= before * 1.2 + 5 for before, after in pairwise(minutes[5:]))
