"""llmdash over prompts that break it, as a program: `broken.py PART AFTER [JOBS]`.

From the AFTERth look at a prompt on, every look in the named part of the program (`ui` or `engine`; the
engine without a screen, for `headless`; the screen of a comparison, for `compare`) raises an exception that
tells the user's last key. For `stuck` one look of the screen never returns instead. Nothing of llmdash is
changed for it: its dashboard is given a source of prompts, as it always is.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmdash.cli.errors import guarded
from llmdash.compare.session import ComparingSession
from llmdash.compare.ways import Experiment
from llmdash.config import load_settings
from llmdash.config.prices import Prices
from llmdash.launch.compare import Bench, practice, show_comparison
from llmdash.launch.dashboard import show_run
from llmdash.launch.headless import run_headless
from llmdash.launch.inputs import Input, open_input
from llmdash.launch.plan_builder import PRACTICE, PreparedRun, make_plan, run_folder
from llmdash.prompts.source import Prompt
from llmdash.simulator.process import SimulatorProcess


def fail(words: str) -> None:
    raise RuntimeError(f"broken on purpose; Authorization: Bearer {words}")


_SPUN = threading.Event()


def spin(_words: str) -> None:
    """Never return, the first time."""
    if not _SPUN.is_set():
        _SPUN.set()
        while True:
            pass


class BrokenSource:
    """A source of prompts that acts up in one of the program's two threads."""

    def __init__(
        self, inner: Any, thread: str, after: int, words: str, act: Callable[[str], None] = fail
    ) -> None:
        self._inner = inner
        self._act = act
        self._thread = thread
        self._left = after
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
            self._left -= 1
            if self._left < 0:
                self._act(self._words)


def main(part: str, after: str, jobs: str = "2000") -> int:
    settings = load_settings({"rate": "50/s"}, environ=os.environ, cwd=Path.cwd())
    words = settings.secrets[-1].reveal() if settings.secrets else "no key"
    given = Input(limit=int(jobs), seed=1)
    thread = "MainThread" if part in ("ui", "compare", "stuck") else "llmdash-engine"
    act = spin if part == "stuck" else fail
    source = BrokenSource(open_input(given), thread, int(after), words, act)
    if part == "compare":
        bench = Bench(source, given, settings, Path("kept"), Prices(), practice(0.05))
        session = ComparingSession(bench, [Experiment("all-keys", "concurrent", 8)])
        return show_comparison(session, settings, paid=False)
    with SimulatorProcess(PRACTICE) as simulator:
        folder = run_folder(Path("kept"), "broken")
        plan = make_plan(source, given, settings, folder, simulator, stay=part != "headless")
        if part == "headless":
            return run_headless(plan, json=False, out=None, redactor=settings.redactor)
        return show_run(PreparedRun(plan, simulator), settings)


if __name__ == "__main__":
    guarded(lambda: main(*sys.argv[1:]))
