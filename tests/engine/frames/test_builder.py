"""Frames: what a front end sees of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model import commands
from llmdash.engine.model.states import Binding, JobState, RunState, SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, StreamView, View
from llmdash.engine.session import LocalSession
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import FailureKind
from tests.engine.scripted import Server, echo, failing, plan, prompts, run, started, until, whole, worked_out
from tests.waiting import PATIENCE_S, wait_for


@pytest.mark.case("engine", "key sum")
def test_every_frame_of_a_run_under_way_adds_up(tmp_path: Path) -> None:
    looked = threading.Event()

    def script(key: str, prompt: str, before: int) -> list[Any]:
        return [*([looked] if prompt == "prompt 399" else [0.001]), *echo(key, prompt, before)]

    server = Server(script)
    with started(plan(tmp_path, server, prompts(400))) as session:
        until(session, lambda frame: frame.run.state is not RunState.STARTING)
        while session.frame(View()).run.state is not RunState.DONE:
            frame = session.frame(View(jobs=JobsView(height=20, sort=SortColumn.NUMBER)))
            part = frame.run
            looked.set()
            assert part.jobs == 400
            assert part.queued + part.waiting + part.in_flight + part.ended == 400
            assert frame.rate.in_flight <= 8
            for key in frame.keys:
                assert key.sent == key.ok + key.throttled + key.errors + key.cut + key.in_flight
            rows = [row.job for row in frame.jobs.rows]
            assert len(set(rows)) == len(rows) == 20
            time.sleep(0.005)  # no front end asks without a pause
        assert looked.is_set()


def test_the_row_under_the_cursor_stays_where_it_is(tmp_path: Path) -> None:
    """New rows come in on top; the anchored one keeps its line, as long as the table reaches that far."""
    server = Server(lambda key, prompt, before: [0.002, *echo(key, prompt, before)])
    with started(plan(tmp_path, server, prompts(300), concurrency=4)) as session:
        until(session, lambda frame: frame.run.done > 30)
        anchor = session.frame(View(jobs=JobsView(height=30))).jobs.rows[12].job
        view = View(jobs=JobsView(height=20, anchor=anchor, anchor_offset=7))
        while session.frame(View()).run.state is not RunState.DONE:
            assert session.frame(view).jobs.rows[7].job == anchor
            time.sleep(0.005)
    hidden = View(jobs=JobsView(height=5, anchor=anchor, anchor_offset=2, filter="state:failed"))
    assert worked_out(session, hidden).jobs.matched == 0


def all_done(tmp_path: Path, jobs: int = 50) -> LocalSession:
    return run(plan(tmp_path, Server(), prompts(jobs)))


def test_views_out_of_bounds_show_what_there_is(tmp_path: Path) -> None:
    session = all_done(tmp_path)
    for first, height, shown in ((-5, 10, 10), (45, 10, 10), (10**9, 3, 3), (0, 0, 0), (0, 500, 50)):
        part = session.frame(View(jobs=JobsView(first=first, height=height))).jobs
        assert (part.total, part.matched, len(part.rows)) == (50, 50, shown)
    frame = session.frame(
        View(inspect=999, stream=StreamView(job=-3), series=SeriesView(-1), notices_after=99)
    )
    assert (frame.inspection, frame.stream.job, frame.notices) == (None, None, ())


def test_a_job_that_was_asked_again_has_another_row(tmp_path: Path) -> None:
    """The rows of jobs that have ended are remembered, until these go on."""

    def script(key: str, prompt: str, before: int) -> Iterable[Any]:
        refused = prompt == "prompt 1" and not before
        return failing(FailureKind.REQUEST) if refused else echo(key, prompt, before)

    jobs = JobsView(height=5, sort=SortColumn.NUMBER, columns=("prompt",), preview_width=20)
    with started(plan(tmp_path, Server(script), prompts(3), stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
        frames = iter(lambda: session.frame(View(jobs=jobs)), None)
        wait_for(lambda: all(row.text.cells for row in next(frames).jobs.rows))
        before = next(frames).jobs.rows
        assert next(frames).jobs.rows == before
        session.command(commands.RetryFailed())
        until(session, lambda frame: frame.run.done == 3)
        after = next(frames).jobs.rows
    assert [row.state for row in before] == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert after[0] == before[0]
    assert (after[1].state, after[1].tries, after[1].error) == (JobState.DONE, 2, "")


def test_rows_are_sorted_and_filtered_as_the_view_asks(tmp_path: Path) -> None:
    session = all_done(tmp_path)
    view = JobsView(height=3, sort=SortColumn.NUMBER, descending=True, filter="#>10 #<=20 state:done")
    part = worked_out(session, View(jobs=view)).jobs
    assert ([row.job for row in part.rows], part.matched, part.first) == ([19, 18, 17], 10, 0)
    broken = worked_out(session, View(jobs=JobsView(height=3, filter="state:what"))).jobs
    assert broken.filter_error


def test_a_stream_comes_in_slices_that_fit_together(tmp_path: Path) -> None:
    gates = [threading.Event() for _ in range(4)]

    def script(_key: str, _prompt: str, _before: int) -> list[Any]:
        steps: list[Any] = [Delta(text="one ")]
        for number, gate in enumerate(gates):
            steps += [gate, Delta(text=f"more {number} "), Delta(text="")]
        return [*steps, *whole("end")]

    held: tuple[str, ...] = ()
    with started(plan(tmp_path, Server(script), prompts(1))) as session:
        until(session, lambda frame: frame.stream.chunks != ())
        for gate in gates:
            gate.set()
            part = session.frame(
                View(stream=StreamView(seen_job=0 if held else None, seen_attempt=1, seen=len(held)))
            ).stream
            held = held[: part.start] + part.chunks
        assert session.join(PATIENCE_S)
    part = session.frame(View(stream=StreamView(job=0, seen_job=0, seen_attempt=1, seen=len(held)))).stream
    held = held[: part.start] + part.chunks
    assert "".join(held) == "one more 0 more 1 more 2 more 3 end"
    assert (part.job, part.id, part.state) == (0, "p0", JobState.DONE)


def test_an_inspection_holds_the_prompt_every_attempt_and_the_answer(tmp_path: Path) -> None:
    inspection = all_done(tmp_path, 3).frame(View(inspect=1)).inspection
    assert inspection is not None
    assert inspection.messages == (("user", "prompt 1"),)
    assert inspection.record is not None
    assert (inspection.answer, inspection.record.finish_reason) == ("re: prompt 1", "stop")
    assert [(attempt.attempt, attempt.state) for attempt in inspection.attempts] == [(1, "ok")]


def test_an_inspection_says_where_the_job_is_in_the_table_as_it_is_sorted_and_filtered(
    tmp_path: Path,
) -> None:
    session = all_done(tmp_path, 9)
    table = JobsView(height=3, sort=SortColumn.NUMBER, filter="#>3 #<=7")
    worked_out(session, View(jobs=table))
    found = session.frame(View(jobs=table, inspect=4)).inspection
    assert found is not None
    assert (found.place, found.matched, found.above, found.below) == (2, 4, 3, 5)
    hidden = session.frame(View(jobs=table, inspect=0)).inspection
    assert hidden is not None
    assert (hidden.place, hidden.matched) == (None, 4)


def test_the_stream_of_the_inspected_job_goes_on_where_the_inspector_has_it(tmp_path: Path) -> None:
    session = all_done(tmp_path, 3)
    part = session.frame(View(inspect=1)).inspected
    assert (part.job, part.start, "".join(part.chunks)) == (1, 0, "re: prompt 1")
    assert part.total == len(part.chunks) == len(part.gaps)
    held = StreamView(None, 1, part.attempt, 1)
    rest = session.frame(View(inspect=1, inspect_stream=held)).inspected
    assert (rest.start, rest.chunks) == (1, part.chunks[1:])
    assert session.frame(View()).inspected.job is None


def test_a_class_of_others_has_no_request_to_show(tmp_path: Path) -> None:
    found = all_done(tmp_path, 3).frame(View(inspect=1)).inspection
    assert found is not None and found.request is None


def test_the_slider_says_what_blocks_the_rate(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(lambda _key, prompt, _before: [gate, *whole(prompt)])
    with started(plan(tmp_path, server, prompts(100), concurrency=4)) as session:
        until(session, lambda frame: frame.rate.binding is Binding.CONCURRENCY)
        session.command(commands.SetRate(0.5))
        session.command(commands.SetConcurrency(50))
        until(session, lambda frame: frame.rate.binding is Binding.RATE)
        session.command(commands.Pause())
        until(session, lambda frame: frame.rate.binding is Binding.PAUSE)
        gate.set()
        session.command(commands.SetRate(None))
        session.command(commands.Resume())
        assert session.join(PATIENCE_S)
    assert session.frame(View()).rate.binding is Binding.FINISHED
