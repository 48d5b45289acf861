"""A held run and what else happens to it: reuse, duplicates, pauses, keys, cancelled and retried jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.reuse import ReuseRules, Which
from llmdash.engine.dispatch.trial_forecast import TrialPlan
from llmdash.engine.model.commands import (
    CancelJobs,
    Command,
    DisableKey,
    Drain,
    Pause,
    Release,
    Resume,
    RetryJobs,
    ReviveKey,
    SetBudget,
    SetRate,
)
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import RunState
from llmdash.prompts.source import Prompt
from llmdash.reports.occasions import Occasion, occasion_of
from llmdash.reports.summary import summary
from llmdash.runs.kept_answers import KeptAnswers
from tests.engine.priced_runs import CENT, JOBS, SIZE, answering, bounded, is_held
from tests.engine.scripted import (
    ALL,
    assert_balanced,
    of,
    run,
    started,
    until,
)


@pytest.mark.parametrize("known", [30, 60])
def test_jobs_whose_answer_is_known_belong_to_a_trial_and_the_rest_is_forecast_with_them(
    tmp_path: Path, known: int
) -> None:
    """Every other job of the run is known, or all of them: the rest is no dearer than what it will ask."""
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    for folder in (earlier, now):
        folder.mkdir()
    jobs = [Prompt(f"p{n}", (("user", f"prompt {n}"),)) for n in range(JOBS)]
    run(bounded(earlier, answering(100), of(jobs[:: JOBS // known])))
    server = answering(100)
    rules = ReuseRules(KeptAnswers((earlier,)), Which.EXACT)
    begun = bounded(now, server, of(jobs), trial=TrialPlan(20, JOBS), reuse=rules, rate=10.0, stay=True)
    with started(begun) as session:
        held = until(session, lambda frame: frame.forecast is not None)
        assert held.run.done == 20
        assert held.run.attempts == sum(server.asked.values()) == 20 - held.run.reused
        forecast = held.forecast
        assert forecast is not None
        assert forecast.cost is not None
        assert forecast.cost.expected == pytest.approx(40 * CENT * held.run.attempts / 20, rel=0.35)
        assert forecast.seconds is not None
        assert forecast.seconds.expected == pytest.approx(4.0 * held.run.attempts / 20, rel=0.35, abs=0.2)
        session.command(SetRate(None))
        session.command(Release())
        until(session, lambda frame: frame.run.done == JOBS)
        assert_balanced(session, server)
    assert sum(server.asked.values()) == JOBS - known


@pytest.mark.parametrize(
    "bounds", [{"trial": TrialPlan(SIZE, JOBS)}, {"budget": SIZE * CENT}], ids=["trial", "budget"]
)
def test_who_glances_at_a_held_run_sees_what_holds_it(tmp_path: Path, bounds: dict[str, Any]) -> None:
    """As the watch does that tells the user: while it is held, and after a run that nobody watches."""
    begun = bounded(tmp_path, answering(100), **bounds)
    with started(replace(begun, stay=True)) as session:
        shown = until(session, is_held)
        glance = session.glance()
        assert (glance.run.hold, glance.alerts, glance.forecast) == (
            shown.run.hold,
            shown.alerts,
            shown.forecast,
        )
        assert occasion_of(glance) is Occasion.HELD
        by_key = summary(glance)["by_key"]
        assert sum(row["answers"] for row in by_key) == glance.run.done > 0
    again = run(replace(begun, resume=True))
    assert occasion_of(again.glance()) is Occasion.HELD


@pytest.mark.parametrize("first", [Pause(), Drain()], ids=["paused", "drained"])
def test_a_held_run_that_rests_for_another_reason_goes_on_once_both_are_over(
    tmp_path: Path, first: Command
) -> None:
    server = answering(10)
    with started(bounded(tmp_path, server, trial=TrialPlan(SIZE, JOBS), stay=True)) as session:
        until(session, lambda frame: frame.forecast is not None)
        session.command(first)
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        session.command(Release())
        until(session, lambda frame: frame.run.hold is None)
        assert sum(server.asked.values()) == SIZE
        session.command(Resume())
        until(session, lambda frame: frame.run.done == JOBS)
        assert_balanced(session, server)
    assert max(server.asked.values()) == 1


def test_keys_that_die_and_come_back_while_a_trial_is_held_release_nothing(tmp_path: Path) -> None:
    server = answering(10)
    with started(bounded(tmp_path, server, trial=TrialPlan(SIZE, JOBS), stay=True)) as session:
        until(session, lambda frame: frame.forecast is not None)
        for key in ("k0", "k1", "k2"):
            session.command(DisableKey(key))
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        session.command(ReviveKey("k1"))
        until(session, lambda frame: frame.run.state is RunState.RUNNING)
        until(session, lambda frame: frame.run.hold is not None)
        assert sum(server.asked.values()) == SIZE
        session.command(Release())
        until(session, lambda frame: frame.run.done == JOBS)
    assert max(server.asked.values()) == 1


def test_jobs_without_room_are_cancelled_and_retried_and_paid_once(tmp_path: Path) -> None:
    server = answering(100)
    with started(bounded(tmp_path, server, budget=20 * CENT, stay=True)) as session:
        held = until(session, is_held)
        waiting = tuple(row.job for row in held.jobs.rows if not row.state.ended)
        session.command(CancelJobs(waiting[:30]))
        until(session, lambda frame: frame.run.cancelled == 30)
        session.command(RetryJobs(waiting[:20]))
        until(session, lambda frame: frame.run.cancelled == 10 and is_held(frame))
        assert sum(server.asked.values()) == 20
        session.command(SetBudget(25 * CENT))
        session.command(SetBudget(40 * CENT))  # by another viewer
        until(session, lambda frame: frame.run.done == 40 and is_held(frame))
        session.command(SetBudget(None))
        until(session, lambda frame: frame.run.ended == JOBS)
        assert_balanced(session, server)
    assert sum(server.asked.values()) == JOBS - 10
    assert max(server.asked.values()) == 1


def test_of_equal_requests_without_room_one_is_asked_once_there_is(tmp_path: Path) -> None:
    jobs = [Prompt(f"p{n}", (("user", f"say {n // 3}"),)) for n in range(JOBS)]
    server = answering(100)
    rules = ReuseRules(KeptAnswers((), tmp_path), of_own=Which.EXACT)
    begun = bounded(tmp_path, server, of(jobs), budget=5 * CENT, reuse=rules, trial=TrialPlan(30, JOBS))
    assert run(begun).ending is Ending.HELD
    assert sum(server.asked.values()) == 5
    again = replace(begun, resume=True, reuse=ReuseRules(KeptAnswers((), tmp_path), of_own=Which.EXACT))
    assert run(again).ending is Ending.HELD
    assert sum(server.asked.values()) == 5
    last = replace(again, trial=None, budget=None)
    session = run(replace(last, reuse=ReuseRules(KeptAnswers((), tmp_path), of_own=Which.EXACT)))
    assert session.ending is Ending.DONE
    assert dict(server.asked) == {f"say {n}": 1 for n in range(JOBS // 3)}
    assert session.frame(ALL).run.reused == JOBS - JOBS // 3
    assert_balanced(session, server)
