"""Jobs that go to a provider in batches and come back: each is executed once, whatever happens meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.commands import (
    AdoptBatch,
    BringBack,
    CancelJobs,
    GiveUpBatch,
    RetryFailed,
    SendInBatches,
)
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import BatchState, JobState, KeyState
from llmdash.engine.model.view import StreamView
from llmdash.engine.session import LocalSession
from llmdash.llms.batches import BatchEnd
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from tests.doctor.damage import sql
from tests.engine.batches.provider import Provider, batch_plan, refused
from tests.engine.scripted import ALL, Server, held_from, of, prompts, records, run, started, until

SHAPES = pytest.mark.parametrize("takes_files", [True, False], ids=["by file", "inline"])


def balanced(session: LocalSession, server: Server, provider: Provider) -> Frame:
    """Frame, journal, server and provider tell the same story."""
    frame, results = session.frame(ALL), records(session)
    at = frame.run
    assert at.jobs == at.queued + at.waiting + at.in_flight + at.batched + at.ended
    states = Counter(result.state for result in results)
    assert (at.done, at.failed) == (states["done"], states["failed"])
    assert len({result.index for result in results}) == len(results)
    sums = JournalReader(session.folder).sums.key_totals()
    assert at.attempts == sum(each.sent for each in sums.values()) == sum(key.sent for key in frame.keys)
    spent = {key: (each.ok, each.throttled, each.errors, each.input_tokens) for key, each in sums.items()}
    shown = {
        key.label: (key.ok, key.throttled, key.errors, key.input_tokens) for key in frame.keys if key.sent
    }
    assert spent == shown
    return frame


def executed(server: Server, provider: Provider) -> Counter[str]:
    """How often each prompt was carried out, live or in a batch."""
    return server.asked + provider.executed


def where(frame: Frame) -> BatchState | None:
    """Where the first batch is."""
    return frame.batches[0].state if frame.batches else None


def once(count: int) -> Counter[str]:
    return Counter({f"prompt {n}": 1 for n in range(count)})


@SHAPES
def test_all_but_one_go_in_a_batch_and_come_back(tmp_path: Path, takes_files: bool) -> None:
    server, provider = Server(), Provider(takes_files=takes_files)
    session = run(batch_plan(tmp_path, server, provider, prompts(30)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, session.ending) == (30, Ending.DONE)
    assert executed(server, provider) == once(30)
    assert sum(server.asked.values()) == 1
    (row,) = frame.batches
    assert (row.state, row.jobs, row.left, row.provider_id) == (BatchState.CLOSED, 29, 0, "batch_1")
    assert [result.text for result in records(session)] == [f"re: prompt {n}" for n in range(30)]
    assert provider.forgotten == ["batch_1"]
    assert sorted(path.name for path in tmp_path.glob(".llmdash-batch-*")) == []


def test_only_what_was_sent_live_is_timed(tmp_path: Path) -> None:
    session = run(batch_plan(tmp_path, Server(), Provider(), prompts(5)))
    frame, results = session.frame(ALL), records(session)
    assert [(at.ttft_s is None, at.latency_s is None) for at in results] == [(False, False)] + 4 * [
        (True, True)
    ]
    assert frame.run.ttft.p50 == frame.run.ttft.p99 == pytest.approx(results[0].ttft_s, rel=0.1)


def test_the_stream_pane_shows_the_whole_answer_that_a_batch_brought(tmp_path: Path) -> None:
    session = run(batch_plan(tmp_path, Server(), Provider(), prompts(5)))
    live, batched = (session.frame(replace(ALL, stream=StreamView(job=job))).stream for job in (0, 3))
    assert [("".join(part.chunks), part.is_even) for part in (live, batched)] == [
        ("re: prompt 0", False),
        ("re: prompt 3", True),
    ]


def test_without_its_journal_the_stream_pane_says_less_and_the_run_is_still_shown(tmp_path: Path) -> None:
    session = run(batch_plan(tmp_path, Server(), Provider(), prompts(5)))
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    part = session.frame(replace(ALL, stream=StreamView(job=3))).stream
    assert (part.job, part.chunks) == (3, ())


@SHAPES
@pytest.mark.parametrize("call", ["upload", "create", "look", "cancel", "download"])
def test_a_call_whose_answer_is_lost_makes_nothing_twice(
    tmp_path: Path, call: str, takes_files: bool
) -> None:
    if call == "upload" and not takes_files:
        return
    server, provider = Server(), Provider(takes_files=takes_files)
    provider.lost = [call] if call in ("upload", "create") else [call, call]
    with started(batch_plan(tmp_path, server, provider, prompts(12), stay=True)) as session:
        if call == "cancel":
            provider.stuck = True
            until(session, lambda frame: where(frame) is BatchState.OUT)
            session.command(BringBack(1))
        until(session, lambda frame: frame.run.ended == 12)
        balanced(session, server, provider)
    assert executed(server, provider) == once(12)
    assert provider.lost == []
    assert len(provider.batches) == 1


def test_a_batch_is_created_again_only_after_it_was_not_found_three_times(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", refused(503, "try later", FailureKind.TRANSIENT))]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    assert session.frame(ALL).run.done == 9
    assert (provider.calls["create"], len(provider.batches)) == (2, 1)
    assert provider.calls["look"] >= 3 + 2


@SHAPES
def test_a_batch_that_is_listed_late_is_found(tmp_path: Path, takes_files: bool) -> None:
    server, provider = Server(), Provider(takes_files=takes_files)
    provider.lost, provider.lag_s = ["create"], 0.05
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    assert session.frame(ALL).run.done == 9
    assert (provider.calls["create"], executed(server, provider)) == (1, once(9))


def test_a_batch_that_has_ended_is_not_asked_to_end_again_and_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("cancel", refused(409, "it has ended", FailureKind.TRANSIENT))] * 1_000
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: bool(frame.batches))
        session.command(BringBack(1))
        until(session, lambda frame: frame.run.done == 9)
    assert provider.calls["cancel"] < 100
    assert executed(server, provider) == once(9)


def test_a_batch_that_is_not_seen_yet_is_asked_to_end_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck, provider.refusals = True, [("cancel", refused(404, "no such batch"))] * 2
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        session.command(BringBack(1))
        until(session, lambda frame: frame.run.done == 9)
    assert provider.calls["cancel"] == 3
    assert executed(server, provider) == once(9)


_ELSE = "of somebody else"


def own(counts: Counter[str]) -> Counter[str]:
    """The executions of the run itself."""
    return Counter({prompt: count for prompt, count in counts.items() if prompt != _ELSE})


def somebody_else(provider: Provider, count: int) -> None:
    """Another run has a batch of so many requests."""
    provider.create({f"x{n}": _ELSE for n in range(count)}, None, None)


def test_where_two_may_be_the_batch_it_is_held_until_the_user_says_which(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    somebody_else(provider, 8)
    provider.lost, provider.stuck = ["create"], True
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        frame = until(session, lambda frame: where(frame) is BatchState.HELD)
        assert "batch_1" in frame.batches[0].detail
        assert "batch_2" in frame.batches[0].detail
        session.command(AdoptBatch(1, "batch_2"))
        until(session, lambda frame: where(frame) is BatchState.OUT)
        provider.finish()
        until(session, lambda frame: frame.run.done == 9)
    assert provider.calls["create"] == 1


def test_where_two_may_be_the_batch_their_results_show_which_once_they_have_ended(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    somebody_else(provider, 8)
    provider.lost, provider.stuck = ["create"], True
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.HELD)
        provider.finish()
        frame = until(session, lambda frame: frame.run.done == 9)
    assert (frame.batches[0].provider_id, provider.calls["create"]) == ("batch_2", 1)
    assert own(executed(server, provider)) == once(9)


def test_a_batch_of_another_that_was_taken_for_the_own_one_is_found_out_at_its_end(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    somebody_else(provider, 8)
    provider.lost, provider.lag_s, provider.stuck = ["create"], 60.0, True

    def shown(lines: list[Any]) -> list[Any]:
        """By the end of the other one the own one is listed too."""
        for held in provider.batches.values():
            held.listed_at = 0.0
        return lines

    provider.tamper = shown
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: any(each.provider_id == "batch_1" for each in frame.batches))
        provider.finish()
        frame = until(session, lambda frame: frame.run.done == 9)
    assert frame.run.unknown == 0
    assert any("of another run" in notice.text for notice in frame.notices)
    assert (frame.batches[0].provider_id, provider.calls["create"]) == ("batch_2", 1)
    assert own(executed(server, provider)) == once(9)


def test_batches_of_one_size_are_not_mistaken_for_each_other_whichever_key_has_them(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    provider.lost = ["create"] * 4
    terms = BatchTerms(all_pending=True, most_jobs=1)
    session = run(batch_plan(tmp_path, server, provider, prompts(5), keys=2, terms=terms))
    assert (session.frame(ALL).run.done, provider.calls["create"]) == (5, 4)
    assert executed(server, provider) == once(5)


@pytest.mark.parametrize("keeps_names", [True, False])
def test_a_batch_that_was_listed_too_late_is_cancelled_as_a_twin(tmp_path: Path, keeps_names: bool) -> None:
    server, provider = Server(), Provider()
    provider.keeps_names = keeps_names
    provider.lost, provider.lag_s, provider.stuck = ["create"], 0.3, True
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        frame = until(session, lambda frame: any("twice" in notice.text for notice in frame.notices))
        assert len(provider.batches) == 2
        provider.finish()
        frame = until(session, lambda frame: frame.run.done == 9)
        assert frame.batches[0].provider_id == "batch_2"
    assert provider.batches["batch_1"].status.is_cancelling


def test_what_expires_is_pending_again_and_sent_once(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.share = 0.37
    session = run(batch_plan(tmp_path, server, provider, prompts(101)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, frame.run.unknown) == (101, 0)
    assert executed(server, provider) == once(101)
    assert (frame.batches[0].done, frame.batches[0].expired) == (37, 63)


def test_answers_that_are_missing_from_what_expired_may_cost_twice_and_are_said_to(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.share, provider.tamper = 0.5, lambda lines: lines[2:-2]
    session = run(batch_plan(tmp_path, server, provider, prompts(41)))
    assert session.frame(ALL).run.done == 41
    states = Counter(attempt.state for job in range(41) for attempt in JournalReader(tmp_path).attempts(job))
    assert states["unknown"] == 4
    assert sum(executed(server, provider).values()) == 41 + 2


@pytest.mark.parametrize(("blank", "twice"), [(3, 0), (1_000_000, 8)])
def test_results_with_nothing_in_them_are_fetched_again_for_a_while(
    tmp_path: Path, blank: int, twice: int
) -> None:
    server, provider = Server(), Provider()
    provider.blank_downloads = blank
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (session.ending, frame.run.done, frame.run.unknown) == (Ending.DONE, 9, twice)
    assert sum(executed(server, provider).values()) == 9 + twice


def test_after_its_deadline_nothing_goes_into_a_batch(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    terms = BatchTerms(all_pending=True, deadline=time.time() - 1.0)
    assert run(batch_plan(tmp_path, server, provider, prompts(9), terms=terms)).frame(ALL).run.done == 9
    assert (sum(server.asked.values()), len(provider.files)) == (9, 0)


def _odd(lines: list[dict[str, Any]]) -> list[Any]:
    of_others = {"id": "r0-1-1-1", "text": "not ours"}
    return [*lines[3:], lines[4], "{no json", of_others, {**lines[5], "text": "another answer"}]


def test_lines_that_are_missing_double_foreign_or_broken_lose_and_double_nothing(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.tamper = _odd
    session = run(batch_plan(tmp_path, server, provider, prompts(21)))
    frame = session.frame(ALL)
    assert frame.run.done == 21
    assert [result.text for result in records(session)] == [f"re: prompt {n}" for n in range(21)]
    (told,) = [notice.text for notice in frame.notices if "missing" in notice.text]
    assert "3 results are missing" in told
    assert "1 line is of no job of this run" in told
    assert "2 lines came twice" in told
    assert "1 line cannot be read" in told
    assert sum(executed(server, provider).values()) == 24  # the three may have been carried out: announced
    assert frame.run.unknown == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, FailureKind.THROTTLE), (500, FailureKind.TRANSIENT), (529, FailureKind.TRANSIENT)],
)
def test_a_failure_of_the_service_in_a_line_makes_its_job_pending_again(
    tmp_path: Path, status: int, kind: FailureKind
) -> None:
    server, provider = Server(), Provider()
    failed = {"status": status, "kind": kind.value, "message": "no"}
    provider.tamper = lambda lines: [{"id": lines[0]["id"], **failed}, *lines[1:]]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, frame.run.failed_tries, frame.run.retries) == (9, 1, 1)
    assert frame.keys[0].state is KeyState.HEALTHY


def test_a_request_that_is_refused_in_a_line_fails_its_job(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    failed = {"status": 400, "kind": "request", "message": "no such field"}
    provider.tamper = lambda lines: [{"id": lines[0]["id"], **failed}, *lines[1:]]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, frame.run.failed, frame.run.failed_tries) == (8, 1, 1)
    assert [(batch.done, batch.failed) for batch in frame.batches] == [(7, 1)]  # by its lines


def test_a_retry_goes_on_at_once_where_the_last_lines_of_a_batch_stopped_a_run_that_had_ended(
    tmp_path: Path,
) -> None:
    server, provider = Server(), Provider()
    failed = {"status": 400, "kind": "request", "message": "no such field"}
    provider.tamper = lambda lines: [{"id": each["id"], **failed} for each in lines]
    with started(batch_plan(tmp_path, server, provider, prompts(31), stay=True)) as session:
        until(session, lambda frame: frame.run.failed == 30)
        provider.tamper = lambda lines: lines
        session.command(RetryFailed())
        until(session, lambda frame: frame.run.done == 31)


def test_credit_that_is_gone_in_lines_sets_the_key_aside(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    failed = {"status": 429, "kind": "quota", "message": "insufficient_quota"}
    provider.tamper = lambda lines: [*lines[:-2], *({"id": each["id"], **failed} for each in lines[-2:])]
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        frame = until(session, lambda frame: [key.state for key in frame.keys] == [KeyState.QUARANTINED])
        frame = until(session, lambda frame: not frame.run.batched)
        assert (frame.run.done, frame.run.failed) == (7, 0)


def test_twenty_refusals_alike_in_lines_trip_the_kill_switch(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    failed = {"status": 400, "kind": "request", "message": "no such field"}
    provider.tamper = lambda lines: [{"id": each["id"], **failed} for each in lines]
    terms = BatchTerms(all_pending=True, most_jobs=25)
    session = run(batch_plan(tmp_path, server, provider, prompts(99), terms=terms))
    assert session.ending is Ending.KILL_SWITCH


def test_a_deadline_brings_back_what_is_stuck_and_nothing_runs_twice(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    terms = BatchTerms(all_pending=True, deadline=time.time() + 0.2)
    session = run(batch_plan(tmp_path, server, provider, prompts(40), terms=terms))
    assert balanced(session, server, provider).run.done == 40
    assert executed(server, provider) == once(40)


def test_what_the_provider_does_not_end_is_held_and_no_job_goes_live_before(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = provider.in_vain = True
    with started(batch_plan(tmp_path, server, provider, prompts(20), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        session.command(BringBack(1))
        until(session, lambda frame: frame.batches[0].state is BatchState.HELD)
        assert sum(server.asked.values()) == 1
        provider.finish()
        until(session, lambda frame: frame.run.done == 20)
    assert executed(server, provider) == once(20)


def test_a_batch_that_is_given_up_is_sent_again_and_announced(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = provider.in_vain = True
    with started(batch_plan(tmp_path, server, provider, prompts(6), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        session.command(GiveUpBatch(1))
        frame = until(session, lambda frame: frame.run.done == 6)
    assert frame.run.unknown == 5


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (refused(429, "slow down", FailureKind.THROTTLE), 0),
        (refused(429, "Enqueued token limit reached", FailureKind.THROTTLE, "token_limit_exceeded"), 1),
        (refused(413, "no more than 10 MB"), 1),
        (refused(400, "The input file is larger than the maximum of 9 bytes.", code="file_too_large"), 1),
        (refused(400, "this model does not support batches"), None),
        (refused(400, "too odd"), None),
    ],
)
def test_a_creation_that_is_refused_says_nothing_of_the_key(
    tmp_path: Path, failure: Any, again: int | None
) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", failure)]
    session = run(batch_plan(tmp_path, server, provider, prompts(31)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, frame.keys[0].state) == (31, KeyState.HEALTHY)
    assert executed(server, provider) == once(31)
    if again is None:
        assert len(provider.batches) == 0
    else:
        assert len(frame.batches) > 1 if again else len(frame.batches) == 1
        assert sum(provider.executed.values()) == 30
        assert max(len(held.requests) for held in provider.batches.values()) <= (30 if not again else 16)


def test_where_batches_of_every_size_are_too_large_jobs_go_one_by_one_soon(tmp_path: Path) -> None:
    """They were split down to single jobs: ten thousand made twenty thousand batches."""
    server, provider = Server(), Provider()
    provider.refusals = [("create", refused(413, "too large"))] * 10_000
    session = run(batch_plan(tmp_path, server, provider, prompts(500)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, executed(server, provider)) == (500, once(500))
    assert len(frame.batches) <= 2 * 64 + 2


def test_a_file_that_is_refused_after_it_was_taken_is_sent_in_smaller_batches(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    created = provider.create

    def full(requests: dict[str, str], name: str | None, file_id: str | None) -> Any:
        status = created(requests, name, file_id)
        if len(provider.batches) == 1:
            problem = refused(400, "enqueued", code="token_limit_exceeded")
            held = provider.batches[status.id]
            held.status = status._replace(end=BatchEnd.INVALID, word="failed", problem=problem)
        return status

    provider.create = full  # type: ignore[method-assign]
    session = run(batch_plan(tmp_path, server, provider, prompts(31)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, executed(server, provider)) == (31, once(31))
    assert frame.batches[0].state is BatchState.DROPPED


def test_a_wrong_model_costs_one_call_and_no_batch(tmp_path: Path) -> None:
    server, provider = Server(lambda *_: [refused(404, "no such model", code="model_not_found")]), Provider()
    session = run(batch_plan(tmp_path, server, provider, prompts(50)))
    assert session.ending is Ending.KILL_SWITCH
    assert len(provider.batches) == 0


def test_rows_that_a_batch_cannot_carry_are_named_and_go_live(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    odd = [Prompt(f"odd-{n}", (("user", f"prompt {n}"),), options={"stream": True}) for n in (5, 6)]
    some = prompts(9).prompts
    session = run(batch_plan(tmp_path, server, provider, of([*some[:5], *odd, *some[7:]])))
    frame = session.frame(ALL)
    assert frame.run.done == 9
    assert any("2 jobs cannot go in a batch, the first is odd-5: stream" in at.text for at in frame.notices)


def test_an_endpoint_without_the_service_is_told_once_and_all_goes_live(tmp_path: Path) -> None:
    server = Server()
    session = run(batch_plan(tmp_path, server, None, prompts(9)))
    frame = session.frame(ALL)
    assert frame.run.done == 9
    (told,) = [notice.text for notice in frame.notices if "batch" in notice.text]
    assert told.startswith("9 jobs cannot go in a batch")


def test_marked_jobs_are_sent_as_a_batch_while_the_others_go_live(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    the_plan = batch_plan(tmp_path, server, provider, prompts(40), terms=BatchTerms(), rate=20.0, stay=True)
    with started(the_plan) as session:
        session.command(SendInBatches(tuple(range(20, 40))))
        frame = until(session, lambda frame: frame.run.done == 40)
        assert balanced(session, server, provider).run.done == 40
    assert executed(server, provider) == once(40)
    assert {int(prompt.split()[1]) for prompt in provider.executed} <= set(range(20, 40))
    assert frame.batches[0].jobs in (19, 20)  # one goes first, unless one was answered by then


def test_a_job_in_a_batch_can_be_cancelled_and_its_result_is_left_alone(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        session.command(CancelJobs((5,)))
        until(session, lambda frame: frame.run.cancelled == 1)
        provider.finish()
        frame = until(session, lambda frame: frame.run.ended == 9)
        assert (frame.run.done, frame.run.cancelled) == (8, 1)


def test_a_job_that_is_cancelled_in_a_batch_may_be_paid_for_and_is_nobodys_after_a_resume(
    tmp_path: Path,
) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.OUT)
        session.command(CancelJobs((5,)))
        until(session, lambda frame: frame.run.cancelled == 1)
    assert [each.state for each in JournalReader(tmp_path).attempts(5)] == ["unknown"]
    provider.finish()
    frame = balanced(run(batch_plan(tmp_path, server, provider, prompts(9), resume=True)), server, provider)
    assert (frame.run.done, frame.run.cancelled) == (8, 1)


@SHAPES
def test_a_run_that_leaves_comes_back_for_its_results(tmp_path: Path, takes_files: bool) -> None:
    server, provider = Server(), Provider(takes_files=takes_files)
    provider.stuck = True
    terms = BatchTerms(all_pending=True, leaves=True)
    session = run(batch_plan(tmp_path, server, provider, prompts(25), terms=terms))
    frame = balanced(session, server, provider)
    assert (session.ending, frame.run.batched) == (Ending.BATCHED, 24)
    provider.finish()
    again = run(batch_plan(tmp_path, server, provider, prompts(25), resume=True))
    frame = balanced(again, server, provider)
    assert (frame.run.done, executed(server, provider)) == (25, once(25))
    assert [job.state for job in frame.jobs.rows] == [JobState.DONE] * 25


def test_without_its_key_a_batch_waits_and_is_never_sent_again_by_itself(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    terms = BatchTerms(all_pending=True, leaves=True)
    run(batch_plan(tmp_path, server, provider, prompts(9), terms=terms))
    other = replace(
        batch_plan(tmp_path, server, None, prompts(9), terms=BatchTerms(), resume=True), stay=True
    )
    with started(other) as session:
        frame = until(session, lambda frame: any(row.detail for row in frame.batches))
        assert frame.batches[0].detail.startswith("key k0 is not in this run")
        assert (frame.run.batched, sum(server.asked.values())) == (8, 1)
        session.command(GiveUpBatch(1))
        until(session, lambda frame: frame.run.done == 9)


def test_batches_are_split_by_size_and_every_job_is_in_one(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    terms = BatchTerms(all_pending=True, most_jobs=7)
    session = run(batch_plan(tmp_path, server, provider, prompts(50), keys=2, terms=terms))
    frame = balanced(session, server, provider)
    assert executed(server, provider) == once(50)
    assert [row.jobs for row in frame.batches] == [7] * 7
    assert {row.key for row in frame.batches} == {"k0", "k1"}
    assert sum(key.sent for key in frame.keys) == 50


def test_without_names_no_two_open_batches_of_a_key_have_the_same_size(tmp_path: Path) -> None:
    server, provider = Server(), Provider(takes_files=False)
    provider.stuck = True
    terms = BatchTerms(all_pending=True, most_jobs=7, leaves=True)
    session = run(batch_plan(tmp_path, server, provider, prompts(30), terms=terms))
    sizes = [row.jobs for row in session.frame(ALL).batches]
    assert len(sizes) == len(set(sizes))


def test_a_job_that_is_cancelled_before_its_batch_is_created_stays_cancelled(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.refusals = [("create", refused(400, "too odd"))]
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        session.command(CancelJobs((5,)))
        frame = until(session, lambda frame: frame.run.ended == 9)
        assert (frame.run.done, frame.run.cancelled, frame.run.batched) == (8, 1, 0)


def test_a_job_that_is_cancelled_while_its_batch_is_written_may_be_paid_for(tmp_path: Path) -> None:
    gate = threading.Event()
    server, provider = Server(held_from(0, gate)), Provider()
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: frame.run.batched == 8)
        session.command(CancelJobs((5,)))
        until(session, lambda frame: frame.run.cancelled == 1)
        gate.set()
        frame = until(session, lambda frame: frame.run.ended == 9 and where(frame) is BatchState.CLOSED)
        assert balanced(session, server, provider).run.unknown == 1
        assert (frame.batches[0].jobs, frame.batches[0].left) == (8, 0)
        assert not any("twice" in notice.text for notice in frame.notices)
    assert provider.executed["prompt 5"] == 1, "its request was in the file"
    assert [each.state for each in JournalReader(tmp_path).attempts(5)] == ["unknown"]
    again = balanced(run(batch_plan(tmp_path, server, provider, prompts(9), resume=True)), server, provider)
    assert (again.run.done, again.run.cancelled, again.run.unknown) == (8, 1, 1)


def test_what_a_start_collected_before_it_was_killed_is_counted_by_the_one_that_ends_it(
    tmp_path: Path,
) -> None:
    server, provider = Server(), Provider()
    provider.share = 0.37
    plan = batch_plan(tmp_path, server, provider, prompts(101))
    before = balanced(run(plan), server, provider)
    sql(tmp_path, "UPDATE batches SET state = 'ended', expired = NULL")  # its last write was lost
    again = balanced(run(replace(plan, resume=True)), server, provider)
    assert executed(server, provider) == once(101)
    (row,), (was,) = again.batches, before.batches
    assert (row.state, row.done, row.expired, row.left) == (was.state, was.done, 63, 0)
    assert not any("twice" in notice.text for notice in again.notices), "each line was read once"


def test_a_batch_that_is_refused_for_now_after_it_was_taken_is_sent_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    created = provider.create

    def busy(requests: dict[str, str], name: str | None, file_id: str | None) -> Any:
        status = created(requests, name, file_id)
        if len(provider.batches) == 1:
            problem = refused(429, "slow down", FailureKind.THROTTLE)
            held = provider.batches[status.id]
            held.status = status._replace(end=BatchEnd.INVALID, word="failed", problem=problem)
        return status

    provider.create = busy  # type: ignore[method-assign]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    assert (session.frame(ALL).run.done, executed(server, provider)) == (9, once(9))
    assert sum(provider.executed.values()) == 8
