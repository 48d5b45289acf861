"""A trial: some jobs spread over the file, then the run is held with a forecast of the rest."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.trial_forecast import TrialPlan
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.commands import CancelJobs, Pause, Release, Resume, RetryJobs, SetRate
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.states import AlertKind, Binding
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.costs import Tokens
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt, PromptList
from tests.engine.scripted import ALL, Server, failing, of, plan, prompts, run, started, until, whole

JOBS, SIZE = 200, 20


def price(_label: str, _model: str, tokens: Tokens) -> float | None:
    return (tokens.input * 0.15 + tokens.output * 0.6) / 1e6


def tried(folder: Path, server: Server, source: PromptList | None = None, **more: Any) -> RunPlan:
    jobs = source if source is not None else prompts(JOBS)
    the_plan = plan(folder, server, jobs, trial=TrialPlan(SIZE, len(jobs)), **more)
    return replace(the_plan, facts=replace(the_plan.facts, cost_of=price))


def facts(folder: Path) -> dict[str, Any]:
    return JournalReader(folder).facts()


def on_record(folder: Path) -> tuple[int, float | None]:
    """What a list of runs says is done, and what it cost."""
    totals = totals_in(facts(folder))
    assert totals is not None
    return totals.done, totals.cost


def test_a_trial_sends_so_many_requests_and_holds_until_it_is_released(tmp_path: Path) -> None:
    server = Server()
    with started(tried(tmp_path, server, stay=True)) as session:
        held = until(session, lambda frame: frame.run.hold is not None)
        assert sum(server.asked.values()) == SIZE
        assert held.run.hold is not None
        assert held.run.hold.kind is HoldKind.TRIAL
        assert held.rate.binding is Binding.HELD
        assert held.run.rests
        assert (held.run.requests_per_s, held.run.tokens_per_s, held.rate.achieved) == (0.0, 0.0, 0.0)
        assert [alert.kind for alert in held.alerts] == [AlertKind.TRIAL]
        assert "u releases" in held.alerts[0].fix
        assert held.forecast is not None
        assert held.forecast.jobs == JOBS - SIZE
        until(session, lambda _frame: facts(tmp_path).get("held") == "trial")
        until(session, lambda frame: on_record(tmp_path) == (SIZE, frame.run.cost))
        session.command(Release())
        until(session, lambda frame: frame.run.done == JOBS)
    assert max(server.asked.values()) == 1
    assert facts(tmp_path)["held"] is None


def test_a_held_run_that_nobody_watches_ends_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    server = Server()
    begun = tried(tmp_path, server)
    assert run(begun).ending is Ending.HELD
    again = run(replace(begun, resume=True))
    assert again.ending is Ending.HELD
    assert again.frame(ALL).forecast is not None
    assert sum(server.asked.values()) == SIZE
    assert run(replace(begun, resume=True, trial=None)).ending is Ending.DONE
    assert dict(server.asked) == {f"prompt {n}": 1 for n in range(JOBS)}


def test_the_jobs_of_a_trial_are_from_all_parts_of_the_file(tmp_path: Path) -> None:
    session = run(tried(tmp_path, Server()))
    done = [row.job for row in JournalReader(session.folder).ended()]
    assert [job * SIZE // JOBS for job in done] == list(range(SIZE))


def test_jobs_of_a_trial_are_retried_and_their_failures_forecast(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, before: int) -> list[Any]:
        return failing(FailureKind.REQUEST, status=400) if int(prompt.split()[1]) % 2 else whole("x")

    server = Server(script)
    with started(tried(tmp_path, server, stay=True)) as session:
        held = until(session, lambda frame: frame.forecast is not None)
        failed = held.run.failed
        assert held.forecast is not None
        assert held.forecast.failed is not None
        assert held.forecast.failed.low < failed * (JOBS - SIZE) / SIZE < held.forecast.failed.high
        sent = held.run.attempts
        job = next(row.job for row in held.jobs.rows if row.error)
        session.command(RetryJobs((job,)))
        until(session, lambda frame: frame.run.attempts > sent and frame.forecast is not None)
    assert len(server.asked) == SIZE


def test_the_forecast_of_a_trial_knows_of_a_rate_that_is_found_only_how_it_begins(tmp_path: Path) -> None:
    """The few requests of a trial say nothing of what the provider takes."""
    few = plan(tmp_path, Server(), prompts(JOBS), trial=TrialPlan(4, JOBS), stay=True, auto=True)
    with started(few) as session:
        held = until(session, lambda frame: frame.forecast is not None)
        assert held.forecast is not None
        assert held.forecast.seconds is not None
        assert held.forecast.seconds.is_open
        assert held.forecast.seconds.low > 10.0, "196 requests of three keys that begin at 2 a second"
        assert held.run.hold is not None
        assert ", at least 1" in held.run.hold.rest


def test_the_forecast_of_a_held_trial_follows_the_rate(tmp_path: Path) -> None:
    with started(tried(tmp_path, Server(), stay=True, rate=1_000.0)) as session:
        until(session, lambda frame: frame.forecast is not None)
        session.command(SetRate(2.0))
        slow = until(
            session, lambda frame: frame.forecast is not None and frame.forecast.binds == "the rate of 2/s"
        )
        assert slow.rate.rate == 2.0
        assert slow.forecast is not None
        assert slow.forecast.seconds is not None
        least_s = (JOBS - SIZE) / 2.0  # and as long as the last answer takes
        assert least_s <= slow.forecast.seconds.expected < 2 * least_s


def test_a_pause_and_a_resume_do_not_release_a_trial(tmp_path: Path) -> None:
    server = Server()
    with started(tried(tmp_path, server, stay=True)) as session:
        until(session, lambda frame: frame.run.hold is not None)
        session.command(Pause())
        session.command(Resume())
        until(session, lambda frame: frame.rate.binding is Binding.HELD)
    assert sum(server.asked.values()) == SIZE


def test_jobs_behind_the_trial_can_be_cancelled_and_shown_while_it_is_held(tmp_path: Path) -> None:
    server = Server()
    with started(tried(tmp_path, server, stay=True)) as session:
        held = until(session, lambda frame: frame.run.hold is not None)
        assert sorted(row.job for row in held.jobs.rows) == list(range(JOBS))
        waiting = tuple(row.job for row in held.jobs.rows if not row.state.ended)
        session.command(CancelJobs(waiting[:50]))
        until(session, lambda frame: frame.run.cancelled == 50 and frame.run.hold is not None)
        session.command(Release())
        until(session, lambda frame: frame.run.done == JOBS - 50)
        session.command(Release())  # once more does nothing
    assert sum(server.asked.values()) == JOBS - 50


def test_a_trial_whose_every_job_behind_was_cancelled_is_over(tmp_path: Path) -> None:
    with started(tried(tmp_path, Server(), stay=True)) as session:
        held = until(session, lambda frame: frame.run.hold is not None)
        session.command(CancelJobs(tuple(row.job for row in held.jobs.rows if not row.state.ended)))
        over = until(session, lambda frame: frame.run.ended == JOBS)
        assert until(session, lambda frame: frame.run.hold is None).run.cancelled == JOBS - SIZE
        assert not over.alerts


def lengths(rng: random.Random, variation: float) -> int:
    spread = math.log(1 + variation**2)
    return max(1, round(300 * rng.lognormvariate(-spread / 2, math.sqrt(spread))))


@pytest.mark.parametrize("variation", [0.5, 1.0])
@pytest.mark.parametrize("in_order", [False, True])
def test_the_interval_holds_the_final_cost_in_most_runs(
    tmp_path: Path, variation: float, in_order: bool
) -> None:
    """Of 20 runs by their seeds; the answers are longer for longer prompts."""
    hits = 0
    for seed in range(20):
        rng = random.Random(seed)
        sizes = [4 * max(1, round(100 * rng.lognormvariate(0, 0.8))) for _ in range(JOBS)]
        if in_order:
            sizes.sort()
        said = {f"p{n}": lengths(rng, variation) for n in range(JOBS)}
        texts = {f"p{n} ".ljust(size, "x"): f"p{n}" for n, size in enumerate(sizes)}
        source = of([Prompt(name, (("user", text),)) for text, name in texts.items()])

        def script(_key: str, prompt: str, _before: int) -> list[Any]:
            usage = Usage(len(prompt) // 4 + 9, said[texts[prompt]])  # noqa: B023 - of this seed's run
            return whole("x", usage)

        folder = tmp_path / f"{seed}"
        folder.mkdir()
        begun = tried(folder, Server(script), source)
        held = run(begun).frame(ALL)
        assert held.forecast is not None
        assert held.forecast.cost is not None
        assert held.run.cost is not None
        whole_cost = run(replace(begun, resume=True, trial=None)).frame(ALL).run.cost
        assert whole_cost is not None
        rest = whole_cost - held.run.cost
        hits += held.forecast.cost.low <= rest <= held.forecast.cost.high
    assert hits >= 13


def test_a_trial_on_record_says_how_large_it_is(tmp_path: Path) -> None:
    with started(tried(tmp_path, Server(), stay=True)) as session:
        until(session, lambda frame: frame.run.hold is not None)
        session.command(Release())
        until(session, lambda frame: frame.run.done == JOBS)
    assert json.loads(facts(tmp_path)["trial"]) == {"size": SIZE, "of": JOBS, "released": True}
