"""Hours of trouble in a moment: whole runs over servers that fail, and what holds whatever they do."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from llmdash.engine.model.states import AlertKind, EndpointState, KeyState
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine import simulated_runs
from tests.engine.simulated_runs import SimulatedRun
from tests.engine.simulated_servers import (
    HOUR,
    MINUTE,
    Fault,
    Limit,
    Scenario,
    bad_gateway,
    crashed,
    malformed,
    offline,
    overloaded,
    refused,
    throttled,
    unknown_key,
    unpaid,
)

ATTEMPTS = 6


def lived(scenario: Scenario) -> SimulatedRun:
    """The run of a scenario, found to be sound."""
    run = simulated_runs.lived(scenario)
    assert_sound(run)
    return run


def assert_sound(run: SimulatedRun) -> None:
    """What holds of every run, whatever it met."""
    servers, results = run.servers, run.journal.results
    assert run.wrong == []
    assert servers.too_early == []
    assert run.journal.settled_twice == []
    answered = Counter(job for _, job in servers.answers)
    assert run.done() == set(answered)
    assert all(times == 1 for times in answered.values()), "answered twice"
    for job in run.failed():
        own = servers.failures[job]
        counted = sum(failure.kind is FailureKind.TRANSIENT for failure in own)
        if own[-1].kind in (FailureKind.AUTH, FailureKind.QUOTA, FailureKind.THROTTLE) and is_bad(run, job):
            continue
        assert own[-1].kind is FailureKind.REQUEST or counted >= ATTEMPTS, (job, own)
    if run.ended:
        assert len(results) == run.scenario.jobs
    else:
        assert run.stands_because or run.gave_up, "it stands, and nobody knows why"
    assert_retries_within_budget(run)


def is_bad(run: SimulatedRun, job: int) -> bool:
    """True if the server refuses this very prompt, whatever the key."""
    return any(fault.jobs is not None and job in fault.jobs for fault in run.scenario.faults)


def assert_retries_within_budget(run: SimulatedRun) -> None:
    """In no minute more retries than a fifth of the requests, and as many as may be in flight.

    Those that were let through before they had to wait leave later: one for a key, or all for the disk. The
    budget counts in tenths of a second, and a request leaves a moment after it was let through.
    """
    calls, scenario = run.servers.calls, run.scenario
    floor = max(10, scenario.concurrency) + (scenario.concurrency if scenario.full_disk else 2)
    times = [call.at for call in calls]
    retries = [call.at for call in calls if run.servers.is_retry(call)]
    for last, at in enumerate(retries):
        within = last + 1 - bisect_right(retries, at - 60.0)
        of = bisect_right(times, at) - bisect_right(times, at - 60.5)
        assert within <= 0.2 * of + floor, f"{within} retries of {of} requests at {at}"


@pytest.mark.parametrize("failure", [refused, bad_gateway, overloaded, offline])
@pytest.mark.parametrize("seconds", [3.0, 2 * MINUTE, 10 * MINUTE, 55 * MINUTE])
def test_an_outage_of_less_than_an_hour_fails_no_job(failure: Callable[[], Failure], seconds: float) -> None:
    run = lived(Scenario(jobs=1_200, faults=[Fault(failure, 5.0, 5.0 + seconds)]))
    assert run.ended
    assert run.failed() == set()
    during = sum(5.5 < call.at < 5.0 + seconds for call in run.servers.calls)
    assert during <= 8 + seconds / 10, "one request at a time, ever more rarely"
    first = next(at for at, _ in run.servers.answers if at > 5.0 + seconds + 2.0)
    assert first <= 5.0 + seconds + 60.0 + 3.0
    busy = sum(first + 2.0 <= at < first + 7.0 for at, _ in run.servers.answers)
    assert busy >= 250, "at its old rate within seconds"


@pytest.mark.parametrize("concurrency", [4, 12, 16])
def test_a_long_storm_of_errors_is_spread_over_many_jobs(concurrency: int) -> None:
    storm = Fault(bad_gateway, 5.0, 50 * MINUTE)
    run = lived(Scenario(jobs=500, concurrency=concurrency, endpoints={"e": 2}, faults=[storm]))
    assert run.ended
    assert run.failed() == set()


def test_nothing_for_longer_than_an_hour_pauses_the_endpoint_and_says_so() -> None:
    run = lived(Scenario(faults=[Fault(refused, 5.0, 90 * MINUTE)], asks_s=3 * HOUR))
    assert not run.ended
    assert run.failed() == set()
    assert [endpoint.state for endpoint in run.pool.endpoint_statistics()] == [EndpointState.PAUSED]
    assert [alert.kind for alert in run.stands_because] == [AlertKind.ENDPOINT]


def test_the_first_word_of_a_slow_answer_shows_that_the_endpoint_is_back() -> None:
    run = lived(Scenario(jobs=300, latency_s=(200.0, 500.0), faults=[Fault(refused, 600.0, 660.0)]))
    assert run.ended
    first = next(call.at for call in run.servers.calls if call.at >= 660.0)
    assert sum(first < call.at <= first + 110.0 for call in run.servers.calls) >= 30


def test_a_refused_request_shows_that_the_endpoint_is_back() -> None:
    bad = frozenset(range(50, 1000, 7))
    run = lived(Scenario(faults=[Fault(refused, 5.0, 65.0), Fault(malformed, jobs=bad)]))
    assert run.failed() == bad
    assert run.took_s < 90.0


@pytest.mark.parametrize("bad", [range(5, 1000, 20), range(300, 340), range(970, 1000)])
def test_prompts_that_break_the_server_fail_and_the_others_do_not(bad: Sequence[int]) -> None:
    run = lived(Scenario(faults=[Fault(crashed, jobs=frozenset(bad))]))
    assert run.ended
    assert run.failed() == set(bad)


def test_a_broken_key_costs_no_job_and_little_time() -> None:
    run = lived(Scenario(jobs=3_000, faults=[Fault(crashed, key="e-0")]))
    assert run.ended
    assert run.failed() == set()
    assert sum(call.key == "e-0" for call in run.servers.calls) < 100
    assert run.took_s < 1.25 * 3_000 / 64, "64 at once, a second each"


@pytest.mark.parametrize("hours", [0.5, 3.0])
def test_keys_that_have_no_quota_for_hours_fail_no_job(hours: float) -> None:
    run = lived(Scenario(faults=[Fault(unpaid, 5.0, hours * HOUR)]))
    assert run.ended
    assert run.failed() == set()
    assert sum(5.1 < call.at < hours * HOUR for call in run.servers.calls) <= 15


def test_a_revoked_key_is_left_alone_and_without_any_the_run_says_so() -> None:
    run = lived(Scenario(faults=[Fault(unknown_key, 5.0, key="e-1")]))
    assert run.ended
    assert run.failed() == set()
    assert [key.state for key in run.pool.statistics()].count(KeyState.DEAD) == 1
    run = lived(Scenario(faults=[Fault(unknown_key, 5.0)], asks_s=HOUR))
    assert AlertKind.KEYS_GONE in [alert.kind for alert in run.stands_because]
    assert run.failed() == set()


def test_one_prompt_that_is_refused_like_a_bad_key_does_not_stop_the_others() -> None:
    run = lived(Scenario(endpoints={"e": 1}, faults=[Fault(unknown_key, jobs=frozenset({50}))]))
    assert run.failed() == {50}
    assert run.done() == set(range(1_000)) - {50}
    assert [key.state for key in run.pool.statistics()] == [KeyState.HEALTHY]


def test_an_endpoint_that_comes_back_takes_its_share_and_no_more() -> None:
    dead = Fault(refused, 5.0, 2 * MINUTE, endpoint="a")
    run = lived(Scenario(jobs=12_000, endpoints={"a": 2, "b": 2}, faults=[dead]))
    assert run.ended
    assert run.failed() == set()
    after = Counter(call.endpoint for call in run.servers.calls if 128.0 < call.at < 148.0)
    assert after["a"] > 300
    assert after["b"] > 300


@pytest.mark.parametrize("hint", [None, 2.0, 90.0])
def test_throttled_keys_are_used_as_much_as_they_allow(hint: float | None) -> None:
    run = lived(Scenario(limits=[Limit(5, hint)]))
    assert run.ended
    assert run.failed() == set()


def test_what_waits_for_the_disk_is_not_sent_to_a_server_that_went_down_meanwhile() -> None:
    down = Fault(refused, 3.5, 10 * MINUTE, after_s=4.0)
    run = lived(Scenario(full_disk=[(4.9, 60.0)], faults=[down]))
    assert run.ended
    assert sum(55.0 < call.at < 10 * MINUTE for call in run.servers.calls) < 30


@pytest.mark.parametrize(("share", "longer"), [(0.01, 1.05), (0.05, 1.1), (0.2, 1.5)])
def test_faults_now_and_then_make_a_run_hardly_longer(share: float, longer: float) -> None:
    run = lived(Scenario(jobs=2_000, faults=[Fault(crashed, chance=share)]))
    assert run.ended
    assert run.took_s < longer * 2_000 / 64 + 4.0, "64 at once, a second each"


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.1, 0.2, 0.3])
def test_how_long_ten_thousand_jobs_take(share: float) -> None:
    run = lived(Scenario(jobs=10_000, faults=[Fault(crashed, chance=share)]))
    print(f"{share:.0%} faults: {run.took_s:.0f} s, {len(run.servers.calls)} requests")
    assert run.ended


def anything(seed: int) -> Scenario:
    """A run through any number of troubles at once."""
    rng = random.Random(seed)
    endpoints = {name: rng.randint(1, 4) for name in "ab"[: rng.randint(1, 2)]}
    keys = [f"{name}-{number}" for name, many in endpoints.items() for number in range(many)]
    jobs = rng.choice([1, 7, 60, 400])
    return Scenario(
        jobs=jobs,
        endpoints=endpoints,
        concurrency=rng.choice([1, 3, 16, 64]),
        faults=[_any_fault(rng, list(endpoints), keys, jobs) for _ in range(rng.randint(1, 5))],
        limits=[Limit(rng.randint(1, 20), rng.choice([None, 0.5, 20.0, 200.0]))] * (rng.random() < 0.3),
        room=rng.choice([None, None, None, 4]),
        latency_s=rng.choice([(0.01, 0.05), (0.5, 1.5), (10.0, 90.0)]),
        full_disk=[(3.0, 3.0 + rng.choice([1.0, 300.0]))] * (rng.random() < 0.2),
        rate=rng.choice([None, None, 5.0]),
        seed=seed,
        asks_s=8 * HOUR,
    )


def _any_fault(rng: random.Random, endpoints: list[str], keys: list[str], jobs: int) -> Fault:
    failures = [refused, bad_gateway, crashed, overloaded, offline, malformed, unpaid, unknown_key]
    begins = rng.choice([0.0, rng.uniform(0, 60)])
    return Fault(
        rng.choice([*failures, lambda: throttled(30.0)]),
        begins,
        begins + rng.choice([3.0, 2 * MINUTE, 30 * MINUTE, 90 * MINUTE]),
        endpoint=rng.choice([None, rng.choice(endpoints)]),
        key=rng.choice([None, rng.choice(keys)]),
        jobs=rng.choice([None, None, frozenset(rng.sample(range(jobs), min(jobs, 5)))]),
        chance=rng.choice([1.0, 1.0, 0.3, 0.05]),
        after_s=rng.choice([0.01, 1.0, 60.0]),
    )


@pytest.mark.parametrize("batch", range(2))
def test_whatever_happens_nothing_is_lost_and_nothing_stands_silently(batch: int) -> None:
    for seed in range(batch * 10, batch * 10 + 10):
        lived(anything(seed))


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(20))
def test_whatever_happens_for_a_long_time(batch: int) -> None:
    for seed in range(1_000 + batch * 50, 1_050 + batch * 50):
        lived(anything(seed))
