"""Jobs that go in batches only: what no batch takes waits for the user, and costs nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.reuse import ReuseRules, Which
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.commands import BringBack, CancelJobs, Release, SendInBatches
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import BatchState, JobState
from llmdash.engine.plan import RunPlan
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from llmdash.runs.kept_answers import KeptAnswers
from tests.engine.batches.provider import Provider, batch_plan, refused
from tests.engine.batches.test_batches import balanced, executed, once
from tests.engine.scripted import ALL, Server, of, prompts, run, started, until

ONLY = BatchTerms(all_pending=True, only=True)
_NO_SERVICE = refused(404, "batches are not supported for this model")


def only(folder: Path, server: Server, provider: Provider | None, count: int, **more: Any) -> RunPlan:
    """A run of `count` prompts that go in batches only."""
    return batch_plan(folder, server, provider, prompts(count), **{"terms": ONLY, **more})


def is_held(frame: Frame) -> bool:
    """True if the run waits for the user with what goes in no batch."""
    return frame.run.hold is not None and frame.run.hold.kind is HoldKind.BATCHES


def sent_live(server: Server) -> int:
    """How many requests were sent one by one."""
    return sum(server.asked.values())


@pytest.mark.parametrize("has_service", [True, False])
def test_what_a_service_does_not_take_is_held(tmp_path: Path, has_service: bool) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", _NO_SERVICE)]
    session = run(only(tmp_path, server, provider if has_service else None, 12))
    frame = session.frame(ALL)
    assert session.ending is Ending.HELD
    assert (frame.run.done, frame.run.queued, frame.run.batched) == (
        sent_live(server),
        12 - sent_live(server),
        0,
    )
    assert sent_live(server) == has_service
    assert is_held(frame)
    assert f"no batch took {12 - has_service} jobs" in frame.alerts[0].text


def test_what_is_held_is_sent_one_by_one_once_it_is_released(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", _NO_SERVICE)]
    with started(only(tmp_path, server, provider, 12, stay=True)) as session:
        until(session, is_held)
        session.command(Release())
        until(session, lambda frame: frame.run.done == 12)
        balanced(session, server, provider)
    assert executed(server, provider) == once(12)
    assert sent_live(server) == 12


def test_what_is_held_can_be_cancelled_or_sent_in_a_batch_after_all(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", refused(400, "the file is odd"))]
    with started(only(tmp_path, server, provider, 12, stay=True)) as session:
        until(session, is_held)
        session.command(CancelJobs((3, 4)))
        until(session, lambda frame: frame.run.cancelled == 2)
        assert is_held(session.frame(ALL))
        session.command(SendInBatches())
        until(session, lambda frame: frame.run.ended == 12)
        frame = balanced(session, server, provider)
    assert (frame.run.done, sent_live(server), len(provider.batches)) == (10, 1, 1)


def test_what_expires_goes_in_another_batch_as_long_as_each_answers_some(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.share, provider.forget_s = 0.5, 0.2
    session = run(only(tmp_path, server, provider, 101))
    frame = balanced(session, server, provider)
    assert (session.ending, frame.run.done, frame.run.queued) == (Ending.HELD, 100, 1)
    assert sent_live(server) == 1
    assert [row.jobs for row in frame.batches] == [100, 50, 25, 13, 7, 3, 1]
    provider.share = 1.0
    resumed = run(only(tmp_path, server, provider, 101, resume=True))
    assert (resumed.ending, resumed.frame(ALL).run.done) == (Ending.DONE, 101)
    assert sent_live(server) == 1


def test_a_batch_that_the_user_brings_back_is_held_and_not_sent_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    with started(only(tmp_path, server, provider, 12, stay=True)) as session:
        until(session, lambda frame: bool(frame.batches) and frame.batches[0].state is BatchState.OUT)
        session.command(BringBack(1))
        frame = until(session, is_held)
        assert (frame.run.done, frame.run.queued, len(provider.batches)) == (1, 11, 1)
    assert executed(server, provider) == once(1)


def test_jobs_that_wait_for_the_answer_of_one_that_is_held_are_held_with_it(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", _NO_SERVICE)]
    alike = of([Prompt(f"p{n}", (("user", f"prompt {n % 4}"),)) for n in range(12)])
    rules = ReuseRules(KeptAnswers((), tmp_path), of_own=Which.ANY)
    plan = batch_plan(tmp_path, server, provider, alike, terms=ONLY, stay=True, reuse=rules)
    with started(plan) as session:
        until(session, is_held)
        session.command(Release())
        until(session, lambda frame: frame.run.done == 12)
    assert sent_live(server) == 4


def test_after_its_deadline_what_is_left_is_held(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    late = BatchTerms(all_pending=True, only=True, deadline=time.time() - 1.0)
    session = run(only(tmp_path, server, provider, 9, terms=late))
    assert (session.ending, sent_live(server), len(provider.batches)) == (Ending.HELD, 0, 0)


def test_a_wrong_model_costs_one_call_and_the_rest_waits(tmp_path: Path) -> None:
    server = Server(lambda *_: [refused(400, "this prompt is too long", FailureKind.REQUEST)])
    session = run(only(tmp_path, server, Provider(), 12))
    frame = session.frame(ALL)
    assert (session.ending, frame.run.failed, frame.run.queued) == (Ending.HELD, 1, 11)


def test_rows_that_a_batch_cannot_carry_wait_while_the_others_are_answered(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    odd = Prompt("odd", (("user", "odd"),), options={"stream": True})
    plan = batch_plan(tmp_path, server, provider, of([*prompts(6).prompts, odd]), terms=ONLY)
    session = run(plan)
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.run.queued) == (Ending.HELD, 6, 1)
    assert frame.jobs.rows[0].state in (JobState.QUEUED, JobState.DONE)
    assert sent_live(server) == 1
