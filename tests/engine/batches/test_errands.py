"""A run that is opened for its batches alone: it fetches, cancels or adopts, sends nothing new, and ends."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.batches.watcher import Watcher
from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchErrand, BatchTerms
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Member
from llmdash.engine.session import LocalSession
from llmdash.llms.batches import BatchEnd, BatchStatus
from tests.engine.batches.provider import QUICK, Provider, ScriptedService, batch_plan, refused
from tests.engine.scripted import ALL, Server, prompts, run

LEAVES = BatchTerms(all_pending=True, most_jobs=8, leaves=True)


def left(folder: Path, provider: Provider, jobs: int = 25, **more: Any) -> Server:
    """A run that has left all its jobs but one with a provider, in batches of eight."""
    server = Server()
    provider.stuck = True
    session = run(batch_plan(folder, server, provider, prompts(jobs), terms=LEAVES, **more))
    assert session.ending is Ending.BATCHED
    return server


def errand(
    folder: Path, server: Server, provider: Provider | None, order: BatchErrand, jobs: int = 25
) -> LocalSession:
    terms = BatchTerms(all_pending=True, errand=order)
    return run(batch_plan(folder, server, provider, prompts(jobs), terms=terms, resume=True))


def test_what_is_ready_is_fetched_and_the_rest_stays_with_the_provider(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    asked, made = sum(server.asked.values()), len(provider.batches)
    provider.stuck = False
    provider.go_on(provider.batches["batch_1"])
    provider.go_on(provider.batches["batch_1"])
    provider.stuck = True
    session = errand(tmp_path, server, provider, BatchErrand())
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.run.batched) == (Ending.BATCHED, 9, 16)
    assert [row.state for row in frame.batches] == [BatchState.CLOSED, BatchState.OUT, BatchState.OUT]
    assert (sum(server.asked.values()), len(provider.batches)) == (asked, made)


def test_one_look_is_enough_where_nothing_is_ready(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    before = provider.calls["look"]
    session = errand(tmp_path, server, provider, BatchErrand())
    assert (session.ending, session.frame(ALL).run.batched) == (Ending.BATCHED, 24)
    assert provider.calls["download"] == 0
    assert provider.calls["look"] > before


def test_told_to_wait_it_ends_once_nothing_is_out_and_sends_no_job_again(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    provider.stuck, provider.share = False, 0.5
    session = errand(tmp_path, server, provider, BatchErrand(waits=True))
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.run.batched) == (Ending.STOPPED, 13, 0)
    assert sum(server.asked.values()) == 1
    again = run(batch_plan(tmp_path, server, provider, prompts(25), terms=BatchTerms(), resume=True))
    assert again.frame(ALL).run.done == 25
    assert set((server.asked + provider.executed).values()) == {1}


def test_a_run_whose_last_jobs_come_back_is_done(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    provider.finish()
    session = errand(tmp_path, server, provider, BatchErrand(waits=True))
    assert (session.ending, session.frame(ALL).run.done) == (Ending.DONE, 25)


def test_the_batches_named_are_cancelled_and_no_others(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    provider.in_vain = True
    session = errand(tmp_path, server, provider, BatchErrand(cancels=(2,)))
    assert session.ending is Ending.BATCHED
    first, second, third = (row.state for row in session.frame(ALL).batches)
    assert (first, third) == (BatchState.OUT, BatchState.OUT)
    assert second is not BatchState.OUT
    assert [held.status.is_cancelling for held in provider.batches.values()] == [False, True, False]


def test_a_run_that_nobody_watches_ends_where_results_are_gone_and_a_cancel_sends_its_jobs_again(
    tmp_path: Path,
) -> None:
    """It waited for ever, and nothing but the screen freed the jobs."""
    server, provider = Server(), Provider()
    gone = refused(404, "no such file")
    provider.refusals = [("download", gone), ("download", gone)]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.batches[0].state) == (Ending.BATCHED, 1, BatchState.HELD)
    errand(tmp_path, server, provider, BatchErrand(cancels=(1,)), 9)
    session = run(batch_plan(tmp_path, server, provider, prompts(9), resume=True))
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.run.unknown) == (Ending.DONE, 9, 8)


def test_where_expired_batches_have_no_results_their_jobs_are_pending_again(tmp_path: Path) -> None:
    """Gemini keeps none: that is no reason to hold them."""
    server, provider = Server(), Provider()
    provider.share, provider.keeps_expired = 0.5, False
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = session.frame(ALL)
    assert (session.ending, frame.run.done, frame.run.unknown) == (Ending.DONE, 9, 8)


def test_a_cancel_whose_answer_is_lost_is_asked_for_again_before_it_ends(tmp_path: Path) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    provider.in_vain, provider.lost = True, ["cancel"]
    errand(tmp_path, server, provider, BatchErrand(cancels=(1,)))
    assert provider.calls["cancel"] == 2


def held_back(folder: Path, provider: Provider) -> None:
    """Put on record that the first batch of a run may be one of two, as it is."""
    (record, *_) = JournalReader(folder).batches.records()
    provider.create(provider.batches["batch_1"].requests, record.name, record.file_id)
    journal = JournalFile.open(folder)
    journal.write(Group(batches=[record._replace(state="held", provider_id=None, detail="one of two")]))
    journal.close()


@pytest.mark.parametrize(
    ("provider_id", "state"), [("batch_1", BatchState.OUT), ("batch_9", BatchState.HELD)]
)
def test_a_batch_is_adopted_only_where_the_provider_knows_it(
    tmp_path: Path, provider_id: str, state: BatchState
) -> None:
    provider = Provider(takes_files=False)
    server = left(tmp_path, provider)
    held_back(tmp_path, provider)
    made = len(provider.batches)
    session = errand(tmp_path, server, provider, BatchErrand(adopts=(1, provider_id)))
    frame = session.frame(ALL)
    assert (session.ending, frame.batches[0].state) == (Ending.BATCHED, state)
    assert any("no such batch" in notice.text for notice in frame.notices) is (state is BatchState.HELD)
    assert len(provider.batches) == made


def test_of_two_batches_with_the_name_of_one_the_older_is_taken_and_the_other_cancelled(
    tmp_path: Path,
) -> None:
    provider = Provider()
    server = left(tmp_path, provider)
    held_back(tmp_path, provider)
    session = errand(tmp_path, server, provider, BatchErrand(cancels=(3,)))
    assert session.frame(ALL).batches[0].provider_id == "batch_1"
    cancelled = [name for name, held in provider.batches.items() if held.status.is_cancelling]
    assert cancelled == ["batch_3", "batch_4"]


def test_without_its_key_nothing_is_waited_for(tmp_path: Path) -> None:
    server = left(tmp_path, Provider())
    session = errand(tmp_path, server, None, BatchErrand(waits=True))
    assert (session.ending, session.frame(ALL).run.batched) == (Ending.BATCHED, 24)


def test_no_more_tokens_are_with_the_service_than_its_queue_may_hold(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    out: list[int] = []
    created = provider.create

    def counting(requests: dict[str, str], name: str | None, file_id: str | None) -> Any:
        status = created(requests, name, file_id)
        out.append(sum(held.status.end is BatchEnd.NOT_YET for held in provider.batches.values()))
        return status

    provider.create = counting  # type: ignore[method-assign]
    made = batch_plan(tmp_path, server, provider, prompts(40), terms=BatchTerms(all_pending=True))
    frame = run(with_queue(made, tokens=30)).frame(ALL)
    assert (frame.run.done, max(out)) == (40, 1)
    assert len(frame.batches) > 2
    assert set((server.asked + provider.executed).values()) == {1}


def with_queue(made: RunPlan, tokens: int) -> RunPlan:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Sequence[Member]]:
        async with made.connect() as members:
            for member in members:
                member.endpoint.batch_queue_tokens = tokens
            yield members

    return replace(made, connect=connect)


class Rows:
    """A journal that only keeps what is put on record of batches."""

    def __init__(self) -> None:
        self.rows: list[BatchRecord] = []

    async def batch(self, record: BatchRecord, attempts: Sequence[object]) -> None:
        assert not attempts
        self.rows.append(record)


async def test_looks_at_a_batch_that_has_ended_change_no_figure_however_many(tmp_path: Path) -> None:
    record = BatchRecord(1, "out", "openai", "m", "k0", "r1-1", "b", "", 9, 8, 30, 1e9, provider_id="batch_1")
    batch, journal = SentBatch(record, tmp_path, array("I", range(8)), None), Rows()
    batch.dollars, batch.left = 0.25, 3
    parts: Any = SimpleNamespace(journal=journal, wall_clock=lambda: 2e9)
    made: Any = ScriptedService(Provider(), "k0")

    async def lost(_: SentBatch) -> None:
        raise AssertionError("it is known")

    watcher = Watcher(parts, BatchBook(parts), made, QUICK, lambda: (batch,), lambda _: None, lost)
    ended = BatchStatus("batch_1", "completed", BatchEnd.COMPLETED, done=8, failed=0, ended_at=1e9 + 60)
    await watcher.saw(batch, ended)
    row = batch_row(batch.record, 2e9, left=batch.left, cost=batch.dollars)
    for _ in range(100):
        await watcher.saw(batch, ended)
    assert batch_row(batch.record, 2e9, left=batch.left, cost=batch.dollars) == row
    assert (row.cost, row.left, row.done, len(journal.rows)) == (0.25, 3, 8, 1)
