"""Graphs and figures are the same at work, reopened, replayed and after a resume."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.frame import Frame, Mark, MarkKind, Percentiles, SeriesPart, TimingPart
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.engine.model.view import SeriesView, TimingView, View
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import FailureKind
from llmdash.runs.details import details_of
from llmdash.runs.figures import figures_of
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from llmdash.runs.show import as_lines
from tests.engine.scripted import Server, failing, held_from, plan, prompts, run, started, until, whole
from tests.waiting import PATIENCE_S

NOTES = {"name": "scripted", "endpoint": "nowhere", "concurrency": 8, "rate": "null",
         "models": json.dumps(dict.fromkeys(("k0", "k1", "k2"), "scripted"))}  # fmt: skip
WIDE = View(series=SeriesView(600, times=tuple(Timing)), timings=TimingView(Grouping.KEY))
ONE_STEP = replace(WIDE, series=SeriesView(1, times=tuple(Timing)))
WITHIN = 0.021
"""What two values in one bucket differ by at most."""


def slow() -> Callable[[str, str, int], list[Any]]:
    """Answers after a while; the first four with one key fail, which is no burst however they fall."""
    failures = iter(range(4))

    def asked(key: str, prompt: str, before: int) -> list[Any]:
        if key == "k1" and next(failures, None) is not None:
            return failing(FailureKind.TRANSIENT, "try later", status=500)
        return [0.01 + 0.001 * (int(prompt.split()[-1]) % 7), Delta(text="so "), 0.02, *whole(prompt)]

    return asked


def timings_of(folder: Path, by: Grouping) -> TimingPart:
    return figures_of([folder], by)[0].part


def kept(folder: Path, view: View = WIDE) -> Frame:
    session = KeptSession(folder)
    assert session.loaded(PATIENCE_S)
    return session.frame(view)


def replayed(folder: Path) -> ReplaySession:
    session = ReplaySession(folder, lambda: 0.0)
    session.start()
    assert session.loaded(PATIENCE_S)
    assert session.crash is None
    return session


def timings(frame: Frame) -> TimingPart:
    assert frame.timings is not None
    return frame.timings


def assert_alike(one: Percentiles, other: Percentiles, rel: float = WITHIN) -> None:
    for name in ("p50", "p90", "p95", "p99"):
        found, wanted = getattr(one, name), getattr(other, name)
        assert (found is None) is (wanted is None)
        assert found == pytest.approx(wanted, rel=rel, abs=2e-3)


def assert_same_timings(shown: TimingPart, live: TimingPart) -> None:
    rows = {row.name: row for row in live.rows}
    assert {row.name for row in shown.rows} == rows.keys()
    for row in (shown.whole, *shown.rows):
        other = live.whole if row is shown.whole else rows[row.name]
        assert row.answers == other.answers
        for metric in (Timing.TTFT, Timing.LATENCY, Timing.ITL, Timing.WAITED):
            assert_alike(row.times(metric), other.times(metric))


def slid(folder: Path) -> Frame:
    """A run whose rate and concurrency are changed while it is at work, at its end."""
    slid = threading.Event()
    the_plan = plan(folder, Server(held_from(140, slid, slow())), prompts(150), notes=NOTES, rate=150.0)
    with started(the_plan) as session:
        until(session, lambda frame: frame.run.done > 20)
        session.command(commands.SetRate(60.0))
        session.command(commands.SetConcurrency(16))
        until(session, lambda frame: (frame.rate.rate, frame.rate.concurrency) == (60.0, 16))
        slid.set()
        until(session, lambda frame: frame.run.state.ended)
        return session.frame(WIDE)


def total_of(part: SeriesPart, per_s: Sequence[float]) -> float:
    """The sum over all steps of what is shown a second; the last step may be shorter than the others."""
    begins = [part.begin_s + place * part.step_s for place in range(len(per_s))]
    return sum(value * min(part.step_s, part.end_s - at) for value, at in zip(per_s, begins, strict=True))


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def test_a_kept_run_and_its_replay_show_the_figures_and_graphs_of_the_run(tmp_path: Path) -> None:
    live, shown = slid(tmp_path), kept(tmp_path)
    session = replayed(tmp_path)
    session.command(commands.Seek(1e9))
    again = session.frame(WIDE)
    assert timings(live).whole.answers == 150
    for other in (shown, again):
        assert_same_timings(timings(other), timings(live))
        assert timings(other).failed == timings(live).failed > 0
        assert_alike(timings(other).failed_after, timings(live).failed_after)
        assert_same_series(other.series, live.series)
    assert_same_timings(timings_of(tmp_path, Grouping.KEY), timings(live))
    for whole_run in (kept(tmp_path, ONE_STEP), session.frame(ONE_STEP)):
        for metric in (Timing.LATENCY, Timing.ITL, Timing.WAITED):
            (p50,) = whole_run.series.times(metric).p50
            assert p50 == pytest.approx(timings(live).whole.times(metric).p50, rel=0.1, abs=2e-3)
    assert [row.name for row in timings_of(tmp_path, Grouping.MODEL).rows] == ["scripted"]
    assert [row.name for row in timings_of(tmp_path, Grouping.ENDPOINT).rows] == ["nowhere"]


def by_kind(marks: Sequence[Mark]) -> list[Mark]:
    """The marks in an order that does not depend on which of two came a moment earlier."""
    return sorted(marks, key=lambda mark: (mark.kind.name, mark.at_s))


def assert_same_series(shown: SeriesPart, live: SeriesPart) -> None:
    assert shown.is_over is live.is_over is True
    assert shown.step_s == live.step_s
    assert abs(len(shown.rate) - len(live.rate)) <= 1
    assert total_of(shown, shown.rate) == pytest.approx(total_of(live, live.rate))
    assert known(live.set_rate)[-1] == known(shown.set_rate)[-1] == 60.0
    assert known(live.set_concurrency)[-1] == known(shown.set_concurrency)[-1] == 16
    for metric in Timing:
        assert known(shown.times(metric).p50)
    for mark, other in zip(by_kind(shown.marks), by_kind(live.marks), strict=True):
        assert (mark.kind, mark.subject, mark.detail) == (other.kind, other.subject, other.detail)
        assert mark.at_s == pytest.approx(other.at_s, abs=4.0)
    assert {"150→60/s", "8→16"} <= {mark.detail for mark in live.marks if mark.kind is MarkKind.SLIDE}


def test_backwards_a_replay_has_only_the_answers_and_marks_of_then(tmp_path: Path) -> None:
    slid(tmp_path)
    session = replayed(tmp_path)
    answers = []
    for share in (1.0, 0.6, 0.3, 0.0, 0.5):
        session.command(commands.Seek(share * 1e3 if share == 1.0 else share))
        frame = session.frame(WIDE)
        answers.append(timings(frame).whole.answers)
        assert timings(frame).whole.answers == frame.run.done
        assert all(
            mark.at_s <= (frame.replay.position_s if frame.replay else 0.0) for mark in frame.series.marks
        )
    assert answers[0] == 150
    assert answers[3] == 0
    assert answers[1] >= answers[4] >= answers[2]


def test_a_resume_goes_on_with_the_figures_of_the_start_before(tmp_path: Path) -> None:
    server = Server(held_from(70, threading.Event(), slow()))
    with started(plan(tmp_path, server, prompts(80), notes=NOTES, concurrency=4)) as session:
        until(session, lambda frame: frame.run.done > 30)
    before = kept(tmp_path)
    live = run(plan(tmp_path, Server(slow()), prompts(80), notes=NOTES, resume=True)).frame(WIDE)
    assert timings(before).whole.answers < timings(live).whole.answers == 80
    assert_same_timings(timings(kept(tmp_path)), timings(live))
    assert known(live.series.latency.p50)


def test_failed_requests_are_in_no_percentile(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if int(prompt.split()[-1]) % 2:
            return [0.01, *failing(FailureKind.REQUEST, "too long", status=400, names_request=True)]
        return [0.01, *whole(prompt)]

    live = run(plan(tmp_path, Server(script), prompts(20), notes=NOTES, concurrency=20)).frame(WIDE)
    assert (live.run.failed, timings(live).whole.answers) == (10, 10)
    assert sum(timings(live).histogram(Timing.LATENCY).counts) == 10
    assert sum(timings(kept(tmp_path)).histogram(Timing.LATENCY).counts) == 10


def test_errors_in_a_row_are_a_mark_at_work_and_on_record(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if int(prompt.split()[-1]) < 8 and not before:
            return failing(FailureKind.TRANSIENT, "server error", status=500)
        return [0.01, *whole(prompt)]

    live = run(plan(tmp_path, Server(script), prompts(40), notes=NOTES)).frame(WIDE)
    for frame in (live, kept(tmp_path)):
        (burst,) = [mark for mark in frame.series.marks if mark.kind is MarkKind.BURST]
        assert (burst.subject, burst.detail) == ("500", "8")


@pytest.mark.parametrize("is_streamed", [True, False])
def test_answers_that_are_fetched_whole_have_no_first_token_anywhere(
    tmp_path: Path, is_streamed: bool
) -> None:
    notes = {**NOTES, "decided": json.dumps({"stream": is_streamed})}
    the_plan = plan(tmp_path, Server(slow()), prompts(30), notes=notes, streaming=is_streamed)
    live, shown = run(the_plan).frame(WIDE), kept(tmp_path)
    session = replayed(tmp_path)
    session.command(commands.Seek(1e9))
    for frame in (live, shown, session.frame(WIDE)):
        assert frame.run.is_streamed is frame.series.is_streamed is is_streamed
        assert (frame.run.ttft.p50 is not None) is is_streamed
        assert (timings(frame).whole.ttft.p50 is not None) is is_streamed
        assert (timings(frame).whole.itl.p50 is not None) is is_streamed
        assert bool(known(frame.series.ttft.p50)) is is_streamed
        assert timings(frame).whole.latency.p50 is not None
    assert (timings_of(tmp_path, Grouping.RUN).whole.ttft.p50 is not None) is is_streamed
    assert all((row.ttft_s is not None) is is_streamed for row in JournalReader(tmp_path).ended())
    (words,) = [line for line in as_lines(details_of(tmp_path)) if line.startswith("times")]
    assert ("first token" in words) is is_streamed
