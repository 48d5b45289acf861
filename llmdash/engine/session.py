"""LocalSession: a run in this process, on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from llmdash.engine.journal.file import JournalFile
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.model.commands import Command
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, RunPart
from llmdash.engine.model.states import Severity
from llmdash.engine.model.view import View
from llmdash.engine.plan import RunPlan
from llmdash.engine.resume import open_journal
from llmdash.engine.run.run import Run

__all__ = ["LocalSession"]


class LocalSession:
    """A run in this process, on its own thread and event loop.

    Raises LockedError or JournalError when made; nothing is sent before `start`.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._lock = RunLock(plan.folder)
        try:
            self._journal: JournalFile = open_journal(
                plan.folder, plan.source, plan.notes, resume=plan.resume, begun_with=plan.begun_with
            )
        except BaseException:  # an interrupt, too, must not leave the run locked; it is raised again
            self._lock.release()
            raise
        self._waiting: list[Command] = []
        self._guard = threading.Lock()
        self._run: Run | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="llmdash-engine", daemon=True)
        self._last: Frame | None = None
        self.ending: Ending | None = None
        """How the run ended; None before."""
        self.crash: BaseException | None = None
        """The exception that broke the run, if any."""

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._plan.folder

    @property
    def allows_bad_lines(self) -> bool:
        """True if a run that left input lines out counts as complete."""
        return self._plan.allow_bad_lines

    def start(self) -> None:
        """Start the run; later calls do nothing."""
        with self._guard:
            if self._thread.ident is None:
                self._thread.start()

    def frame(self, view: View) -> Frame:
        run = self._run
        if run is None:
            facts, jobs = self._plan.facts, len(self._plan.source)
            part = RunPart(
                facts.name,
                facts.model,
                facts.endpoint,
                facts.keys,
                jobs=jobs,
                queued=jobs,
                left_out=facts.left_out,
            )
            return Frame(run=part) if self.crash is None else EMPTY_FRAME
        return run.frame(view)

    def glance(self) -> Frame:
        """Return a frame without what depends on a view: who watches is not disturbed."""
        run = self._run
        return self.frame(View()) if run is None else run.glance()

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice to who watches; dropped before the start."""
        if self._run is not None:
            self._run.notice(severity, words)

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None] | None:
        run, loop = self._run, asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # who was to be told has ended meanwhile
                loop.call_soon_threadsafe(call)

        return None if run is None or not self.alive else run.when_changed(seen, tell)

    def command(self, command: Command) -> None:
        with self._guard:
            if self._run is None or self._loop is None:
                self._waiting.append(command)
                return
            loop, run = self._loop, self._run
        try:
            loop.call_soon_threadsafe(run.execute, command)
        except RuntimeError:
            return  # the run has ended meanwhile

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout_s` seconds. Return True if it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """True once the run can do no more by itself."""
        return self._run is not None and self._run.has_ended

    @property
    def alive(self) -> bool:
        """True while the run works or waits for commands."""
        return self._thread.is_alive()

    def _work(self) -> None:
        live = self._plan.live
        try:
            if live is not None:
                live.open()
            with asyncio.Runner() as runner:
                self.ending = runner.run(self._main())
        except BaseException as crash:  # noqa: BLE001 - the thread's one boundary: the caller of `join` reads `crash`
            self.crash = crash
        finally:
            if live is not None:
                live.close()
            self._journal.close()
            if self.ending is not None:
                self._lock.end()
            else:
                self._lock.abandon()

    async def _main(self) -> Ending:
        async with self._plan.connect() as members:
            run = Run(self._plan, members, self._journal, time.monotonic)
            gc.freeze()  # the objects made so far are kept: the collector need not scan them again
            with self._guard:
                self._run, self._loop = run, asyncio.get_running_loop()
                early, self._waiting = self._waiting, []
            for command in early:
                run.execute(command)
            return await run.work()
