"""A run is watched without a dashboard: not too often, not too seldom, and safely."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model.frame import Alert, AutoPart, Frame, Notice, RatePart
from llmdash.engine.model.states import AlertKind, RunState, Severity
from llmdash.engine.model.view import JobsView
from llmdash.reports.progress import JsonDisplay, LineDisplay, display_for, progress_line, watch
from tests.reports.fakes import (
    ALL_REST,
    HOSTILE,
    RUNNING,
    FakeSession,
    FakeTime,
    at,
    held,
    hostile,
    in_trouble,
)
from tests.waiting import LONGEST_S

ROOT = Path(__file__).resolve().parents[2]
DONE = at(100, state=RunState.DONE)
WARNING = Notice(1, Severity.WARNING, "key 9bc0 rests")


def lines_of(
    frames: list[Frame], *, step: float, notices: list[tuple[int, Notice]] | None = None
) -> list[str]:
    stream, time = io.StringIO(), FakeTime(step)
    watch(FakeSession(frames, notices or ()), display_for(stream, clock=time.clock), sleep=time.sleep)
    return stream.getvalue().splitlines()


def records_of(
    frames: list[Frame], *, step: float, notices: list[tuple[int, Notice]] | None = None
) -> list[Any]:
    stream, time = io.StringIO(), FakeTime(step)
    display = display_for(stream, json=True, clock=time.clock)
    display.finish(watch(FakeSession(frames, notices or ()), display, sleep=time.sleep))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("state", [RunState.DONE, RunState.STOPPED])
def test_watching_ends_with_the_run(state: RunState) -> None:
    time = FakeTime(1)
    session = FakeSession([at(1), at(2, state=RunState.DRAINING), at(3, state=state)])
    frame = watch(session, LineDisplay(io.StringIO(), time.clock), sleep=time.sleep)
    assert frame == at(3, state=state)
    assert len(time.slept) == 2


def test_watching_ends_when_the_caller_says_so() -> None:
    time = FakeTime(1)
    session = FakeSession([at(0), at(1), at(2), at(3)])
    frame = watch(
        session, LineDisplay(io.StringIO()), until=lambda frame: frame.run.done == 2, sleep=time.sleep
    )
    assert frame.run.done == 2


def test_watching_asks_for_nothing_that_is_not_shown() -> None:
    session = FakeSession([at(0), DONE], [(0, Notice(7, Severity.ERROR, "x"))])
    watch(session, LineDisplay(io.StringIO()), sleep=lambda _: None)
    assert [view.notices_after for view in session.views] == [0, 7]
    assert all(view.jobs == JobsView(height=0) for view in session.views)


def test_a_line_is_written_each_five_seconds() -> None:
    lines = lines_of([at(0)] * 20 + [at(0, state=RunState.STOPPED)], step=1)
    assert len(lines) == 5


def test_a_line_is_written_at_each_tenth() -> None:
    frames = [at(done) for done in range(100)] + [DONE]
    lines = lines_of(frames, step=0.001)
    assert [line.split()[2:4] for line in lines] == [
        [f"{done}/100", f"{done}.0%"] for done in range(0, 101, 10)
    ]


def test_failed_jobs_count_as_ended() -> None:
    lines = lines_of([at(0), at(5, failed=5), at(50, failed=50, state=RunState.DONE)], step=0.001)
    assert [line.split()[2] for line in lines] == ["0/100", "10/100", "100/100"]


def test_nothing_is_written_before_the_jobs_are_known() -> None:
    assert lines_of([Frame(), Frame(), at(0), DONE], step=9)[0].split()[2] == "0/100"


def test_a_line_tells_all_that_matters() -> None:
    (line,) = lines_of([RUNNING, at(3_380, state=RunState.STOPPED, jobs=10_000, failed=32)], step=1)
    assert line == (
        "00:03:12.418  arithmetic  3,412/10,000 34.1%  3,380 saved, 32 failed, 118 retries, 64 in flight, "
        "17.9/s, 97.4% right  ETA 00:06:10"
    )


def test_notices_are_written_at_once_and_once() -> None:
    notices = [
        (1, WARNING),
        (3, Notice(2, Severity.ERROR, "brake")),
        (3, Notice(3, Severity.INFORMATION, "hi")),
    ]
    lines = lines_of([at(0)] * 8 + [at(0, state=RunState.STOPPED)], step=0.001, notices=notices)
    assert lines[1:] == ["warning: key 9bc0 rests", "error: brake", "note: hi"]


def test_json_gives_progress_notices_and_last_the_summary() -> None:
    records = records_of([RUNNING] * 11 + [DONE], step=1, notices=[(2, WARNING)])
    assert [record["type"] for record in records] == ["progress", "notice", "progress", "progress", "summary"]
    assert records[1] == {"type": "notice", "severity": "warning", "text": "key 9bc0 rests"}
    assert records[0] == {
        "type": "progress",
        "run": "arithmetic",
        "state": "running",
        "detail": "",
        "elapsed_s": 192.418,
        "jobs": 10_000,
        "done": 3_380,
        "invalid": 0,
        "failed": 32,
        "cancelled": 0,
        "in_flight": 64,
        "batched": 0,
        "attempts": 3_594,
        "retries": 118,
        "rate": 17.93,
        "set_rate": None,
        "auto": False,
        "eta_s": 370.4,
        "alerts": [],
        "endpoints": [],
    }


def test_what_blocks_the_run_up_is_told_once_when_it_comes_and_once_when_it_is_over() -> None:
    frames = [at(0)] + [held(replace(ALL_REST, passes_in_s=4.0 - n)) for n in range(3)] + [at(0)] * 7
    lines = lines_of([*frames, at(0, state=RunState.STOPPED)], step=1)
    told = [line for line in lines if not line.startswith("00:")]
    assert told == [
        "warning: All keys rest, back in 4s",
        "over: All keys rest (for 2 s)",
    ]


def test_what_comes_and_goes_all_the_time_is_told_once() -> None:
    frames = [held(ALL_REST) if n % 3 else at(0) for n in range(40)]
    lines = lines_of([*frames, at(0, state=RunState.STOPPED)], step=1)
    assert len([line for line in lines if line.startswith("warning")]) == 1


def test_an_alert_that_counts_is_still_the_same_one() -> None:
    disk = Alert(AlertKind.DISK, "Disk full: no room in /data · 3 answers wait")
    frames = [held(replace(disk, text=disk.text.replace("3", str(n)))) for n in range(9)]
    lines = lines_of([*frames, at(0, state=RunState.STOPPED)], step=1)
    assert len([line for line in lines if "Disk full" in line and not line.startswith("00:")]) == 1


def test_every_line_of_progress_counts_down_while_all_keys_rest() -> None:
    frames = [held(replace(ALL_REST, passes_in_s=60.0 - n)) for n in range(60)]
    lines = lines_of([*frames, at(0, state=RunState.STOPPED)], step=1)
    counted = [
        line.rpartition(" ")[2] for line in lines if line.startswith("00:") and "All keys rest" in line
    ]
    assert counted == [f"{seconds}s" for seconds in range(60, 0, -5)]


def test_a_line_says_what_a_run_waits_on_that_nobody_paused() -> None:
    run = replace(at(0).run, state_detail="waiting on key")
    assert progress_line(Frame(run=run)).endswith("  waiting on key")


def test_of_several_alerts_a_line_shows_the_gravest() -> None:
    line = progress_line(in_trouble())
    assert line.endswith(
        "  Kill switch: 20 requests in a row failed alike: 404 model not found, "
        "fix that, then: llmdash ctl last resume (+1 more)"
    )


@pytest.mark.parametrize(
    ("kind", "text", "fix", "said"),
    [(AlertKind.ENDPOINT, "a is down: cannot connect to b:9 (refused)", "", "set another BASE_URL"),
     (AlertKind.ENDPOINT, "a is paused: x", "revive it in the key panel", "then: llmdash ctl last resume"),
     (AlertKind.KEYS_GONE, "No usable key", "revive one in the key panel", "put another key into .env"),
     (AlertKind.TRIAL, "20 of 90 done", "u releases", "llmdash ctl last release"),
     (AlertKind.BUDGET, "$5.00 spent", "b raises it", "llmdash ctl last budget")],
)  # fmt: skip
def test_what_helps_is_said_in_words_for_a_shell(kind: AlertKind, text: str, fix: str, said: str) -> None:
    line = progress_line(held(Alert(kind, text, fix)))
    assert said in line
    assert not re.search("panel|u releases|b raises", line)


def test_json_lists_alerts_and_endpoints_and_is_written_when_they_change() -> None:
    records = records_of([at(0), at(0), held(ALL_REST), held(ALL_REST), DONE], step=0.1)
    assert [record["type"] for record in records] == ["progress", "progress", "summary"]
    assert records[1]["alerts"] == [
        {"kind": "keys_rest", "severity": "warning", "text": "All keys rest", "fix": "", "seconds": 3.6}
    ]
    (record, _summary) = records_of([replace(in_trouble(), run=DONE.run)], step=1)
    assert record["alerts"][0]["fix"] == "fix that, then: llmdash ctl last resume"
    assert record["endpoints"][0] == {
        "name": "openai", "state": "down", "returns_s": 7.4, "detail": "connection refused", "in_flight": 0,
    }  # fmt: skip


def test_hostile_text_reaches_no_stream() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        display = display_for(stream, json=as_json)
        session = FakeSession([hostile()], [(0, Notice(1, Severity.ERROR, HOSTILE))])
        display.finish(watch(session, display, until=lambda _: True))
        written = stream.getvalue()
        assert written.replace("\n", "").isprintable()
        if as_json:
            assert all("\x1b" not in str(json.loads(line)) for line in written.splitlines())


def test_the_end_of_a_text_run_is_its_report() -> None:
    stream = io.StringIO()
    display_for(stream).finish(RUNNING)
    assert "jobs     3,380 done, 32 failed, 6,588 pending, of 10,000" in stream.getvalue()


class Pipe(io.StringIO):
    """A pipe whose reader leaves after `lines` lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._left = lines

    def flush(self) -> None:
        if not self._left:
            raise BrokenPipeError
        self._left -= 1


@pytest.mark.parametrize("display", [LineDisplay, JsonDisplay])
def test_a_reader_that_leaves_does_not_end_the_watch(display: type[LineDisplay | JsonDisplay]) -> None:
    stream, time = Pipe(2), FakeTime(6)
    shown = display(stream, time.clock)
    frame = watch(FakeSession([at(n) for n in range(50)] + [DONE]), shown, sleep=time.sleep)
    shown.finish(frame)
    assert frame == DONE
    assert len(stream.getvalue().splitlines()) <= 3


def test_a_closed_stream_does_not_end_the_watch() -> None:
    stream = io.StringIO()
    stream.close()
    display = LineDisplay(stream)
    frame = watch(FakeSession([at(1), DONE]), display, sleep=FakeTime(6).sleep)
    display.finish(frame)
    assert frame == DONE


def test_a_stream_that_lacks_a_character_gets_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    display_for(stream).notice(Notice(1, Severity.WARNING, "naïve ⏎"))
    assert raw.getvalue() == b"warning: na?ve ?\n"


PROGRAM = """
import sys
from llmdash.engine.model.states import RunState
from llmdash.reports.progress import display_for, watch
from tests.reports.fakes import FakeSession, FakeTime, at

time = FakeTime(6)
frames = [at(0)] * 20_000 + [at(100, state=RunState.DONE)]
display = display_for(sys.stdout, json=True, clock=time.clock)
display.finish(watch(FakeSession(frames), display, sleep=time.sleep))
print("rich" in sys.modules, file=sys.stderr)
"""


def test_a_pipe_that_is_cut_leaves_no_trace_and_a_clean_exit() -> None:
    """In a process of its own, since Python's last flush comes after everything; rich is not loaded there."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"progress" in process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=LONGEST_S), errors) == (0, b"False\n")


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (RatePart(rate=20.0), "17.9/s of 20/s"),
        (RatePart(rate=2.5), "17.9/s of 2.5/s"),
        (RatePart(rate=90 / 60), "17.9/s of 1.5/s"),
        (RatePart(rate=50 / 3600), "at most 50/h"),
        (RatePart(rate=0.25), "at most 15/min"),
        (RatePart(rate=None), "17.9/s"),
        (RatePart(rate=None, auto=AutoPart(on=True)), "17.9/s, auto"),
        (RatePart(rate=1_200.0, auto=AutoPart(on=True)), "17.9/s of 1,200/s, auto"),
    ],
)
def test_a_line_has_the_rate_as_it_is_set(rate: RatePart, words: str) -> None:
    """A low one alone: what was sent in the last seconds says nothing of it."""
    assert f", 64 in flight, {words}, 97.4% right" in progress_line(replace(RUNNING, rate=rate))


@pytest.mark.parametrize(
    ("rate", "fields"),
    [
        (RatePart(rate=50 / 3600), (0.013889, False)),
        (RatePart(rate=1_200.0, auto=AutoPart(on=True)), (1_200.0, True)),
    ],
)
def test_json_progress_has_the_rate_as_it_is_set(rate: RatePart, fields: tuple[float, bool]) -> None:
    record = records_of([replace(RUNNING, rate=rate), DONE], step=1)[0]
    assert (record["set_rate"], record["auto"]) == fields
