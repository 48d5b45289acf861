"""Whatever the way to a position, what is shown there is the same; and it adds up."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.commands import Pause, Resume, Seek, SetSpeed
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import AttemptRecord, MomentRow, ResultRow, SampleRow
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.runs.replay.session import ReplaySession
from tests.waiting import PATIENCE_S

BEGUN_AT = 1_700_000_000.0
WIDE = View(jobs=JobsView(height=50), errors=True, series=SeriesView(600))
FACTS = {"jobs": 8, "fingerprint": "f" * 64, "name": "made up", "models": json.dumps({"a": "m", "b": "m"})}

seconds = st.floats(0.0, 20.0, allow_nan=False).map(lambda value: round(value, 2))
outcomes = st.sampled_from(["ok", "throttle", "transient", "cut", "unknown", "sent"])


@st.composite
def jobs(draw: st.DrawFn, number: int) -> Group:
    """The rows of one job, as a run may have left them."""
    group, at = Group(), BEGUN_AT + draw(seconds)
    for attempt in range(1, draw(st.integers(0, 4)) + 1):
        latency, outcome = draw(seconds) / 4, draw(outcomes)
        key = draw(st.sampled_from(["a", "b"]))
        first = draw(st.none() | st.just(latency / 2))
        record = AttemptRecord(number, attempt, key, "failed", at, outcome, 500, f"500 failed {number}")
        ended = at + latency if draw(st.booleans()) or outcome == "ok" else None
        if outcome in ("cut", "unknown", "sent"):
            record = AttemptRecord(number, attempt, key, outcome, at)
        elif outcome == "ok":
            record = AttemptRecord(number, attempt, key, "ok", at, input_tokens=5, output_tokens=7)
        latency_s = latency if outcome not in ("cut", "unknown", "sent") else None
        record = record._replace(ended_at=ended, ttft_s=first, latency_s=latency_s)
        group.attempts.append(record)
        at += latency + draw(seconds) / 4
        if outcome == "ok":
            group.results.append(
                ResultRow(number, f"p{number}", "done", "an answer", None, draw(st.integers(0, 3)), key,
                          attempt, first, latency, 5, 7, False, ended_at=ended)
            )  # fmt: skip
            return group
    if draw(st.booleans()):
        state = draw(st.sampled_from(["failed", "cancelled"]))
        tries = len(group.attempts)
        row = ResultRow(number, f"p{number}", state, attempts=tries, error="500 failed", ended_at=at)
        group.results.append(row if draw(st.booleans()) else row._replace(ended_at=None))
    return group


@st.composite
def journals(draw: st.DrawFn) -> Group:
    whole = Group()
    for number in range(8):
        rows = draw(jobs(number))
        whole.attempts += rows.attempts
        whole.results += rows.results
    if draw(st.booleans()):
        whole.samples += [SampleRow(BEGUN_AT + n, float(n), n, n, cost=n / 10) for n in range(1, 12)]
        whole.moments += [
            MomentRow(BEGUN_AT, "begun", None, "0"),
            MomentRow(BEGUN_AT, "work", "on", "0"),
            MomentRow(BEGUN_AT + 1, "key", "a", "throttled slow down"),
            MomentRow(BEGUN_AT + 3, "key", "a", "healthy"),
            MomentRow(BEGUN_AT + 4, "rate", None, "3.5"),
            MomentRow(BEGUN_AT + 5, "notice", "warning", "something happened"),
            MomentRow(BEGUN_AT + 12, "work", "off", "12"),
            MomentRow(BEGUN_AT + 12, "ended", None, "stopped on command"),
        ]
    return whole


@contextmanager
def replayed(group: Group, clock: list[float]) -> Iterator[ReplaySession]:
    # Texts are read beside the frames, until there is nothing to read any more.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        journal = JournalFile.create(Path(name), FACTS)
        journal.write(group)
        journal.close()
        session = ReplaySession(Path(name), lambda: clock[0])
        assert session.loaded(PATIENCE_S)
        if session.crash is not None:
            raise session.crash
        yield session


def shown(session: ReplaySession) -> Frame:
    """The frame without what depends on the way there: streams followed, notices, whether it plays."""
    frame = session.frame(WIDE)
    assert frame.replay is not None
    return replace(frame, stream=frame.stream.__class__(), tiles=(), notices=(), replay=None)


@settings(max_examples=60, deadline=None)
@given(journals(), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5))
def test_forwards_backwards_and_played_it_is_the_same(group: Group, shares: list[float]) -> None:
    clock = [0.0]
    with replayed(group, clock) as session:
        part = session.frame(WIDE).replay
        assert part is not None
        places = sorted({round(share * part.length_s, 3) for share in shares})
        session.command(Pause())
        seen = {}
        for place in places:
            session.command(Seek(place))
            seen[place] = shown(session)
        for place in reversed(places):
            session.command(Seek(place))
            assert shown(session) == seen[place]
        session.command(Seek(0.0))
        session.command(SetSpeed(1.0))
        if part.length_s == 0.0:
            return
        session.command(Resume())
        for place in places:
            clock[0] = place
            played = session.frame(WIDE).replay
            assert played is not None
            if played.position_s == place:
                assert shown(session) == seen[place]


@settings(max_examples=60, deadline=None)
@given(journals(), st.floats(0.0, 1.0))
def test_everywhere_the_counts_are_those_of_the_rows(group: Group, share: float) -> None:
    with replayed(group, [0.0]) as session:
        part = session.frame(WIDE).replay
        assert part is not None
        session.command(Pause())
        session.command(Seek(share * part.length_s))
        frame = session.frame(WIDE)
        run, states = frame.run, Counter(row.state for row in frame.jobs.rows)
        assert len(frame.jobs.rows) >= run.jobs - run.queued
        assert run.queued + run.waiting + run.in_flight + run.ended == run.jobs == 8
        assert (run.done, run.failed, run.cancelled) == (
            states[JobState.DONE], states[JobState.FAILED], states[JobState.CANCELLED],
        )  # fmt: skip
        assert run.in_flight == states[JobState.SENT] + states[JobState.STREAMING]
        assert run.waiting == states[JobState.BACKOFF]
        for key in frame.keys:
            assert key.sent == key.ok + key.throttled + key.errors + key.cut + key.in_flight
            assert key.in_flight >= 0
        assert sum(key.in_flight for key in frame.keys) == run.in_flight
        assert sum(key.sent for key in frame.keys) == run.attempts
        assert sum(group.jobs for group in frame.errors) == run.failed + run.invalid
        assert sum(group.tries for group in frame.errors) == run.failed_tries >= run.made_good


@settings(max_examples=40, deadline=None)
@given(journals())
def test_at_the_end_all_has_happened(group: Group) -> None:
    with replayed(group, [0.0]) as session:
        session.command(Seek(1e12))
        frame = session.frame(WIDE)
        assert frame.run.in_flight == 0
        assert frame.run.ended == len(group.results)
        assert frame.run.attempts == len(group.attempts)
        assert frame.replay is not None
        assert not frame.replay.playing
        session.command(Resume())
        again = session.frame(WIDE).replay
        assert again is not None
        assert again.position_s == 0.0


def test_a_journal_of_an_earlier_version_is_played_and_says_what_is_estimated(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, FACTS)
    at = BEGUN_AT
    group = Group(
        attempts=[
            AttemptRecord(0, 1, "a", "failed", at, "throttle", 429, "429 slow down", latency_s=1.0),
            AttemptRecord(
                0, 2, "b", "ok", at + 3, ttft_s=1.0, latency_s=2.0, input_tokens=1, output_tokens=4
            ),
        ],
        results=[ResultRow(0, "p0", "done", "abcdefghijklmnop", None, 0, "b", 2, 1.0, 2.0, 1, 4, False)],
    )
    journal.write(group)
    journal.close()
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        for table in ("samples", "moments", "prompts"):
            db.execute(f"DROP TABLE {table}")
        for table in ("attempts", "results"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN ended_at")
    db.close()
    session = ReplaySession(tmp_path, lambda: 0.0)
    assert session.loaded(PATIENCE_S)
    states = []
    for position in (0.5, 2.0, 3.5, 4.5, 5.0):
        session.command(Seek(position))
        frame = session.frame(WIDE)
        states.append(next(row.state for row in frame.jobs.rows if row.job == 0))
        assert frame.replay is not None
        assert frame.replay.estimated == "not on record: when requests ended, pauses"
    assert states == [JobState.SENT, JobState.BACKOFF, JobState.SENT, JobState.STREAMING, JobState.DONE]


def test_an_answer_grows_between_its_first_token_and_its_end(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, FACTS)
    record = AttemptRecord(0, 1, "a", "ok", BEGUN_AT, ttft_s=1.0, latency_s=3.0, ended_at=BEGUN_AT + 3)
    text = "x" * 40
    journal.write(
        Group([record], [ResultRow(0, "p0", "done", text, key="a", attempts=1, ended_at=BEGUN_AT + 3)])
    )
    journal.close()
    session = ReplaySession(tmp_path, lambda: 0.0)
    assert session.loaded(PATIENCE_S)
    lengths = []
    for position in (0.5, 1.0, 2.0, 3.0, 2.0):
        session.command(Seek(position))
        part = session.frame(View()).stream
        assert part.is_even or part.job is None
        lengths.append(len("".join(part.chunks)))
    assert lengths == [0, 4, 20, 40, 20]


def test_time_between_two_starts_is_left_out(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, FACTS)
    day = 86_400.0
    rows = [
        AttemptRecord(n, 1, "a", "ok", BEGUN_AT + n * day, latency_s=2.0, ended_at=BEGUN_AT + n * day + 2)
        for n in range(3)
    ]
    journal.write(Group(rows, moments=[MomentRow(BEGUN_AT + n * day, "begun") for n in range(3)]))
    journal.close()
    session = ReplaySession(tmp_path, lambda: 0.0)
    assert session.loaded(PATIENCE_S)
    part = session.frame(View()).replay
    assert part is not None
    assert part.length_s == 6.0
