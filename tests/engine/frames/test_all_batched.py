"""While all that is left is in batches a frame claims neither a pace nor an end."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.model.events import Batched, Saved
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import Binding, RunState
from llmdash.engine.session import LocalSession
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from tests.engine.batches.provider import Provider, batch_plan
from tests.engine.scripted import ALL, Server, prompts, started, until
from tests.waiting import wait_for


def _is_waiting(frame: Frame) -> bool:
    return bool(frame.batches) and frame.run.is_all_batched and frame.run.requests_per_s == 0.0


def _stands(session: LocalSession) -> bool:
    """True if the time at work does, while batches get older."""
    before = session.frame(ALL)
    after = until(session, lambda frame: frame.batches[0].age_s > before.batches[0].age_s + 0.02)
    return before.run.elapsed_s == after.run.elapsed_s > 0.0


def test_a_run_of_which_all_is_batched_stands_and_comes_to_its_end_at_no_pace_of_its_own(
    tmp_path: Path,
) -> None:
    provider = Provider()
    provider.stuck = True
    with started(batch_plan(tmp_path, Server(), provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: _is_waiting(frame) and frame.rate.binding is Binding.BATCHES)
        wait_for(lambda: _stands(session))
        then = session.frame(ALL)
        assert (then.run.state, then.run.batched) == (RunState.RUNNING, 8)
        assert then.run.ends_in_s is None
        assert then.run.ends_at is None
        provider.finish()
        ended = until(session, lambda frame: frame.run.done == 9)
        assert ended.rate.binding is Binding.FINISHED


def test_results_that_come_back_in_batches_are_no_pace_of_what_is_live() -> None:
    store = Store(JobColumns(3, range(3)), lambda: 50.0)
    store.apply(Batched([0], 1))
    for job in (0, 1):
        now = store.run_clock()
        assert (store.ends_60s.rate(now), store.tokens.rate(now)) == (0.0, 0.0)
        store.apply(Saved(ResultRow(job, str(job), "done", output_tokens=9)))
    assert store.ends_60s.rate(store.run_clock()) > 0.0
    assert store.tokens.rate(store.run_clock()) > 0.0
    assert (store.output_tokens, store.time_series.total_tokens()) == (18, 9)
