"""A replay of a run with batches: a job is batched until its result arrived, and never in flight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.commands import Pause, Seek
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import AttemptRecord, BatchRecord, MomentRow, ResultRow, SampleRow
from llmdash.engine.model.states import BatchState, JobState, SortColumn
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.pool.costs import RunPrices
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from tests.waiting import PATIENCE_S

AT = 1_700_000_000.0
FACTS = {"jobs": 6, "fingerprint": "f" * 64, "name": "made up", "models": json.dumps({"a": "m"})}
ALL = View(jobs=JobsView(height=9, sort=SortColumn.NUMBER), inspect=1)
PRICES = RunPrices(lambda *_: None, lambda _key, _model, tokens: 0.01 * tokens.input)


def batch(number: int, state: str, planned: float, **more: Any) -> BatchRecord:
    names = ("there", "m", "a", f"r1-{number}", f".b-{number}", "0" * 64)
    return BatchRecord(number, state, *names, 400, 4 - number, 60, AT + planned, **more)


def asked(job: int, state: str, sent: float, ended: float | None, batch: int | None) -> AttemptRecord:
    """An attempt of 100 tokens in and 9 out."""
    tokens = (100, 9) if state == "ok" else (None, None)
    took = 1.0 if batch is None else None
    known = AttemptRecord(job, 1, "a", state, AT + sent, input_tokens=tokens[0], output_tokens=tokens[1])
    at = None if ended is None else AT + ended
    return known._replace(latency_s=took, ended_at=at, model="m", batch=batch)


def made(folder: Path) -> None:
    """One job goes live for a second; at 2 s two go in a batch, which comes back at 6 and 7 s, after the run
    was away from 3 s until an hour later; at 2 s two more in one that is still out. The last is cancelled in
    its batch.
    """
    back = 3_600.0
    attempts = [
        asked(0, "ok", 0.0, 1.0, None),
        *(asked(1, "ok", 2.0, back + 6.0, 1), asked(2, "ok", 2.0, back + 7.0, 1)),
        *(asked(3, "batched", 2.0, None, 2), asked(4, "batched", 2.0, None, 2)),
        asked(5, "unknown", 2.0, back + 5.0, 1),
    ]
    ends = {0: 1.0, 1: back + 6.0, 2: back + 7.0}
    results = [
        ResultRow(job, f"p{job}", "done", "yes", None, 0, "a", 1, None, None, 100, 9, ended_at=AT + end)
        for job, end in ends.items()
    ]
    results.append(ResultRow(5, "p5", "cancelled", attempts=1, ended_at=AT + back + 5.0))
    sent = {"creating_at": AT + 2.5, "created_at": AT + 2.5, "expires_at": AT + 86_402.5}
    closed = {**sent, "provider_id": "batch_1", "done": 2, "failed": 0, "ended_at": AT + back + 4.0}
    out = {**sent, "provider_id": "batch_2", "word": "running"}
    moments = [
        *(MomentRow(AT, "begun", None, "0"), MomentRow(AT, "work", "on", "0")),
        *(MomentRow(AT + 3.0, "work", "off", "3.0"), MomentRow(AT + back + 3.0, "begun", None, "3.0")),
        MomentRow(AT + back + 3.0, "work", "on", "3.0"),
        MomentRow(AT + back + 9.0, "work", "off", "9.0"),
    ]
    journal = JournalFile.create(folder, FACTS)
    batches = [batch(1, "closed", 2.0, **closed), batch(2, "out", 2.0, **out)]
    journal.write(
        Group(attempts, results, samples=[SampleRow(AT + 1.0, 1.0, sent=1)], moments=moments, batches=batches)
    )
    journal.close()


def states(frame: Frame) -> str:
    """The first letter of the state of each job; a batched one is B."""
    return "".join("B" if row.state is JobState.BATCHED else row.state.name[0] for row in frame.jobs.rows)


def test_a_job_is_batched_from_when_it_was_put_in_a_batch_until_its_result_arrived(tmp_path: Path) -> None:
    made(tmp_path)
    session = ReplaySession(tmp_path, lambda: 0.0, prices=PRICES)
    assert session.loaded(PATIENCE_S)
    session.command(Pause())
    seen = []
    for position in (0.5, 1.5, 2.2, 2.8, 5.5, 6.5, 8.0, 9.0):
        session.command(Seek(position))
        frame = session.frame(ALL)
        run, key = frame.run, frame.keys[0]
        assert run.jobs == run.queued + run.waiting + run.in_flight + run.batched + run.ended
        assert run.attempts == key.sent == key.ok + key.cut + key.in_flight
        assert run.input_tokens == key.input_tokens
        assert run.batch_cost == pytest.approx(sum(row.cost or 0.0 for row in frame.batches) or None)
        first = frame.batches[0] if frame.batches else None
        seen.append(
            (states(frame), run.in_flight, run.batched, first and (first.state, first.left, first.cost))
        )
    assert seen == [
        ("SQQQQQ", 1, 0, None),
        ("DQQQQQ", 0, 0, None),
        ("DBBBBB", 0, 5, (BatchState.PLANNED, 3, None)),
        ("DBBBBB", 0, 5, (BatchState.OUT, 3, None)),
        ("DBBBBC", 0, 4, (BatchState.ENDED, 2, None)),
        ("DDBBBC", 0, 3, (BatchState.ENDED, 1, 1.0)),
        ("DDDBBC", 0, 2, (BatchState.CLOSED, 0, 2.0)),
        ("DDDBBC", 0, 2, (BatchState.CLOSED, 0, 2.0)),
    ]
    session.command(Seek(2.8))
    frame = session.frame(ALL)
    assert (frame.jobs.rows[1].batch, frame.jobs.rows[3].batch) == (1, 2)
    assert frame.inspection is not None
    assert [each.state for each in frame.inspection.attempts] == ["batched"]
    assert frame.replay is not None
    assert frame.replay.length_s == pytest.approx(9.0)
    assert frame.replay.estimated == ""
    session.command(Seek(9.0))
    assert session.frame(ALL).run.tokens_per_s == pytest.approx(9 / 9.0), "batches have no pace"


def test_its_end_is_what_the_kept_run_shows(tmp_path: Path) -> None:
    made(tmp_path)
    replay, kept = ReplaySession(tmp_path, prices=PRICES), KeptSession(tmp_path, prices=PRICES)
    assert replay.loaded(PATIENCE_S)
    assert kept.loaded(PATIENCE_S)
    replay.command(Seek(9.0))
    at_end, shown = replay.frame(ALL), kept.frame(ALL)
    told = [
        [(row.batch, row.state, row.left, row.cost, row.done, row.word) for row in frame.batches]
        for frame in (at_end, shown)
    ]
    assert told[0] == told[1]
    assert states(at_end) == states(shown)
    assert (at_end.run.batched, at_end.run.batch_cost) == (shown.run.batched, shown.run.batch_cost)
