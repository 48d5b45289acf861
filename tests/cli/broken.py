"""llmdash over prompts or a session that break it, as a program: `broken.py PART AFTER [JOBS]`.

From the AFTERth look on, every look of the named part of the program (`ui` at a frame; at a prompt `engine`,
the engine without a screen for `headless`, the screen of a comparison for `compare`) raises an exception that
tells the user's last key. At a prompt AFTER may also be a file: every look breaks once that is there. For
`stuck` one look of the screen never returns instead, and a file of that name tells so. Nothing of llmdash is
changed for it: it is given a source of prompts and a session, as it always is.

With the name of the engine's module and the number of a descriptor as more arguments it is the process of an
engine.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from llmdash.cli.errors import guarded
from llmdash.compare.session import ComparingSession
from llmdash.compare.ways import Experiment
from llmdash.config import Settings, load_settings
from llmdash.config.prices import Prices
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.launch.compare import Bench, practice, show_comparison
from llmdash.launch.engine_line import EngineLine
from llmdash.launch.engine_process import ENGINE, EngineProcess
from llmdash.launch.engine_service import serve
from llmdash.launch.headless import run_headless
from llmdash.launch.inputs import open_input
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.preparing import PreparedRun
from llmdash.launch.run_folders import run_folder
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import PRACTICE, RunOrder
from llmdash.launch.watching import attached, show_run
from llmdash.prompts.source import Prompt
from llmdash.remote.client import RemoteSession
from llmdash.simulator.process import SimulatorProcess


def fail(words: str) -> None:
    raise RuntimeError(f"broken on purpose; Authorization: Bearer {words}")


_SPUN = threading.Event()


def spin(_words: str) -> None:
    """Never return, the first time."""
    if not _SPUN.is_set():
        _SPUN.set()
        Path("stuck").touch()
        while True:
            pass


class BrokenSource:
    """A source of prompts that breaks in one of the program's threads."""

    def __init__(self, inner: Any, thread: str, after: str, words: str) -> None:
        self._inner = inner
        self._thread = thread
        self._sign = None if after.isdecimal() else Path(after)
        self._left = 0 if self._sign else int(after)
        self._words = words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __len__(self) -> int:
        return len(self._inner)

    def id(self, index: int) -> str:
        self._look()
        name: str = self._inner.id(index)
        return name

    def prompt(self, index: int) -> Prompt:
        self._look()
        prompt: Prompt = self._inner.prompt(index)
        return prompt

    def _look(self) -> None:
        if threading.current_thread().name == self._thread:
            self._left -= self._sign is None or self._sign.exists()
            if self._left < 0:
                fail(self._words)


class BrokenSession:
    """A session that breaks when it is asked for a frame of a run at work; the words are told."""

    def __init__(self, inner: RemoteSession, after: int, words: str, act: Callable[[str], None]) -> None:
        self._inner = inner
        self._left = after
        self._words = words
        self._act = act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def frame(self, view: View) -> Frame:
        frame = self._inner.frame(view)
        self._left -= frame.run.attempts > 0
        if self._left < 0 and threading.current_thread() is threading.main_thread():
            self._act(self._words)
        return frame


def main(part: str, after: str, jobs: str = "2000", _engine: str = "", descriptor: str | None = None) -> int:
    if descriptor is not None:
        with EngineLine(socket.socket(fileno=int(descriptor))) as line:
            os.environ.update(line.receive().variables)
            return serve(line, line.receive(), partial(broken_run, part, after))
    settings = load_settings({"rate": "50/s"}, environ=os.environ, cwd=Path.cwd())
    order = RunOrder(Input(limit=int(jobs), seed=1), run_dir=Path("kept"), practice=PRACTICE, stay=True)
    words = last_key(settings)
    if part == "compare":
        source = BrokenSource(open_input(order.given), "MainThread", after, words)
        bench = Bench(source, order.given, settings, Path("kept"), Prices(), practice(0.05))
        session = ComparingSession(bench, [Experiment("all-keys", "concurrent", 8)])
        return show_comparison(session, settings, paid=False)
    if part == "headless":
        with broken_run(part, after, order, settings) as prepared:
            return run_headless(prepared.plan, settings, json=False, out=None)

    def view(folder: Path) -> Any:
        session = attached(folder)
        if part == "engine":
            return session
        return BrokenSession(session, int(after), words, spin if part == "stuck" else fail)

    with EngineProcess(command=[sys.executable, __file__, part, after, jobs, ENGINE]) as engine:
        return show_run(engine, order, settings, view)


def last_key(settings: Settings) -> str:
    return settings.secrets[-1].reveal() if settings.secrets else "no key"


def broken_run(part: str, after: str, order: RunOrder, settings: Settings) -> PreparedRun:
    """A run whose prompts break the engine, if that is the part."""
    source = open_input(order.given)
    if part in ("engine", "headless"):
        source = BrokenSource(source, "llmdash-engine", after, last_key(settings))
    simulator = SimulatorProcess(PRACTICE)
    folder = run_folder(order.run_dir, "broken")
    plain = RunOrder(order.given, stay=part != "headless")
    with ExitStack() as held:
        held.callback(simulator.close)
        plan = make_plan(source, plain, settings, folder, simulator)
        return PreparedRun(plan, simulator, held=held.pop_all())


if __name__ == "__main__":
    guarded(lambda: main(*sys.argv[1:]))
