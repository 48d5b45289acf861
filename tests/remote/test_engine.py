"""A real engine, watched and steered from elsewhere."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from llmdash.engine.model.commands import Cancel, Pause, Resume, SetConcurrency, SetRate
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState, SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, StreamView, View
from llmdash.llms.messages import Delta
from llmdash.remote.client import RemoteSession
from llmdash.remote.codec import FrameMessage, encode
from tests.cli.command import environment, start
from tests.engine.scripted import USAGE, Server, assert_balanced, plan, prompts, started
from tests.remote.made_up import served
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, first, wait_for

SCREEN = View(jobs=JobsView(height=45), stream=StreamView(), tiles=6, series=SeriesView(160))


def slow(_key: str, prompt: str, _before: int) -> list[object]:
    return [Delta(text="a"), 0.005, Delta(text=prompt), Delta(finish_reason="stop", usage=USAGE)]


def until(viewer: RemoteSession, holds: Callable[[Frame], bool], view: View = SCREEN) -> Frame:
    """The first frame for which `holds`."""
    return first(lambda: viewer.frame(view), holds)


@contextmanager
def engine_at_work(home: Path, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run without a screen in a process of its own that listens, and its folder."""
    (home / "p.txt").write_text("".join(f"{number} + 1\n" for number in range(500)))
    folder = home / "run"
    with start(
        "run", "p.txt", "--headless", "--run-dir", folder, "--rate", "20/s", cwd=home, env=env
    ) as process:
        wait_for((folder / "engine.json").exists, "it to listen")
        yield process, folder


def test_a_run_is_steered_from_elsewhere_and_ends_as_it_would_alone(tmp_path: Path) -> None:
    rest = threading.Event()  # until it is set only some are answered: the run does not end before the pause

    def script(key: str, prompt: str, before: int) -> list[object]:
        return (
            slow(key, prompt, before) if int(prompt.split()[-1]) < 100 else [rest, *slow(key, prompt, before)]
        )

    server = Server(script)
    with (
        started(plan(tmp_path, server, prompts(300), concurrency=4)) as session,
        served(session) as (listening, folder),
    ):
        viewer = RemoteSession.attach(folder)
        until(viewer, lambda frame: frame.run.done > 3)
        viewer.command(Pause())
        until(viewer, lambda frame: frame.run.state is RunState.PAUSED)
        viewer.command(SetConcurrency(32))
        viewer.command(SetRate(500.0))
        until(viewer, lambda frame: (frame.rate.concurrency, frame.rate.rate) == (32, 500.0))
        viewer.command(Resume())
        rest.set()
        assert session.join(PATIENCE_S)
        listening.close(0)
        assert viewer.join(PATIENCE_S)
        assert (viewer.ending, viewer.exit_code) == (Ending.DONE, 0)
        assert viewer.frame(SCREEN).run.done == 300
        assert_balanced(session, server)


def test_viewers_with_orders_of_their_own_do_not_disturb_each_other(tmp_path: Path) -> None:
    the_plan = plan(tmp_path, Server(slow), prompts(2000), concurrency=4)
    with started(the_plan) as session, served(session) as (_, folder):
        views = (
            View(JobsView(height=5, sort=SortColumn.ID, descending=True), tiles=2),
            View(JobsView(height=5, filter="p1999")),
            View(JobsView(height=5, sort=SortColumn.NUMBER), tiles=8),
        )
        viewers = [RemoteSession.attach(folder) for _ in views]
        until(viewers[1], lambda frame: frame.jobs.matched == 1, views[1])
        until(
            viewers[0],
            lambda frame: [row.id for row in frame.jobs.rows][:2] == ["p999", "p998"],
            views[0],
        )
        until(viewers[2], lambda frame: bool(frame.jobs.rows), views[2])
        for _ in range(20):
            found = [viewer.frame(view).jobs for viewer, view in zip(viewers, views, strict=True)]
            assert found[0].rows[0].id == "p999"
            assert [row.id for row in found[1].rows] == ["p1999"]
            assert found[2].rows[0].id == "p0"
        for viewer in viewers:
            viewer.close()
        session.command(Cancel())


def test_a_run_of_a_million_jobs_is_attached_to_and_its_frames_are_small(tmp_path: Path) -> None:
    the_plan = plan(tmp_path, Server(slow), prompts(1_000_000), concurrency=4)
    with started(the_plan) as session, served(session) as (_, folder):
        viewer = RemoteSession.attach(folder)
        view = replace(SCREEN, jobs=replace(SCREEN.jobs, sort=SortColumn.NUMBER))
        frame = until(viewer, lambda frame: frame.run.done > 0 and len(frame.jobs.rows) == 45, view)
        assert frame.jobs.total == 1_000_000
        assert len(encode(FrameMessage(1, frame))) < 40_000
        viewer.close()
        session.command(Cancel())


def test_viewers_that_come_and_go_leave_the_run_untouched(tmp_path: Path) -> None:
    """Threads that drop their connection in the middle of anything."""
    server = Server(slow)
    the_plan = plan(tmp_path, server, prompts(1500), concurrency=8)
    with started(the_plan) as session, served(session) as (_, folder):

        def visit() -> None:
            while session.alive:
                viewer = RemoteSession.attach(folder)
                for _ in range(3):
                    viewer.frame(SCREEN)
                viewer._connection.drop()

        threads = [threading.Thread(target=visit) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert session.join(PATIENCE_S)
        for thread in threads:
            thread.join()
        frame = assert_balanced(session, server)
        assert (frame.run.done, frame.run.attempts) == (1500, 1500)


def test_the_engine_is_killed_and_its_viewer_knows_at_once(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    env = environment(tmp_path, simulator(latency=0.2))
    with engine_at_work(tmp_path, env) as (process, folder):
        viewer = RemoteSession.attach(folder)
        until(viewer, lambda frame: frame.run.attempts > 0)
        assert viewer.pid == process.pid
        process.kill()
        process.wait()
        assert viewer.join(PATIENCE_S)
        assert str(viewer.crash) == f"the engine (process {process.pid}) is gone"
        assert viewer.frame(SCREEN).run.state is RunState.STOPPED
        viewer.close()


def test_an_engine_that_stands_still_holds_up_no_viewer(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    env = environment(tmp_path, simulator(latency=0.2))
    with engine_at_work(tmp_path, env) as (process, folder):
        viewer = RemoteSession.attach(folder)
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        for _ in range(100):
            assert viewer.frame(SCREEN).run.jobs == 500
        assert time.monotonic() - begun < PATIENCE_S
        viewer.command(Pause())
        process.send_signal(signal.SIGCONT)
        until(viewer, lambda frame: frame.run.state is RunState.PAUSED)
        viewer.close()


def test_no_key_crosses(tmp_path: Path, simulator: Callable[..., Simulated]) -> None:
    """Frames hold the labels of keys, whatever they show."""
    key = "sk-CANARY-3f9a0b1c2d4e5f60"
    env = environment(tmp_path, simulator(keys=(key,), latency=0.05))
    with engine_at_work(tmp_path, env) as (_, folder):
        viewer = RemoteSession.attach(folder)
        view = View(JobsView(height=45), tiles=4, inspect=0, series=SeriesView(80), errors=True)
        frame = until(viewer, lambda frame: frame.run.done > 3 and frame.inspection is not None, view)
        assert [row.label for row in frame.keys] == [key[-4:]]
        assert key.encode() not in encode(FrameMessage(1, frame))
        assert key.encode() not in (folder / "engine.json").read_bytes()
        viewer.close()
