"""A batch that its provider does not know any more: held, and its jobs are sent again once they may be."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.model.batch_terms import BatchErrand, BatchTerms
from llmdash.engine.model.commands import GiveUpBatch
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import BatchState
from tests.engine.batches.provider import QUICK, Provider, batch_plan
from tests.engine.batches.test_batches import balanced
from tests.engine.scripted import ALL, Server, prompts, run, started, until

LEAVES = BatchTerms(all_pending=True, leaves=True, pace=QUICK)
WORDS = "the provider does not know it any more; bring it back to send its jobs again, which costs twice"


def states(frame: Frame) -> list[BatchState]:
    return [row.state for row in frame.batches]


def left_and_forgotten(folder: Path, provider: Provider) -> Server:
    """Leave nine jobs, of which one was answered live, with a provider that forgets their batch."""
    server = Server()
    provider.stuck = True
    run(batch_plan(folder, server, provider, prompts(9), terms=LEAVES))
    provider.batches.clear()
    return server


def test_a_run_that_nobody_watches_ends_with_it_held_and_a_second_cancel_frees_its_jobs(
    tmp_path: Path,
) -> None:
    """Each start ended at once, with nothing on record, whatever was asked for."""
    provider = Provider()
    server = left_and_forgotten(tmp_path, provider)
    cancels = BatchTerms(errand=BatchErrand(cancels=(1,)), pace=QUICK)
    session = run(batch_plan(tmp_path, server, provider, prompts(9), terms=cancels, resume=True))
    row = session.frame(ALL).batches[0]
    assert (session.ending, row.state, row.detail) == (Ending.BATCHED, BatchState.HELD, WORDS)
    session = run(batch_plan(tmp_path, server, provider, prompts(9), terms=cancels, resume=True))
    assert states(session.frame(ALL)) == [BatchState.CLOSED]
    provider.finish()
    session = run(batch_plan(tmp_path, server, provider, prompts(9), resume=True))
    frame = balanced(session, server, provider)
    assert (session.ending, frame.run.done, frame.run.unknown) == (Ending.DONE, 9, 8)


def test_where_batches_may_be_given_up_its_jobs_are_sent_again_at_once(tmp_path: Path) -> None:
    provider = Provider()
    server = left_and_forgotten(tmp_path, provider)
    abandons = BatchTerms(abandons=True, pace=QUICK)
    session = run(batch_plan(tmp_path, server, provider, prompts(9), terms=abandons, resume=True))
    frame = balanced(session, server, provider)
    assert (session.ending, frame.run.done, frame.run.unknown) == (Ending.DONE, 9, 8)


def test_on_screen_it_is_given_up_by_a_key(tmp_path: Path) -> None:
    provider = Provider()
    server = left_and_forgotten(tmp_path, provider)
    made = batch_plan(
        tmp_path, server, provider, prompts(9), terms=BatchTerms(pace=QUICK), resume=True, stay=True
    )
    with started(made) as session:
        until(session, lambda frame: states(frame) == [BatchState.HELD])
        session.command(GiveUpBatch(1))
        until(session, lambda frame: frame.run.done == 9)
        balanced(session, server, provider)


def test_one_that_is_known_again_goes_on(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    run(batch_plan(tmp_path, server, provider, prompts(9), terms=LEAVES))
    kept = dict(provider.batches)
    provider.batches.clear()
    made = batch_plan(
        tmp_path, server, provider, prompts(9), terms=BatchTerms(pace=QUICK), resume=True, stay=True
    )
    with started(made) as session:
        until(session, lambda frame: states(frame) == [BatchState.HELD])
        provider.batches.update(kept)
        frame = until(session, lambda frame: states(frame) == [BatchState.OUT])
        assert frame.batches[0].detail != WORDS
        provider.finish()
        frame = until(session, lambda frame: states(frame) == [BatchState.CLOSED])
        assert frame.batches[0].detail != WORDS
        until(session, lambda frame: frame.run.done == 9)
        balanced(session, server, provider)
