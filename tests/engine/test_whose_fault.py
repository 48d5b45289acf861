"""Whole runs with prompts that always fail, and keys that do: each fails for its own fault alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from llmdash.engine.model.states import EndpointState, JobState, KeyState
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.simulated_runs import SimulatedRun, lived
from tests.engine.simulated_servers import (
    Fault,
    Scenario,
    bad_gateway,
    bad_request,
    crashed,
    filtered,
    forbidden,
    no_access,
    overloaded,
    poor_by_words,
    refused,
    throttled,
    too_many_tokens,
    unavailable,
    unknown_key,
    unpaid,
    wrong_key_by_words,
)

PLACES = [0, 30, 55]


def poisoned(failure: Callable[[], Failure], *jobs: int, keys: int = 2, at_once: int = 8) -> Scenario:
    """60 jobs, some of which always fail in the same way."""
    return Scenario(
        jobs=60,
        endpoints={"e": keys},
        concurrency=at_once,
        faults=[Fault(failure, jobs=frozenset(jobs))],
    )


def asked(run: SimulatedRun) -> Counter[int]:
    return Counter(call.job for call in run.servers.calls)


def states(run: SimulatedRun) -> list[KeyState]:
    return [key.state for key in run.pool.statistics()]


def ended_at(run: SimulatedRun) -> float:
    """Seconds until the last request."""
    return run.servers.calls[-1].at


def assert_only(run: SimulatedRun, *bad: int) -> None:
    """Only these jobs fail, and no key or endpoint is blamed for them."""
    assert run.ended
    assert run.failed() == set(bad)
    assert len(run.done()) == run.scenario.jobs - len(bad)
    blamed = {KeyState.DEAD, KeyState.QUARANTINED, KeyState.COOLDOWN}
    assert not blamed & set(states(run))
    assert [endpoint.state for endpoint in run.pool.endpoint_statistics()] == [EndpointState.UP]


# Refused with a status that may mean either


@pytest.mark.case("wire", "key-400")
@pytest.mark.parametrize("failure", [bad_request, no_access, forbidden])
@pytest.mark.parametrize("job", PLACES)
@pytest.mark.parametrize("at_once", [1, 8, 64])
def test_a_prompt_that_every_key_refuses_fails_and_no_key_is_blamed(
    failure: Callable[[], Failure], job: int, at_once: int
) -> None:
    run = lived(poisoned(failure, job, at_once=at_once))
    assert_only(run, job)
    assert asked(run)[job] <= 3
    assert sum(asked(run).values()) - asked(run)[job] == 59


@pytest.mark.case("wire", "key-400")
def test_a_refused_prompt_is_tried_once_on_another_key_and_not_where_there_is_none() -> None:
    assert asked(lived(poisoned(bad_request, 7, keys=3)))[7] == 2
    assert asked(lived(poisoned(bad_request, 7, keys=1)))[7] == 1


@pytest.mark.case("wire", "key-400")
def test_what_names_the_request_is_not_tried_on_another_key() -> None:
    run = lived(poisoned(filtered, 7, 8, 9))
    assert_only(run, 7, 8, 9)
    assert [asked(run)[job] for job in (7, 8, 9)] == [1, 1, 1]


@pytest.mark.case("wire", "key-400")
def test_a_status_and_code_that_were_a_prompts_own_are_believed_at_once_from_then_on() -> None:
    bad = range(0, 60, 6)
    run = lived(poisoned(bad_request, *bad, at_once=1))
    assert_only(run, *bad)
    assert [asked(run)[job] for job in bad] == [2] + [1] * 9


@pytest.mark.case("wire", "key-400")
@pytest.mark.case("wire", "model-404-key")
@pytest.mark.parametrize("failure", [bad_request, no_access, forbidden, unknown_key, wrong_key_by_words])
@pytest.mark.parametrize("at_once", [1, 8, 64])
@pytest.mark.parametrize("keys", [2, 3])
def test_no_prompt_fails_for_a_key_that_is_refused_whatever_the_status(
    failure: Callable[[], Failure], at_once: int, keys: int
) -> None:
    fault = Fault(failure, key="e-0")
    run = lived(Scenario(jobs=200, endpoints={"e": keys}, concurrency=at_once, faults=[fault]))
    assert run.failed() == set()
    assert len(run.done()) == 200
    assert states(run) == [KeyState.DEAD] + [KeyState.HEALTHY] * (keys - 1)
    assert max(asked(run).values()) <= 2
    assert sum(call.key == "e-0" for call in run.servers.calls) <= 2 * at_once + 2
    assert run.pool.statistics()[0].detail


@pytest.mark.case("wire", "model-404-key")
@pytest.mark.parametrize("failure", [no_access, forbidden])
def test_a_key_leaves_the_model_that_it_has_no_access_to_and_serves_the_others(
    failure: Callable[[], Failure],
) -> None:
    fault = Fault(failure, key="e-0", model="large")
    models = {job: ("large", "small")[job % 2] for job in range(100, 300)}
    run = lived(Scenario(jobs=300, endpoints={"e": 2}, concurrency=8, faults=[fault], models=models))
    assert run.failed() == set()
    assert states(run) == [KeyState.HEALTHY, KeyState.HEALTHY]
    calls = Counter((call.key, call.model) for call in run.servers.calls)
    assert calls["e-0", "large"] <= 10
    assert calls["e-0", "small"] > 30
    assert calls["e-1", "large"] == 100


@pytest.mark.case("wire", "model-404-key")
def test_jobs_that_name_a_model_which_no_key_may_use_fail_with_the_servers_words() -> None:
    models = dict.fromkeys(range(0, 60, 3), "secret")
    fault = Fault(forbidden, model="secret")
    run = lived(Scenario(jobs=60, endpoints={"e": 2}, concurrency=4, faults=[fault], models=models))
    assert run.ended or run.kill_switch.reason
    assert run.done() >= set(range(60)) - set(models) or run.kill_switch.reason
    assert run.failed() <= set(models)
    assert all(run.journal.results[job].error == "403 not allowed" for job in run.failed())
    assert states(run) == [KeyState.HEALTHY, KeyState.HEALTHY]


# Quota and keys told by words alone


@pytest.mark.case("engine", "echo-quota")
@pytest.mark.parametrize("failure", [poor_by_words, wrong_key_by_words])
@pytest.mark.parametrize("jobs", [(0,), (30,), (59,), (5, 6), (20, 21, 22)])
@pytest.mark.parametrize("keys", [1, 2, 3])
@pytest.mark.parametrize("at_once", [1, 8, 64])
def test_a_prompt_whose_words_come_back_as_those_of_a_key_fails_alone(
    failure: Callable[[], Failure], jobs: tuple[int, ...], keys: int, at_once: int
) -> None:
    run = lived(poisoned(failure, *jobs, keys=keys, at_once=at_once))
    assert_only(run, *jobs)
    assert run.took_s < 60.0 / min(at_once, 8) + 40.0
    assert run.journal.results[jobs[0]].error == f"400 {failure().message}"


@pytest.mark.case("engine", "echo-quota")
def test_one_job_blames_one_key_at_most_on_words_alone() -> None:
    run = lived(poisoned(poor_by_words, 30, keys=3))
    quarantined = {record.key for record in run.journal.health_records if record.state == "quarantined"}
    assert len(quarantined) == 1


@pytest.mark.case("wire", "money-403")
@pytest.mark.case("wire", "spend-code")
@pytest.mark.case("wire", "day-quota-body")
@pytest.mark.parametrize("failure", [unpaid, poor_by_words])
@pytest.mark.parametrize("at_once", [1, 8])
def test_a_key_without_money_fails_no_job_and_is_asked_again_only_as_its_probe(
    failure: Callable[[], Failure], at_once: int
) -> None:
    fault = Fault(failure, key="e-0")
    run = lived(Scenario(jobs=300, endpoints={"e": 2}, concurrency=at_once, faults=[fault]))
    assert run.failed() == set()
    assert states(run) == [KeyState.QUARANTINED, KeyState.HEALTHY]
    assert sum(call.key == "e-0" for call in run.servers.calls) <= at_once


@pytest.mark.parametrize("failure", [unpaid, poor_by_words])
@pytest.mark.parametrize("at_once", [1, 8, 64])
@pytest.mark.parametrize("keys", [1, 2, 3])
def test_when_no_key_has_money_left_no_job_fails_and_each_is_asked_once_in_a_while(
    failure: Callable[[], Failure], at_once: int, keys: int
) -> None:
    fault = Fault(failure, begins=3.0, ends=4_000.0)
    scenario = Scenario(jobs=400, endpoints={"e": keys}, concurrency=at_once, faults=[fault])
    run = lived(scenario)
    assert run.ended
    assert run.failed() == set()
    assert sum(6.0 < call.at < 4_000.0 for call in run.servers.calls) <= 10 * keys


# Rate limited whatever the key


@pytest.mark.case("wire", "poison-prompt")
@pytest.mark.parametrize("hint", [None, 1.0, 20.0])
@pytest.mark.parametrize("job", [0, 30, 59])
@pytest.mark.parametrize("keys", [1, 2, 3])
@pytest.mark.parametrize("at_once", [8, 64])
def test_a_prompt_that_is_always_rate_limited_fails_and_the_others_are_done(
    hint: float | None, job: int, keys: int, at_once: int
) -> None:
    run = lived(poisoned(lambda: throttled(hint), job, keys=keys, at_once=at_once))
    assert run.ended
    assert run.failed() == {job}
    assert len(run.done()) == 59
    assert run.took_s < 60 / at_once + (30.0 if hint is None else 5 * hint + 30.0)
    assert ended_at(run) < 200.0
    assert asked(run)[job] <= 12
    assert run.journal.results[job].error == "429 slow down"


@pytest.mark.case("wire", "poison-prompt")
@pytest.mark.parametrize("at_once", [1, 8, 64])
def test_in_a_long_run_such_a_prompt_fails_while_the_others_go_on(at_once: int) -> None:
    bad = frozenset({3, 40, 41})
    fault = Fault(too_many_tokens, jobs=bad)
    run = lived(Scenario(jobs=600, endpoints={"e": 2}, concurrency=at_once, faults=[fault]))
    assert run.failed() == bad
    last = max(call.at for call in run.servers.calls if call.job in bad)
    assert last < run.took_s + 100.0
    assert run.took_s < 1.3 * 600 / at_once + 30.0


@pytest.mark.case("wire", "poison-prompt")
@pytest.mark.parametrize("hint", [None, 2.0, 30.0])
def test_no_job_fails_because_the_keys_are_rate_limited(hint: float | None) -> None:
    fault = Fault(lambda: throttled(hint), begins=4.0, ends=1_500.0)
    run = lived(Scenario(jobs=600, endpoints={"e": 2}, concurrency=16, faults=[fault]))
    assert run.ended
    assert run.failed() == set()


# Server errors


@pytest.mark.case("engine", "always-500")
@pytest.mark.parametrize("keys", [1, 3])
@pytest.mark.parametrize("at_once", [1, 8, 64])
@pytest.mark.parametrize("failure", [crashed, bad_gateway, unavailable])
def test_the_last_prompts_that_break_the_server_fail_after_their_retries(
    keys: int, at_once: int, failure: Callable[[], Failure]
) -> None:
    bad = range(54, 60)
    run = lived(poisoned(failure, *bad, keys=keys, at_once=at_once))
    assert run.ended
    assert run.failed() == set(bad)
    assert all(6 <= asked(run)[job] <= 9 for job in bad)
    # While others are left to test it, an overloaded endpoint is probed ever more rarely.
    assert ended_at(run) < 60 / at_once + (200.0 if failure is unavailable else 75.0)


@pytest.mark.case("engine", "always-500")
@pytest.mark.parametrize("job", [0, 30, 59])
@pytest.mark.parametrize("at_once", [1, 8, 64])
@pytest.mark.parametrize("failure", [crashed, unavailable, overloaded])
def test_one_prompt_that_is_always_refused_by_an_overloaded_server_fails_in_seconds(
    job: int, at_once: int, failure: Callable[[], Failure]
) -> None:
    run = lived(poisoned(failure, job, at_once=at_once))
    if failure is overloaded and job == 59 and at_once == 1:
        assert ended_at(run) < 4_000.0  # it is as likely to be overloaded
        return
    assert_only(run, job)
    assert ended_at(run) < 60 / at_once + 45.0


@pytest.mark.case("engine", "always-500")
def test_a_probe_of_an_endpoint_is_another_job_than_one_that_always_fails() -> None:
    faults = [Fault(crashed, jobs=frozenset(range(10, 20))), Fault(refused, 4.0, 60.0)]
    run = lived(Scenario(jobs=600, endpoints={"e": 2}, concurrency=16, faults=faults))
    assert run.failed() == set(range(10, 20))
    assert run.took_s < 120.0


@pytest.mark.case("wire", "filter-heavy")
def test_a_run_of_which_most_is_filtered_is_not_stopped() -> None:
    bad = range(4, 26)
    run = lived(
        Scenario(jobs=30, endpoints={"e": 2}, concurrency=4, faults=[Fault(filtered, jobs=frozenset(bad))])
    )
    assert_only(run, *bad)
    assert run.kill_switch.reason is None


@pytest.mark.case("wire", "slow-first")
def test_a_call_that_may_have_to_be_paid_for_is_made_twice_at_most() -> None:
    def timed_out() -> Failure:
        return Failure(FailureKind.TRANSIENT, "no byte in 120 s: first_byte", may_be_billed=True)

    run = lived(poisoned(timed_out, 7))
    assert_only(run, 7)
    assert asked(run)[7] == 2


@pytest.mark.case("wire", "slow-down")
@pytest.mark.parametrize("kind", [FailureKind.THROTTLE, FailureKind.TRANSIENT])
def test_a_key_that_is_asked_to_slow_down_halves_its_rate_and_says_so(kind: FailureKind) -> None:
    def growing() -> Failure:
        return Failure(kind, "slow down", status=503, code="slow_down", slow_down=True)

    fault = Fault(growing, 20.0, 20.2)
    run = lived(Scenario(jobs=1_500, endpoints={"e": 1}, concurrency=8, faults=[fault]))
    assert run.failed() == set()
    rates = [sum(at <= call.at < at + 20.0 for call in run.servers.calls) / 20 for at in (0.0, 60.0, 200.0)]
    assert 0.35 * rates[0] < rates[1] < 0.65 * rates[0]
    assert rates[1] <= rates[2] < 0.75 * rates[0]
    (notice,) = [notice.text for notice in run.store.notices if "slow down" in notice.text]
    assert "halved" in notice
    if run.took_s < 1_500:
        assert "slow down" in run.pool.statistics()[0].detail


def bad_account() -> Failure:
    return Failure(FailureKind.REQUEST, "account in arrears", status=400, code="Arrearage")


def no_model() -> Failure:
    return Failure(FailureKind.REQUEST, "no such model for you", status=404)


@pytest.mark.case("wire", "key-400")
def test_a_key_that_starts_to_refuse_as_prompts_were_refused_before_is_soon_found_out() -> None:
    faults = [Fault(bad_request, jobs=frozenset({2})), Fault(bad_request, 10.0, key="e-0")]
    run = lived(Scenario(jobs=300, endpoints={"e": 2}, concurrency=8, faults=faults))
    assert len(run.failed() - {2}) <= 8
    assert states(run) == [KeyState.DEAD, KeyState.HEALTHY]


def mixed(seed: int) -> tuple[Scenario, frozenset[int]]:
    """A run with any prompts and keys at fault, and the prompts that are."""
    rng = random.Random(seed)
    keys = rng.randint(2, 4)
    jobs = rng.choice([60, 200, 400])
    numbers = rng.sample(range(jobs), 12)
    of_prompts = [bad_request, no_access, forbidden, filtered, poor_by_words, wrong_key_by_words]
    of_prompts += [too_many_tokens, crashed, lambda: throttled(rng.choice([1.0, 5.0]))]
    of_keys = [bad_account, no_model, forbidden, unknown_key, unpaid, crashed, wrong_key_by_words]
    of_keys += [poor_by_words, lambda: throttled(3.0)]
    faults: list[Fault] = []
    bad: set[int] = set()
    for _ in range(rng.randint(1, 4)):
        own = frozenset(numbers.pop() for _ in range(rng.randint(1, 2)))
        bad |= own
        faults.append(Fault(rng.choice(of_prompts), jobs=own))
    begins = rng.choice([0.0, rng.uniform(0.0, 8.0)])
    faults.append(Fault(rng.choice(of_keys), begins, key="e-0"))
    if rng.random() < 0.5:
        faults.append(Fault(rng.choice([bad_gateway, crashed]), chance=0.03))
    if rng.random() < 0.3:
        faults.insert(0, Fault(rng.choice([refused, overloaded]), 4.0, 30.0))
    at_once = rng.choice([2, 8, 32])
    return Scenario(jobs, {"e": keys}, at_once, faults, seed=seed, asks_s=20_000.0), frozenset(bad)


@pytest.mark.parametrize("seed", range(50))
def test_of_mixed_faults_each_is_blamed_on_what_has_it(seed: int) -> None:
    scenario, bad = mixed(seed)
    run = lived(scenario)
    assert run.wrong == []
    pending = set(range(scenario.jobs)) - set(run.journal.results)
    assert run.gave_up == bool(pending)
    assert pending <= {job for job in bad if run.servers.failures[job][-1].kind is FailureKind.THROTTLE}
    assert run.failed() == bad - pending
    assert len(run.done()) == scenario.jobs - len(bad)
    assert not {KeyState.DEAD, KeyState.QUARANTINED} & set(states(run)[1:])
    assert [endpoint.state for endpoint in run.pool.endpoint_statistics()] == [EndpointState.UP]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50, 1_000))
def test_of_many_mixed_faults_each_is_blamed_on_what_has_it(seed: int) -> None:
    test_of_mixed_faults_each_is_blamed_on_what_has_it(seed)


def test_no_job_is_left_in_a_state_of_waiting() -> None:
    run = lived(poisoned(bad_request, 1, 2, 3))
    assert sum(run.store.columns.counts[state] for state in JobState if not state.ended) == 0
