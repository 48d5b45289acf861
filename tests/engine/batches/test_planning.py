"""Which jobs go in which batch, and which go live: as few as can be."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.model.batch_terms import BatchErrand, BatchTerms
from llmdash.engine.model.commands import CancelJobs, SendInBatches
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import BatchState, JobState
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from tests.engine.batches.provider import Provider, batch_plan
from tests.engine.batches.test_batches import balanced, executed, once
from tests.engine.scripted import ALL, Server, failing, held_from, of, prompts, run, started, until, whole
from tests.engine.test_budget import CENT, LIMIT, priced


def state_of(frame: Frame, job: str) -> JobState | None:
    """The state of the job of this id; None where it has no row."""
    return next((row.state for row in frame.jobs.rows if row.id == job), None)


ONLY_BATCHES = BatchTerms(all_pending=True, only=True)


def test_a_group_that_an_earlier_start_had_answered_needs_no_other_proof(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    leaves = BatchTerms(all_pending=True, leaves=True)
    run(batch_plan(tmp_path, server, provider, prompts(25), terms=leaves))
    provider.stuck, provider.share = False, 0.5
    waits = BatchTerms(errand=BatchErrand(waits=True))
    run(batch_plan(tmp_path, server, provider, prompts(25), terms=waits, resume=True))
    provider.share = 1.0
    session = run(batch_plan(tmp_path, server, provider, prompts(25), resume=True))
    assert balanced(session, server, provider).run.done == 25
    assert sum(server.asked.values()) == 1
    assert executed(server, provider) == once(25)


def test_answers_that_came_live_prove_their_own_group_and_no_other(tmp_path: Path) -> None:
    gate = threading.Event()
    server, provider = Server(held_from(1, gate)), Provider()
    some = [
        Prompt(f"p{n}", (("user", f"prompt {n}"),), options={"temperature": 0.5} if n > 4 else {})
        for n in range(10)
    ]
    made = batch_plan(tmp_path, server, provider, of(some), terms=BatchTerms(), concurrency=1, stay=True)
    with started(made) as session:
        until(session, lambda frame: frame.run.done == 1)
        session.command(SendInBatches(tuple(range(2, 10))))
        until(session, lambda frame: frame.run.batched == 7)
        gate.set()
        until(session, lambda frame: frame.run.done == 10)
        balanced(session, server, provider)
    assert set(server.asked) == {"prompt 0", "prompt 1", "prompt 5"}
    assert executed(server, provider) == once(10)


def test_where_no_model_answers_live_no_job_goes_first(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.answers_live = False
    session = run(batch_plan(tmp_path, server, provider, prompts(25)))
    assert balanced(session, server, provider).run.done == 25
    assert (dict(server.asked), provider.executed) == ({}, once(25))


def test_what_makes_a_batch_differ_in_size_goes_in_the_next_one_and_not_live(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    provider.stuck = True
    terms = BatchTerms(all_pending=True, most_jobs=7, leaves=True)
    session = run(batch_plan(tmp_path, server, provider, prompts(30), terms=terms))
    assert session.ending is Ending.BATCHED
    assert [row.jobs for row in session.frame(ALL).batches] == [7, 6, 5, 4, 3, 2, 1]
    assert sum(server.asked.values()) == 2  # the proof, and one job that no number is left for
    provider.finish()
    again = run(batch_plan(tmp_path, server, provider, prompts(30), resume=True))
    assert again.frame(ALL).run.done == 30
    assert executed(server, provider) == once(30)


def test_where_there_are_more_batches_than_numbers_full_ones_wait_for_their_turn(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    provider.lost, provider.stuck = ["create"] * 3, True
    terms = BatchTerms(all_pending=True, most_jobs=2)
    with started(batch_plan(tmp_path, server, provider, prompts(12), terms=terms, stay=True)) as session:
        frame = until(session, lambda frame: [row.state for row in frame.batches] == [BatchState.OUT] * 6)
        assert [row.jobs for row in frame.batches] == [2, 1, 2, 2, 2, 2]
        provider.finish()
        until(session, lambda frame: frame.run.done == 12)
        balanced(session, server, provider)
    assert sum(server.asked.values()) == 1
    assert executed(server, provider) == once(12)


def test_the_first_job_has_room_in_a_budget_beside_those_that_wait_for_it(tmp_path: Path) -> None:
    """What the others reserved left none for it, and nothing was ever sent."""
    server, provider = Server(lambda _key, _prompt, _before: whole("x", Usage(3, 100))), Provider()
    session = run(
        priced(batch_plan(tmp_path, server, provider, prompts(12), budget=5.5 * CENT, options=LIMIT))
    )
    frame = session.frame(ALL)
    assert session.ending is Ending.HELD
    assert frame.run.hold is not None
    assert frame.run.hold.kind is HoldKind.BUDGET
    assert sum(provider.executed.values()) == 4
    assert frame.run.done >= 5


@pytest.mark.parametrize("terms", [BatchTerms(all_pending=True), ONLY_BATCHES])
def test_a_first_job_that_is_refused_for_now_gets_its_room_in_a_budget_back(
    tmp_path: Path, terms: BatchTerms
) -> None:
    """Those that wait for its answer took what it gave back; it waited for them, and they for it."""

    def refuses_twice(_key: str, _prompt: str, before: int) -> list[Any]:
        return failing(FailureKind.TRANSIENT) if before < 2 else whole("x", Usage(3, 100))

    server, provider = Server(refuses_twice), Provider()
    made = batch_plan(tmp_path, server, provider, prompts(12), budget=5.5 * CENT, options=LIMIT, terms=terms)
    slow = RetryPolicy(base_s=0.2, cap_s=0.2, budget_floor=1_000)
    session = run(replace(priced(made), policy=slow))
    assert server.asked["prompt 0"] == 3
    assert session.frame(ALL).run.done >= 5
    assert sum(provider.executed.values()) >= 4


def test_a_first_job_that_is_cancelled_leaves_its_room_in_a_budget_to_others(tmp_path: Path) -> None:
    server, provider = Server(lambda *_: failing(FailureKind.TRANSIENT)), Provider()
    never = RetryPolicy(base_s=3600.0, cap_s=3600.0)
    made = batch_plan(tmp_path, server, provider, prompts(3), budget=CENT, options=LIMIT, stay=True)
    with started(replace(priced(made), policy=never)) as session:
        until(session, lambda frame: state_of(frame, "p0") is JobState.BACKOFF and frame.run.reserved > 0)
        session.command(CancelJobs((0,)))
        server.script = lambda *_: whole("x", Usage(3, 100))
        until(session, lambda frame: frame.run.done == 1)


def test_where_jobs_go_in_batches_only_what_the_budget_had_no_room_for_goes_in_the_next_one(
    tmp_path: Path,
) -> None:
    """They were held as if no batch took them, with half of the budget left."""
    server, provider = Server(lambda _key, _prompt, _before: whole("x", Usage(3, 100))), Provider()
    made = batch_plan(
        tmp_path, server, provider, prompts(12), budget=5.5 * CENT, options=LIMIT, terms=ONLY_BATCHES
    )
    session = run(priced(made))
    assert (session.ending, session.frame(ALL).run.done) == (Ending.DONE, 12)
    assert (sum(server.asked.values()), sum(provider.executed.values())) == (1, 11)
