"""What bounds and spares the money of a run, taken together: trials, budgets, reuse, the user's commands."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.trial_forecast import TrialPlan
from llmdash.engine.journal.file import NAME
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import (
    CancelJobs,
    Release,
    RetryJobs,
    SetBudget,
)
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.pool.costs import Tokens
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt
from tests.engine.priced_runs import CENT, JOBS, SIZE, answering, bounded, is_held, price
from tests.engine.scripted import (
    ALL,
    Server,
    assert_balanced,
    of,
    prompts,
    run,
    started,
    until,
    whole,
)


def facts(folder: Path) -> dict[str, Any]:
    return JournalReader(folder).facts()


def test_a_run_that_is_released_by_a_resume_is_on_record_as_held_no_more(tmp_path: Path) -> None:
    begun = bounded(tmp_path, answering(10), trial=TrialPlan(SIZE, JOBS))
    assert run(begun).ending is Ending.HELD
    assert facts(tmp_path)["held"] == "trial"
    assert run(replace(begun, resume=True, trial=None)).ending is Ending.DONE
    assert facts(tmp_path)["held"] is None


def test_the_forecast_of_a_held_trial_leaves_out_what_is_cancelled(tmp_path: Path) -> None:
    with started(bounded(tmp_path, answering(10), trial=TrialPlan(SIZE, JOBS), stay=True)) as session:
        held = until(session, lambda frame: frame.forecast is not None)
        waiting = tuple(row.job for row in held.jobs.rows if not row.state.ended)
        session.command(CancelJobs(waiting[:30]))
        until(session, lambda frame: frame.forecast is not None and frame.forecast.jobs == JOBS - SIZE - 30)


def test_a_dear_job_that_waits_for_a_larger_budget_blocks_none_that_turn_out_cheap(tmp_path: Path) -> None:
    """A hundred jobs have no room at 4,096 tokens each, nor has a dear one after them; then answers are
    known to be short.
    """
    limits = {**dict.fromkeys(range(20), 100), 120: 5_000}
    jobs = [
        Prompt(f"p{n}", (("user", f"prompt {n}"),), options={"max_tokens": limits[n]} if n in limits else {})
        for n in range(130)
    ]
    gate = threading.Event()
    server = Server(lambda _key, _prompt, _before: [gate, *whole("x", Usage(3, 10))])
    the_plan = bounded(tmp_path, server, of(jobs), budget=30 * CENT, options={}, concurrency=32, stay=True)
    with started(the_plan) as session:
        until(session, lambda frame: frame.run.in_flight == 20 and frame.jobs.rows[-1].job >= 0)
        until(session, lambda frame: frame.run.waiting == 1)  # the dear one
        gate.set()
        held = until(session, lambda frame: is_held(frame) and frame.run.done == 129)
        assert held.run.hold is not None
        assert held.run.hold.kind is HoldKind.BUDGET
    assert sum(server.asked.values()) == 129


def test_a_budget_set_while_the_disk_is_slow_counts_each_request_once(tmp_path: Path) -> None:
    """Answers that are not on disk yet are paid for, and not of unknown outcome."""
    server, gate = answering(100), threading.Event()
    server.script = lambda _key, _prompt, _before: [gate, *whole("x", Usage(3, 100))]
    with started(bounded(tmp_path, server, stay=True, concurrency=4)) as session:
        until(session, lambda frame: frame.run.in_flight == 4)
        with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.set()
            until(session, lambda frame: frame.run.output_tokens == 400 and frame.run.waiting >= 4)
            session.command(SetBudget(20 * CENT))
            bound = until(session, lambda frame: frame.run.budget is not None)
            assert bound.run.reserved == pytest.approx(4 * CENT)  # the next ones, which are about to be sent
            other.execute("ROLLBACK")
        held = until(session, is_held)
        assert held.run.hold is not None
        assert held.run.hold.said == "$0.20 of $0.20 spent"
    assert sum(server.asked.values()) == 20


def test_requests_that_may_be_billed_count_from_before_the_budget_was_set(tmp_path: Path) -> None:
    broken: dict[str, list[Any]] = {
        "prompt 0": [Failure(FailureKind.TRANSIENT, "no answer in time", may_be_billed=True)],
        "prompt 1": [Delta(text="half an ans"), Failure(FailureKind.TRANSIENT, "the connection broke")],
        "prompt 2": [Failure(FailureKind.TRANSIENT, "busy", status=503)],
    }

    def script(_key: str, prompt: str, before: int) -> list[Any]:
        return broken[prompt] if prompt in broken and not before else whole("x", Usage(3, 100))

    begun = bounded(tmp_path, Server(script), prompts(9), stay=True)
    with started(begun) as session:
        until(session, lambda frame: frame.run.done == 9)
        session.command(SetBudget(1.0))
        bound = until(session, lambda frame: frame.run.budget is not None)
        assert bound.run.cost == pytest.approx(11 * CENT)
        session.command(SetBudget(None))
        session.command(SetBudget(1.0))
        again = until(session, lambda frame: frame.run.budget is not None)
        assert again.run.cost == pytest.approx(11 * CENT)
    kept = run(replace(begun, resume=True, stay=False, budget=1.0))
    assert kept.frame(ALL).run.cost == pytest.approx(11 * CENT)


def test_a_job_cut_before_the_budget_was_set_counts_at_what_it_may_cost(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(lambda _key, _prompt, _before: [gate, *whole("x", Usage(3, 100))])
    with started(bounded(tmp_path, server, prompts(9), stay=True, concurrency=3)) as session:
        until(session, lambda frame: frame.run.in_flight == 3)
        session.command(CancelJobs((0,)))
        until(session, lambda frame: frame.run.cancelled == 1 and frame.run.in_flight == 3)
        session.command(SetBudget(1.0))
        bound = until(session, lambda frame: frame.run.budget is not None)
        assert (bound.run.cost, bound.run.reserved) == pytest.approx((CENT, 3 * CENT))
        gate.set()
        done = until(session, lambda frame: frame.run.ended == 9)
        assert (done.run.cost, done.run.reserved) == pytest.approx((9 * CENT, 0.0))
        assert_balanced(session, server)


def test_a_job_behind_the_trial_that_is_cancelled_and_retried_is_sent_once(tmp_path: Path) -> None:
    server = answering(10)
    with started(bounded(tmp_path, server, trial=TrialPlan(SIZE, JOBS), stay=True)) as session:
        held = until(session, lambda frame: frame.forecast is not None)
        waiting = tuple(row.job for row in held.jobs.rows if not row.state.ended)
        session.command(CancelJobs(waiting[:3]))
        until(session, lambda frame: frame.run.cancelled == 3)
        session.command(RetryJobs(waiting[:2]))
        until(session, lambda frame: frame.run.done == SIZE + 2)
        until(session, is_held)
        session.command(CancelJobs(waiting[:5]))
        session.command(Release())
        until(session, lambda frame: frame.run.ended == JOBS)
    assert max(server.asked.values()) == 1
    assert_balanced(session, server)


def test_a_held_run_sends_nothing_when_it_is_resumed_as_it_is(tmp_path: Path) -> None:
    """Servers count ten times as many tokens of a prompt as are estimated; a resume knows that too."""
    server = Server(lambda _key, _prompt, _before: whole("x", Usage(30, 100)))
    begun = bounded(tmp_path, server, cost_of=price, budget=40.2 * CENT, concurrency=1)
    for _ in range(3):
        assert run(begun).ending is Ending.HELD
        assert sum(server.asked.values()) == 30
        begun = replace(begun, resume=True)


@pytest.mark.parametrize("damaged", ["[1]", "[-1, 2]", '["x", 2]', "nonsense", "{}"])
def test_a_damaged_record_of_prompt_sizes_is_none(tmp_path: Path, damaged: str) -> None:
    begun = bounded(tmp_path, answering(100), budget=25 * CENT)
    run(begun)
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("UPDATE run SET value = ? WHERE name = 'prompt_sizes'", (damaged,))
        db.commit()
    assert run(replace(begun, resume=True)).ending is Ending.HELD


def test_a_key_that_is_gone_is_still_paid_for_on_screen_and_in_the_budget(tmp_path: Path) -> None:
    def cost_of(label: str, _model: str, tokens: Tokens) -> float | None:
        return tokens.output * CENT / 100 if label != "k2" else None

    server = answering(100)
    begun = bounded(tmp_path, server, budget=12 * CENT, concurrency=3)
    assert run(begun).ending is Ending.HELD
    assert server.by_key["k2"]
    fewer = bounded(tmp_path, server, cost_of=cost_of, keys=2, budget=15 * CENT, resume=True)
    frame = run(fewer).frame(ALL)
    assert frame.run.cost == pytest.approx(15 * CENT)
    assert frame.run.hold is not None
    assert frame.run.hold.said == "$0.15 of $0.15 spent"
