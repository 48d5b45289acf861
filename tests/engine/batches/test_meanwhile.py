"""What changes while a batch is planned, refused or asked to end: nothing is stuck, lost or counted twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.commands import (
    BringBack,
    CancelJobs,
    GiveUpBatch,
    Pause,
    Resume,
    RetryJobs,
    SendInBatches,
    SetBudget,
)
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import BatchState, JobState, RunState
from llmdash.engine.session import LocalSession
from llmdash.llms.batches import BatchStatus
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import InputError, Prompt, PromptList
from tests.engine.batches.provider import HeldBatch, Provider, batch_plan, refused
from tests.engine.batches.test_batches import balanced, executed, once, where
from tests.engine.batches.test_planning import state_of
from tests.engine.scripted import (
    ALL,
    Script,
    Server,
    failing,
    held_from,
    prompts,
    run,
    started,
    until,
    whole,
)
from tests.engine.test_budget import CENT, LIMIT, priced

FULL = refused(429, "Enqueued token limit reached", FailureKind.THROTTLE)


class SlowPrompts(PromptList):
    """Takes its time over each prompt."""

    def prompt(self, index: int) -> Prompt:
        time.sleep(0.01)
        return super().prompt(index)


class LostPrompts(PromptList):
    """Cannot be read any more, once `gone` is set."""

    def prompt(self, index: int) -> Prompt:
        if self.options["gone"].is_set():
            raise InputError("the file has changed")
        return super().prompt(index)


def test_a_first_job_that_fails_while_others_are_written_keeps_them_out_of_batches(tmp_path: Path) -> None:
    wrong = failing(FailureKind.REQUEST, "no such model", status=404)
    server, provider = Server(lambda *_: wrong), Provider()
    slow = SlowPrompts("slow", "f" * 64, prompts(40).prompts)
    run(batch_plan(tmp_path, server, provider, slow))
    assert provider.calls["create"] == 0


def test_a_job_that_goes_first_is_not_put_in_a_batch_that_waits_for_it(tmp_path: Path) -> None:
    gate = threading.Event()
    server, provider = Server(held_from(0, gate)), Provider()
    made = batch_plan(tmp_path, server, provider, prompts(10), terms=BatchTerms(), concurrency=1, stay=True)
    with started(made) as session:
        session.command(Pause())
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        session.command(SendInBatches(None))
        until(session, lambda frame: (frame.run.batched, frame.run.queued) == (9, 1))
        session.command(SendInBatches(None))
        time.sleep(0.1)
        session.command(Resume())
        gate.set()
        until(session, lambda frame: frame.run.done == 10)
        balanced(session, server, provider)
    assert executed(server, provider) == once(10)


def test_what_is_planned_again_is_reserved_for_once(tmp_path: Path) -> None:
    server, provider = Server(lambda _key, _prompt, _before: whole("x", Usage(3, 100))), Provider()
    provider.refusals = [("create", FULL)]
    made = batch_plan(tmp_path, server, provider, prompts(9), budget=CENT * 1000, options=LIMIT)
    frame = run(priced(made)).frame(ALL)
    assert frame.run.done == 9
    assert frame.run.reserved == 0.0


def test_a_job_that_is_cancelled_while_its_batch_waits_leaves_its_room_in_a_budget(tmp_path: Path) -> None:
    gate = threading.Event()

    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        if prompt == "prompt 0":
            return [gate, *failing(FailureKind.REQUEST, "no such model", status=404)]
        return whole("x", Usage(3, 100))

    server, provider = Server(script), Provider()
    made = batch_plan(tmp_path, server, provider, prompts(6), budget=CENT * 1000, options=LIMIT, stay=True)
    with started(priced(made)) as session:
        until(session, lambda frame: frame.run.reserved == pytest.approx(6 * CENT))
        session.command(CancelJobs((3,)))
        until(session, lambda frame: state_of(frame, "p3") is JobState.CANCELLED)
        gate.set()
        until(session, lambda frame: frame.run.ended == 6)
        until(session, lambda frame: frame.run.reserved == 0.0)


def test_a_run_that_leaves_waits_for_the_jobs_of_a_batch_that_was_refused(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck, provider.forget_s = True, 2.5
    provider.refusals = [("create", FULL)]
    session = run(
        batch_plan(tmp_path, server, provider, prompts(9), terms=BatchTerms(all_pending=True, leaves=True))
    )
    assert session.ending is Ending.BATCHED
    assert sum(len(held.requests) for held in provider.batches.values()) == 8


def test_a_batch_is_held_and_given_up_although_the_service_does_not_answer(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    with started(batch_plan(tmp_path, server, provider, prompts(5), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        provider.refusals = [("cancel", refused(503, "try later", FailureKind.TRANSIENT))] * 100_000
        session.command(BringBack(1))
        until(session, lambda frame: where(frame) is BatchState.HELD)
        session.command(GiveUpBatch(1))
        until(session, lambda frame: frame.run.done == 5)


def test_a_key_without_credit_gets_no_batch_again_and_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", refused(402, "credit is gone", FailureKind.QUOTA))] * 1000
    with started(batch_plan(tmp_path, server, provider, prompts(9), keys=2, stay=True)) as session:
        until(session, lambda frame: provider.calls["create"] >= 2)
        time.sleep(0.5)
    assert provider.calls["create"] == 2  # once with each


def test_a_budget_that_is_set_while_a_batch_is_planned_counts_for_it(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(held_from(0, gate, lambda _key, _prompt, _before: whole("x", Usage(3, 100))))
    provider = Provider()
    made = batch_plan(tmp_path, server, provider, prompts(12), options=LIMIT, stay=True)
    with started(priced(made)) as session:
        until(session, lambda frame: frame.run.batched == 11 and frame.run.in_flight == 1)
        session.command(SetBudget(5.5 * CENT))
        until(session, lambda frame: frame.run.budget is not None)
        gate.set()
        until(session, lambda frame: frame.run.done >= 5)
        time.sleep(0.3)
    assert sum(provider.executed.values()) == 4


def test_an_answer_to_a_prompt_that_cannot_be_read_any_more_may_be_paid_for(tmp_path: Path) -> None:
    """What was reserved for it was never counted, so that a run held by its budget did not end."""
    server, provider = Server(lambda _key, _prompt, _before: whole("x", Usage(3, 100))), Provider()
    provider.stuck = True
    gone = threading.Event()
    source = LostPrompts("lost", "f" * 64, prompts(5).prompts, options={"gone": gone})
    made = batch_plan(tmp_path, server, provider, source, budget=CENT * 1000, options=LIMIT, stay=True)
    with started(priced(made)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        gone.set()
        provider.finish()
        frame = until(session, lambda frame: frame.run.ended == 5 and where(frame) is BatchState.CLOSED)
        balanced(session, server, provider)
    assert (frame.run.failed, frame.batches[0].left) == (4, 0)
    assert (frame.run.reserved, frame.run.unknown) == (0.0, 4)


class BrokenService(Provider):
    """Something in it is wrong that nobody thought of."""

    def go_on(self, held: HeldBatch) -> BatchStatus:
        raise RuntimeError("no service does that")


def test_a_fault_of_what_looks_after_batches_ends_the_run(tmp_path: Path) -> None:
    """Nobody looked any more, and it waited for ever."""
    with pytest.raises(RuntimeError, match="no service does that"):
        run(batch_plan(tmp_path, Server(), BrokenService(), prompts(5)))


def test_where_the_first_job_is_cancelled_another_one_goes_first(tmp_path: Path) -> None:
    gate = threading.Event()
    server, provider = Server(held_from(0, gate)), Provider()
    with started(batch_plan(tmp_path, server, provider, prompts(10), stay=True)) as session:
        until(session, lambda frame: frame.run.batched == 9 and frame.run.in_flight == 1)
        session.command(CancelJobs((0,)))
        gate.set()
        until(session, lambda frame: frame.run.done == 9)
        balanced(session, server, provider)
    assert (sum(server.asked.values()), sum(provider.executed.values())) == (2, 8)


def first_waits(gate: threading.Event) -> Script:
    """The job that goes first is answered once the gate is open."""

    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        return [*([gate] if prompt == "prompt 0" else []), *whole(f"re: {prompt}")]

    return script


def cancel_one_of_a_draft(session: LocalSession) -> None:
    until(session, lambda frame: frame.run.batched == 9 and frame.run.in_flight == 1)
    session.command(CancelJobs((3,)))
    until(session, lambda frame: frame.run.cancelled == 1)


def test_a_job_that_is_cancelled_and_retried_while_its_batch_waits_is_sent_once(tmp_path: Path) -> None:
    gate, provider = threading.Event(), Provider()
    server = Server(first_waits(gate))
    with started(batch_plan(tmp_path, server, provider, prompts(10), stay=True)) as session:
        cancel_one_of_a_draft(session)
        session.command(RetryJobs((3,)))
        until(session, lambda frame: state_of(frame, "p3") is JobState.DONE)
        gate.set()
        until(session, lambda frame: frame.run.done == 10)
        balanced(session, server, provider)
    assert executed(server, provider) == once(10)


def test_a_job_that_is_cancelled_retried_and_sent_in_another_batch_is_in_one_of_both(tmp_path: Path) -> None:
    gate, provider = threading.Event(), Provider()
    server = Server(first_waits(gate))
    with started(batch_plan(tmp_path, server, provider, prompts(10), stay=True)) as session:
        cancel_one_of_a_draft(session)
        for command in (Pause(), RetryJobs((3,)), SendInBatches((3,))):
            session.command(command)
        until(session, lambda frame: frame.run.batched == 9 and frame.run.cancelled == 0)
        gate.set()
        until(session, lambda frame: frame.run.done == 1)
        session.command(Resume())
        until(session, lambda frame: frame.run.done == 10)
        balanced(session, server, provider)
    assert executed(server, provider) == once(10)
