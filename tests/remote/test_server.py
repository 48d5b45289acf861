"""What a viewer does, or leaves undone, reaches neither the run nor the other viewers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash import __version__
from llmdash.engine.model.commands import Pause, RetryJobs, SetRate
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, Inspection, JobRow, JobsPart, Notice, StreamPart
from llmdash.engine.model.states import Severity
from llmdash.engine.model.view import JobsView, SeriesView, StreamView, View
from llmdash.remote.addresses import NotRunningError, engine_of
from llmdash.remote.client import RemoteSession
from llmdash.remote.codec import (
    SHAPE,
    EndMessage,
    FrameMessage,
    Framing,
    FromEngine,
    HelloMessage,
    RefusalMessage,
    ViewMessage,
    WelcomeMessage,
    command_message,
    decode_from_engine,
    encode,
)
from llmdash.remote.server import SessionServer
from tests.remote.made_up import MadeUpSession, running, served
from tests.waiting import PATIENCE_S, first, wait_for

HELLO = encode(HelloMessage(__version__, SHAPE))
ASK = encode(ViewMessage(1, View()))


def connected(folder: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.connect(engine_of(folder).address.removeprefix("unix:"))
    made.settimeout(PATIENCE_S)
    return made


def answers(viewer: socket.socket) -> list[FromEngine]:
    """All messages until the engine closes the connection."""
    framing = Framing()
    found: list[FromEngine] = []
    with suppress(ConnectionResetError):
        while data := viewer.recv(65_536):
            found += map(decode_from_engine, framing.feed(data))
    return found


def works(folder: Path) -> bool:
    """Whether another viewer can attach and gets a frame."""
    viewer = RemoteSession.attach(folder)
    try:
        return viewer.frame(View()).run.name == "made up"
    finally:
        viewer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff" * 10,
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x03abc",
        ASK,
        HELLO + HELLO,
        HELLO + b"\x00\x00\x00\x05garba",
        HELLO + b"\x00\x00\x03\xe8" + b"\x91" * 1000,
        HELLO + b"\x7f\xff\xff\xff",
    ],
    ids=["http", "ones", "empty", "short", "no-hello", "two-hellos", "garbage", "nested", "huge"],
)
def test_a_viewer_that_is_not_understood_is_told_so_and_dropped(sent: bytes) -> None:
    with served(MadeUpSession()) as (_, folder), connected(folder) as viewer:
        viewer.sendall(sent)
        *_, last = answers(viewer)
        assert isinstance(last, RefusalMessage)
        assert last.text.startswith("not understood: ")
        assert works(folder)


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_no_bytes_harm_the_server(data: bytes, welcomed: bool) -> None:
    with served(MadeUpSession()) as (_, folder), connected(folder) as viewer:
        viewer.sendall((HELLO if welcomed else b"") + data)
        viewer.shutdown(socket.SHUT_WR)
        answers(viewer)
        assert works(folder)


def test_a_viewer_may_vanish_at_any_byte() -> None:
    whole = HELLO + ASK + encode(command_message(RetryJobs((1, 2, 3)))) + ASK
    session = MadeUpSession()
    with served(session) as (server, folder):
        for cut in range(len(whole)):
            with connected(folder) as viewer:
                viewer.sendall(whole[:cut])
        wait_for(lambda: server.viewers == 0)
        assert works(folder)
    assert set(session.commands) <= {RetryJobs((1, 2, 3))}


def test_half_a_message_waits_for_the_rest() -> None:
    with served(MadeUpSession()) as (_, folder), connected(folder) as viewer:
        for at in range(len(HELLO)):
            viewer.sendall(HELLO[at : at + 1])
        (welcome,) = map(decode_from_engine, Framing().feed(viewer.recv(65_536)))
        assert isinstance(welcome, WelcomeMessage)
        assert welcome.pid == os.getpid()


def test_a_viewer_of_another_version_is_told_so_in_words() -> None:
    with served(MadeUpSession()) as (_, folder), connected(folder) as viewer:
        viewer.sendall(encode(HelloMessage("99.9", "another shape")))
        (refusal,) = answers(viewer)
        assert isinstance(refusal, RefusalMessage)
        assert f"the engine of this run is llmdash {__version__}, this is 99.9" in refusal.text


def test_a_viewer_of_another_user_is_dropped_without_a_word() -> None:
    session = MadeUpSession()
    with served(session, is_ours=lambda _socket: False) as (_, folder), connected(folder) as viewer:
        with suppress(OSError):
            viewer.sendall(HELLO + ASK)
        assert answers(viewer) == []
    assert session.views == []


def stopped_viewer(folder: Path, asks: int) -> socket.socket:
    """A viewer that asks and asks, and reads nothing."""
    viewer = connected(folder)
    viewer.sendall(HELLO)
    viewer.settimeout(0.2)
    with suppress(TimeoutError):
        for number in range(1, asks):
            viewer.sendall(encode(ViewMessage(number, View(notices_after=number))))
    return viewer


def test_a_viewer_that_does_not_read_costs_one_frame_and_nobody_waits_for_it() -> None:
    text = "x" * 1_000_000
    session = MadeUpSession(
        lambda _view: Frame(run=running().run, stream=StreamPart(0, chunks=(text,), gaps=(0.1,)))
    )
    with served(session) as (server, folder), stopped_viewer(folder, 5_000) as viewer:
        wait_for(lambda: session.views)
        time.sleep(0.2)
        assert len(session.views) < 5
        assert works(folder)
        wait_for(lambda: server.viewers == 1, "the other viewer to be gone")
        before = len(session.views)
        time.sleep(0.1)
        assert len(session.views) == before
        viewer.settimeout(PATIENCE_S)
        assert len(viewer.recv(65_536)) > 0


def test_a_viewer_that_asks_without_end_gets_no_more_frames_than_a_screen_can_show() -> None:
    session, asks = MadeUpSession(), 5_000
    with served(session) as (_, folder), connected(folder) as viewer:
        reader = threading.Thread(target=answers, args=(viewer,))
        reader.start()
        viewer.sendall(HELLO)
        begun = time.monotonic()
        for number in range(1, asks + 1):
            viewer.sendall(encode(ViewMessage(number, View())))
        viewer.shutdown(socket.SHUT_WR)
        reader.join()
        took_s = time.monotonic() - begun
    assert len(session.views) <= 10 + took_s * 40 + 2
    assert asks > len(session.views)


def test_the_latest_view_is_the_one_that_is_answered() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder), connected(folder) as viewer:
        viewer.sendall(HELLO + b"".join(encode(ViewMessage(n, View(tiles=n))) for n in range(1, 50)))
        wait_for(lambda: bool(session.views) and session.views[-1].tiles == 49)
    assert len(session.views) <= 3


def test_a_viewer_cannot_ask_for_more_than_a_screen_has() -> None:
    session = MadeUpSession()
    jobs = JobsView(first=-(2**63), height=2**63 - 1, filter="x" * 1_000_000)
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        viewer.frame(View(jobs, tiles=2**40, series=SeriesView(2**40)))
        wait_for(lambda: session.views[-1].tiles > 0)
        viewer.frame(View(JobsView(height=-5), tiles=-1, series=SeriesView(-1)))
        wait_for(lambda: session.views[-1].tiles == 0)
        viewer.close()
    large, small = session.views[-2:]
    assert (large.jobs.height, large.tiles, large.series.width) == (1000, 256, 10_000)
    assert len(large.jobs.filter) == 1000
    assert (small.jobs.height, small.tiles, small.series.width) == (0, 0, 0)


def test_more_viewers_than_anyone_needs_are_refused_in_words() -> None:
    with served(MadeUpSession()) as (server, folder):
        viewers = [RemoteSession.attach(folder) for _ in range(64)]
        with pytest.raises(NotRunningError, match="64 viewers are attached already"):
            RemoteSession.attach(folder)
        viewers.pop().close()
        wait_for(lambda: server.viewers == 63)
        assert works(folder)
        for viewer in viewers:
            viewer.close()


def test_a_frame_that_cannot_be_made_is_the_news_of_its_viewer_alone() -> None:
    def picture(view: View) -> Frame:
        if view.inspect is not None:
            raise KeyError("sk-secret")
        return running()

    with served(MadeUpSession(picture)) as (_, folder):
        first, second = RemoteSession.attach(folder), RemoteSession.attach(folder)
        first.frame(View(inspect=3))
        first.join(PATIENCE_S)
        assert str(first.crash) == "the engine could not make a frame: KeyError"
        assert second.frame(View()).run.name == "made up"
        assert second.alive
        second.close()


def test_the_empty_frame_is_never_sent() -> None:
    pictures = [running(), EMPTY_FRAME]
    with served(MadeUpSession(lambda _view: pictures[-1])) as (_, folder):
        viewer = connected(folder)
        viewer.sendall(HELLO + ASK)
        (welcome,) = map(decode_from_engine, Framing().feed(viewer.recv(65_536)))
        assert isinstance(welcome, WelcomeMessage)
        pictures.pop()
        assert works(folder)
        viewer.close()


def test_a_viewer_that_only_reads_changes_nothing_and_is_told_so_alone() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder):
        reader, other = RemoteSession.attach(folder, read_only=True), RemoteSession.attach(folder)
        reader.command(Pause())
        (notice,) = first(lambda: reader.frame(View()).notices, bool)
        assert notice == Notice(1, Severity.WARNING, "This dashboard is read-only: nothing was changed")
        assert other.frame(View()).notices == ()
        assert session.commands == []
        other.command(SetRate(4.0))
        assert session.came.wait(PATIENCE_S)
        assert session.commands == [SetRate(4.0)]
        for each in (reader, other):
            each.close()


def test_a_command_arrives_though_its_viewer_leaves_at_once() -> None:
    for _ in range(20):
        session = MadeUpSession()
        with served(session) as (_, folder):
            viewer = RemoteSession.attach(folder)
            viewer.frame(View())
            viewer.command(RetryJobs(tuple(range(100_000))))
            viewer.close()
            assert session.came.wait(PATIENCE_S)


def test_a_command_arrives_though_its_viewer_leaves_while_the_engine_is_busy() -> None:
    gate = threading.Event()

    def picture(view: View) -> Frame:
        if view.tiles:
            gate.wait(PATIENCE_S)
        return running()

    session = MadeUpSession(picture)
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        viewer.frame(View(tiles=1))
        wait_for(lambda: session.views[-1].tiles == 1)
        viewer.command(RetryJobs(tuple(range(100_000))))
        threading.Timer(1.0, gate.set).start()
        viewer.close()
        assert session.came.wait(PATIENCE_S)


def test_viewers_are_told_apart_and_scripts_do_not_count() -> None:
    session = MadeUpSession()
    with served(session) as (server, folder):
        assert server.unwatched_s >= 0
        script = RemoteSession.attach(folder, watches=False)
        assert (server.viewers, server.was_watched) == (0, False)
        first, second = RemoteSession.attach(folder), RemoteSession.attach(folder)
        assert (server.viewers, server.unwatched_s) == (2, 0.0)
        for viewer in (script, first, second):
            viewer.frame(View())
        assert len({view.viewer for view in session.views}) == 3
        assert 0 not in {view.viewer for view in session.views}
        for viewer in (script, first, second):
            viewer.close()
        wait_for(lambda: server.viewers == 0)
        assert server.unwatched_s >= 0
        assert server.was_watched


def test_an_inspection_that_has_not_changed_is_not_sent_again() -> None:
    long = Inspection(JobRow(3, "a"), answer="long " * 100_000)
    session = MadeUpSession(
        lambda view: Frame(run=running().run, inspection=long if view.inspect is not None else None)
    )
    with served(session) as (_, folder), connected(folder) as viewer:
        viewer.sendall(HELLO + encode(ViewMessage(1, View(inspect=3))))
        framing, sizes = Framing(), []
        for number in range(2, 5):
            while not (
                bodies := [body for body in framing.feed(viewer.recv(1 << 20)) if b"frame" in body[:20]]
            ):
                continue
            sizes.append(len(bodies[-1]))
            viewer.sendall(encode(ViewMessage(number, View(inspect=3))))
        assert sizes[0] > 500_000
        assert max(sizes[1:]) < 5_000


def test_closing_twice_and_closing_what_was_never_started_is_fine(tmp_path: Path) -> None:
    SessionServer(MadeUpSession(), tmp_path).close()
    with served(MadeUpSession()) as (server, folder):
        server.close(0)
        server.close(0)
        assert not list(folder.glob("engine.*"))
        assert not (folder / "sockets").exists()


def test_a_viewer_that_never_reads_does_not_keep_the_engine_from_ending() -> None:
    text = "x" * 3_000_000
    session = MadeUpSession(lambda _view: Frame(run=running().run, jobs=JobsPart(filter_error=text)))
    with served(session, leaves_within_s=0.1) as (server, folder), stopped_viewer(folder, 20):
        begun = time.monotonic()
        server.close(0)
        assert time.monotonic() - begun < PATIENCE_S


def test_a_viewer_that_reads_late_gets_a_last_frame_of_any_size_and_the_end() -> None:
    text = "x" * 3_000_000
    session = MadeUpSession(lambda _view: Frame(run=running().run, jobs=JobsPart(filter_error=text)))
    with served(session, leaves_within_s=PATIENCE_S) as (server, folder), connected(folder) as viewer:
        viewer.sendall(HELLO + ASK)
        wait_for(lambda: session.views)
        closing = threading.Thread(target=server.close, args=(3,))
        closing.start()
        wait_for(lambda: len(session.views) == 2, "the last frame")
        closing.join(0.2)
        assert closing.is_alive(), "the end is not all sent"
        _welcome, *frames, end = answers(viewer)
        closing.join()
    assert end == EndMessage(3)
    assert [type(frame) for frame in frames] == [FrameMessage] * 2


def test_a_viewer_whose_host_dies_without_a_word_is_dropped() -> None:
    with served(MadeUpSession()) as (server, folder):
        viewer = connected(folder)
        viewer.sendall(HELLO + ASK)
        wait_for(lambda: server.viewers == 1)
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        viewer.close()
        wait_for(lambda: server.viewers == 0)
        assert works(folder)


def test_a_stream_view_crosses_with_what_is_seen() -> None:
    session = MadeUpSession()
    with served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        viewer.frame(View(stream=StreamView(3, 3, 1, 17)))
        wait_for(lambda: session.views[-1].stream == StreamView(3, 3, 1, 17))
        viewer.close()


@pytest.mark.parametrize("unix", [True, False])
def test_where_the_socket_is_deleted_the_engine_listens_again_and_keeps_its_viewers(unix: bool) -> None:
    with served(MadeUpSession(), unix=unix, looks_in_s=0.01) as (_, folder):
        before = RemoteSession.attach(folder)
        if unix:
            remove_sockets(folder)
        else:
            (folder / "engine.token").unlink()
        after = attached_in_the_end(folder)
        for viewer in (before, after):
            assert viewer.frame(View()).run.name == "made up"
            assert viewer.alive
            viewer.close()
    assert list(folder.parent.glob(f"{folder.name}/*")) == []


def remove_sockets(folder: Path) -> None:
    """Remove them all at once: an engine that listens again meanwhile does so in a new folder."""
    (folder / "sockets").rename(folder / "gone")
    shutil.rmtree(folder / "gone")


def attached_in_the_end(folder: Path) -> RemoteSession:
    """Attach, as soon as somebody listens."""

    def attached() -> RemoteSession | None:
        with suppress(NotRunningError):
            return RemoteSession.attach(folder)
        return None

    viewer = first(attached, bool, "somebody who listens")
    assert viewer is not None
    return viewer


def test_a_run_of_another_engine_in_the_same_folder_is_left_alone() -> None:
    with served(MadeUpSession(), looks_in_s=0.01) as (_, folder):
        record = json.loads((folder / "engine.json").read_text())
        (folder / "engine.json").write_text(json.dumps({**record, "pid": record["pid"] + 1}))
        shutil.rmtree(folder / "sockets")
        time.sleep(0.1)
        assert not (folder / "sockets").exists()
