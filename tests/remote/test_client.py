"""A session in another process is watched and steered as one in this process is, however slow it answers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.commands import Pause, Resume
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, Inspection, JobRow, Notice, RunPart, StreamPart
from llmdash.engine.model.states import RunState, Severity
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.store.streams import Stream
from llmdash.remote.addresses import NotRunningError
from llmdash.remote.client import EngineGoneError, RemoteSession
from llmdash.remote.fitting import fitted
from llmdash.ui.stream.pane import StreamPane
from tests.remote.made_up import ChangingMadeUp, MadeUpSession, running, served
from tests.remote.relays import delayed
from tests.ui.widget_app import running as shown
from tests.waiting import PATIENCE_S, wait_for


def test_a_view_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmdash.remote.client._KEY_S", PATIENCE_S)
    session = MadeUpSession(lambda view: running(done=view.jobs.first))
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        for first in range(5):
            assert viewer.frame(View(JobsView(first))).run.done == first
        viewer.close()


def test_the_first_frame_is_one_of_the_run_before_any_view_was_answered() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder), delayed(folder, 0.1) as slow:
        viewer = RemoteSession.attach(slow)
        frame = viewer.frame(View(JobsView(height=20)))
        assert frame != EMPTY_FRAME
        assert frame.run.name == "made up"
        viewer.close()


def test_a_slow_engine_is_not_waited_for_and_its_answers_are_shown_later() -> None:
    gate = threading.Event()

    def picture(view: View) -> Frame:
        if view.tiles:
            gate.wait(PATIENCE_S)
        return running(done=view.tiles)

    with served(MadeUpSession(picture)) as (_, folder), delayed(folder, 0.15) as slow:
        viewer = RemoteSession.attach(slow)
        assert viewer.frame(View(tiles=7)).run.done == 0
        gate.set()
        wait_for(lambda: viewer.frame(View(tiles=7)).run.done == 7)
        viewer.close()


def test_a_slow_engine_is_not_asked_more_and_more() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder), delayed(folder, 0.2) as slow:
        viewer = RemoteSession.attach(slow)
        before, begun = len(session.views), time.monotonic()
        for _ in range(200):
            viewer.frame(View())
        round_trips = 1 + (time.monotonic() - begun) / 0.4
        assert len(session.views) - before <= 3 * round_trips
        viewer.close()


def test_many_threads_may_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmdash.remote.client._QUESTION_S", PATIENCE_S)
    with served(MadeUpSession(lambda view: running(done=view.tiles))) as (_, folder):
        viewer = RemoteSession.attach(folder, watches=False)
        wrong: list[Frame] = []

        def ask(number: int) -> None:
            for _ in range(5):
                frame = viewer.frame(View(tiles=number))
                if frame.run.done != number:
                    wrong.append(frame)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        viewer.close()


# Notices.


def notices(*serials: int) -> tuple[Notice, ...]:
    return tuple(Notice(serial, Severity.WARNING, f"n{serial}") for serial in serials)


def seen_by(viewer: RemoteSession, asks: int, seen: list[str], last: int = 0) -> int:
    """What a dashboard would show in the next frames; the serial of the last notice it showed."""
    for _ in range(asks):
        for notice in viewer.frame(View(notices_after=last)).notices:
            assert notice.serial > last
            last = notice.serial
            seen.append(notice.text)
    return last


def test_every_notice_is_shown_once_though_answers_are_late_and_frames_are_dropped() -> None:
    made: list[Notice] = []
    session = MadeUpSession(
        lambda view: Frame(run=running().run, notices=tuple(n for n in made if n.serial > view.notices_after))
    )
    with served(session) as (_, folder), delayed(folder, 0.02) as slow:
        viewer = RemoteSession.attach(slow)
        seen: list[str] = []
        last = 0
        for serial in range(1, 40):
            made.append(*notices(serial))
            last = seen_by(viewer, 1, seen, last)

        def all_have_come() -> bool:
            seen_by(viewer, 1, seen, last)
            return seen[-1:] == ["n39"]

        wait_for(all_have_come)
        assert list(dict.fromkeys(seen)) == [f"n{serial}" for serial in range(1, 40)]
        viewer.close()


def test_a_notice_for_one_viewer_hides_none_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmdash.remote.client._QUESTION_S", PATIENCE_S)
    made: list[Notice] = []
    session = MadeUpSession(
        lambda view: Frame(run=running().run, notices=tuple(n for n in made if n.serial > view.notices_after))
    )
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder, read_only=True, watches=False)
        seen: list[str] = []
        viewer.command(Pause())
        last = seen_by(viewer, 2, seen)
        made += notices(1)
        last = seen_by(viewer, 2, seen, last)
        viewer.command(Resume())
        made += notices(2)
        seen_by(viewer, 2, seen, last)
        assert [text for text in seen if text.startswith("n")] == ["n1", "n2"]
        assert sum(text.startswith("This dashboard is read-only") for text in seen) == 2
        viewer.close()


def test_a_dashboard_that_comes_back_is_shown_what_nobody_has_seen() -> None:
    made = [*notices(1, 2)]
    session = MadeUpSession(
        lambda view: Frame(run=running().run, notices=tuple(n for n in made if n.serial > view.notices_after))
    )
    with served(session) as (server, folder):
        first = RemoteSession.attach(folder)
        assert [notice.text for notice in first.frame(View()).notices] == ["n1", "n2"]
        first.frame(View())
        first.close()
        wait_for(lambda: server.viewers == 0)
        made += notices(3)
        second = RemoteSession.attach(folder)
        assert [notice.text for notice in second.frame(View()).notices] == ["n3"]
        second.close()


# Streams.


def streaming(stream: Stream) -> Callable[[View], Frame]:
    """The frames of a run with one stream, as the engine builds them."""

    def picture(view: View) -> Frame:
        held = view.stream.seen_job == 4 and view.stream.seen_attempt == stream.attempt
        start, chunks, gaps = stream.after(view.stream.seen if held else 0)
        part = StreamPart(4, "p4", attempt=stream.attempt, start=start, chunks=chunks, gaps=gaps)
        return Frame(run=running().run, stream=part)

    return picture


@pytest.mark.parametrize("watched", [4, None], ids=["one-job", "transcript"])
async def test_a_whole_stream_is_read_through_a_slow_connection(watched: int | None) -> None:
    stream = Stream(0.0)
    pane = StreamPane()
    pane.watch_job(watched)
    async with shown(pane) as pilot:
        with served(MadeUpSession(streaming(stream))) as (_, folder), delayed(folder, 0.015) as slow:
            viewer = RemoteSession.attach(slow)
            for number in range(150):
                stream.add(f"<{number}>", number * 0.1)
                pane.show(viewer.frame(View(stream=pane.wanted())).stream)
            whole = "".join(stream.chunks)
            end = time.monotonic() + PATIENCE_S
            while whole not in pane.text and time.monotonic() < end:
                pane.show(viewer.frame(View(stream=pane.wanted())).stream)
                await pilot.pause(0.01)
            viewer.close()
        assert pane.text.count("<0>") == 1
        assert pane.text.endswith(whole)


class Pane:
    """What a stream pane holds, without a screen."""

    def __init__(self) -> None:
        self.job: int | None = None
        self.attempt = self.seen = 0
        self.texts: list[str] = []

    @property
    def wanted(self) -> StreamView:
        return StreamView(None, self.job, self.attempt, self.seen)

    def show(self, part: StreamPart) -> None:
        if (part.job, part.attempt) != (self.job, self.attempt) or (part.start == 0 and self.seen > 0):
            self.job, self.attempt, self.seen = part.job, part.attempt, part.start
            self.texts.append("")
        new = part.chunks[max(0, self.seen - part.start) :]
        self.seen += len(new)
        if self.texts:
            self.texts[-1] += "".join(new)


@given(st.lists(st.sampled_from(["chunk", "attempt", "ask", "show", "show again", "skip"]), max_size=60))
def test_text_is_neither_lost_nor_doubled_whenever_answers_come(steps: list[str]) -> None:
    """Answers come in order; some are overtaken, some handed out twice."""
    stream, pane = Stream(0.0), Pane()
    under_way: list[tuple[View, Frame]] = []
    at_hand = (View(), Frame())
    number = 0
    whole: dict[int, str] = {1: ""}
    for step in [*steps, *["ask", "show"] * (len(steps) + 3)]:
        if step == "chunk":
            number += 1
            stream.add(f"{number};", float(number))
            whole[stream.attempt] = "".join(stream.chunks)
        elif step == "attempt":
            stream = Stream(0.0, stream.attempt + 1)
            whole[stream.attempt] = ""
        elif step == "ask":
            view = View(stream=pane.wanted)
            under_way.append((view, streaming(stream)(view)))
        elif step == "skip":
            at_hand = under_way.pop(0) if under_way else at_hand
        else:
            if step == "show" and under_way:
                at_hand = under_way.pop(0)
            asked, frame = at_hand
            pane.show(fitted(frame, asked, View(stream=pane.wanted)).stream)
    shown_texts = [text for text in pane.texts if text]
    for text in shown_texts:
        assert any(each.startswith(text) for each in whole.values())
    assert len(shown_texts) == len(set(shown_texts))
    if whole[stream.attempt]:
        assert shown_texts[-1] == whole[stream.attempt]


def test_what_an_older_view_asked_for_is_not_shown_for_a_newer_one() -> None:
    frame = Frame(inspection=Inspection(JobRow(3, "c")), failed=(1, 2))
    asked = View(inspect=3, failed_as="a")
    assert fitted(frame, asked, asked) is frame
    other = fitted(frame, asked, View(inspect=4, failed_as="b"))
    assert (other.inspection, other.failed) == (None, ())
    assert fitted(frame, asked, View(inspect=3)).inspection is not None


def test_the_stream_of_the_inspected_job_is_fitted_to_what_is_held() -> None:
    part = StreamPart(3, "c", attempt=1, start=0, chunks=("a", "b"), gaps=(0.1, 0.1))
    frame, asked = Frame(inspected=part), View(inspect=3, inspect_stream=StreamView(3, 3, 1, 0))
    one_held = View(inspect=3, inspect_stream=StreamView(3, 3, 1, 1))
    assert fitted(frame, asked, one_held).inspected.chunks == ("b",)
    assert fitted(frame, asked, View(inspect=4)).inspected.chunks == ()
    assert fitted(frame, asked, View()).inspected == StreamPart()


# The end.


def test_the_end_of_a_run_is_seen_with_its_exit_code_and_its_last_frame() -> None:
    frames = [running(done=3)]
    session = MadeUpSession(lambda _view: frames[-1])
    with served(session) as (server, folder):
        viewer = RemoteSession.attach(folder)
        assert (viewer.alive, viewer.ending, viewer.exit_code) == (True, None, None)
        assert not viewer.join(0.01)
        viewer.start()
        frames.append(Frame(run=RunPart(name="made up", state=RunState.DONE, jobs=10, done=10)))
        session.ending = Ending.DONE
        server.close(3)
        assert viewer.join(PATIENCE_S)
        assert (viewer.alive, viewer.ending, viewer.exit_code, viewer.crash) == (False, Ending.DONE, 3, None)
        assert viewer.frame(View(tiles=3)).run.done == 10
        assert viewer.frame(View()).notices == ()
        viewer.command(Pause())
        viewer.close()


def test_what_broke_the_run_is_said() -> None:
    session = MadeUpSession()
    with served(session) as (server, folder):
        viewer = RemoteSession.attach(folder)
        server.close(1, "KeyError in the engine")
        assert viewer.join()
        assert isinstance(viewer.crash, EngineGoneError)
        assert (str(viewer.crash), viewer.exit_code) == ("KeyError in the engine", 1)


def test_an_engine_whose_frames_cannot_be_read_is_not_said_to_be_gone() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        session.picture = lambda _view: Frame(run=RunPart(jobs="many"))  # type: ignore[arg-type]
        wait_for(lambda: bool(viewer.frame(View())) and not viewer.alive)
        assert "has sent what cannot be read" in str(viewer.crash)


def test_an_engine_that_goes_without_a_word_is_missed_at_once_and_the_way_on_is_named() -> None:
    with served(MadeUpSession()) as (server, folder):
        viewer = RemoteSession.attach(folder)
        server.close()
        frame = viewer.frame(View())
        wait_for(lambda: not viewer.alive)
        frame = viewer.frame(View())
        assert "is gone" in str(viewer.crash)
        assert (frame.run.state, frame.run.name) == (RunState.STOPPED, "made up")
        (notice,) = frame.notices
        assert f"llmdash run --resume --run-dir {folder}" in notice.text
        assert (viewer.ending, viewer.exit_code) == (None, None)


def test_a_viewer_that_leaves_ends_nothing() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        viewer.close()
        assert viewer.crash is None
        assert viewer.frame(View()).run.name == "made up"
        assert session.commands == []


def test_a_run_that_nobody_works_on_cannot_be_attached_to() -> None:
    with served(MadeUpSession()) as (server, folder):
        server.close()
        with pytest.raises(
            NotRunningError, match=r"no engine works on this run; go on with: llmdash run --resume"
        ):
            RemoteSession.attach(folder)


async def test_a_viewer_at_rest_is_told_when_something_happens_and_of_nothing_before() -> None:
    session, told = ChangingMadeUp(), asyncio.Event()
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        await asyncio.to_thread(viewer.frame, View())
        assert viewer.when_changed(7, told.set) is not None
        await asyncio.to_thread(wait_for, lambda: session.waiting)
        assert session.seen == [7] and not told.is_set()
        session.happen()
        await asyncio.wait_for(told.wait(), PATIENCE_S)
        viewer.close()


async def test_a_viewer_at_rest_is_told_when_the_engine_goes() -> None:
    told = asyncio.Event()
    with served(ChangingMadeUp()) as (server, folder):
        viewer = RemoteSession.attach(folder)
        viewer.when_changed(0, told.set)
        await asyncio.to_thread(server.close)
        await asyncio.wait_for(told.wait(), PATIENCE_S)
        assert not viewer.alive
        assert viewer.when_changed(0, told.set) is None, "nobody is there to tell"


async def test_a_viewer_that_does_not_wait_any_more_is_not_told() -> None:
    session, told = ChangingMadeUp(), asyncio.Event()
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        stop = viewer.when_changed(0, told.set)
        assert stop is not None
        stop()
        stop()
        await asyncio.to_thread(wait_for, lambda: session.waiting)
        session.happen()
        assert (await asyncio.to_thread(viewer.frame, View())).run.name == "made up"
        assert not told.is_set()
        viewer.close()
