"""R4: ten thousand generated 429s, from the headers on the wire to the next request of the key."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llmdash.engine.model.states import KeyState
from llmdash.llms.wire.failures import FailureKind, from_response
from tests.engine.pools import Clock, answer, pool_of

NOW = datetime(2030, 5, 17, 12, 0, 0, tzinfo=UTC)
HINTED = 10_000
Headers = dict[str, str]


def date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


FORMS: dict[str, Callable[[int], Headers]] = {
    "milliseconds": lambda s: {"retry-after-ms": str(s * 1000), "retry-after": "1"},
    "seconds": lambda s: {"retry-after": str(s)},
    "fraction": lambda s: {"retry-after": f"{s}.000"},
    "date": lambda s: {"retry-after": date(s), "date": date(0)},
    "reset": lambda s: {
        "x-ratelimit-reset-requests": f"{s // 60}m{s % 60}s",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-tokens": "6ms",
        "x-ratelimit-remaining-tokens": "5",
    },
    "resets": lambda s: {
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-tokens": f"{s}s",
        "x-ratelimit-remaining-tokens": "0",
    },
    "rfc 3339": lambda s: {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": (NOW + timedelta(seconds=s)).isoformat(),
        "date": date(0),
    },
}
QUOTAS = (
    {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}},
    {
        "error": {
            "message": "Your credit balance is too low to access the API",
            "type": "invalid_request_error",
        }
    },
    {"error": {"message": "no", "code": "billing_hard_limit_reached"}},
    {"error": {"message": "Monthly spend limit reached", "type": "rate_limit_error"}},
)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_sent_on_a_key_before_its_hint_has_ended(seed: int) -> None:
    rng, clock = random.Random(seed), Clock()
    pool = pool_of(3, clock)
    until = dict.fromkeys((member.label for member in pool.members), 0.0)
    hinted = 0
    while hinted < HINTED // 4:
        turns = [lease for _ in range(rng.randint(1, 6)) if (lease := pool.choose()) is not None]
        for lease in turns:
            assert clock() >= until[lease.member.label]
        clock.time += rng.uniform(0.0, 0.5)
        for lease in turns:
            if rng.random() < 0.4:
                answer(pool, lease)
                continue
            seconds = rng.choice([1, 2, 7, 61, 200, 3_599, 7_200])
            failure = from_response(429, FORMS[rng.choice(list(FORMS))](seconds), b"{}")
            assert (failure.kind, failure.retry_after) == (FailureKind.THROTTLE, seconds)
            pool.failed(lease, failure)
            until[lease.member.label] = max(until[lease.member.label], clock() + seconds)
            hinted += 1
        clock.time += rng.choice([0.01, 0.5, 3.0, 40.0, 4_000.0])


@pytest.mark.parametrize("seed", range(4))
def test_a_key_without_quota_gets_at_most_one_request_before_its_probe_is_due(seed: int) -> None:
    """One: the probe itself. Those in flight when the quota ran out had been sent before."""
    rng, clock = random.Random(seed), Clock()
    pool = pool_of(2, clock)
    poor = pool.members[0]
    for _ in range(50):
        turns = [lease for _ in range(rng.randint(2, 20)) if (lease := pool.choose()) is not None]
        for lease in turns:
            if lease.member is poor:
                pool.failed(lease, from_response(429, {}, json.dumps(rng.choice(QUOTAS)).encode()))
            else:
                answer(pool, lease)
        if poor.state is not KeyState.QUARANTINED:
            continue
        due, sent = clock() + (pool.statistics()[0].ready_in_s or 0.0), poor.sent
        assert due - clock() >= 900.0
        while clock() < due:
            lease = pool.choose()
            assert lease is not None
            assert lease.member is not poor
            answer(pool, lease)
            clock.time += rng.uniform(1.0, 60.0)
        assert poor.sent == sent
        clock.time = due
        probes = [lease for _ in range(20) if (lease := pool.choose()) is not None and lease.member is poor]
        assert len(probes) <= 1
        for lease in probes:
            pool.failed(lease, from_response(402, {}, b"{}"))
