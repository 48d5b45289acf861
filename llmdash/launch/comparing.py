"""Experiments one after the other, watched and steered like a single run."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from llmdash import locations
from llmdash.compare.report import Row
from llmdash.config import Settings
from llmdash.engine.model import commands
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.launch import headless
from llmdash.launch.experiments import Bench, Experiment, Trial
from llmdash.reports.progress import display_for, watch
from llmdash.sanitize import clean_line
from llmdash.secrets import Redactor

__all__ = ["ComparingSession", "run_headless", "show"]

_STOPS = (commands.Cancel, commands.Drain)
_TUNES = (
    commands.SetRate,
    commands.SetConcurrency,
    commands.SetWeight,
    commands.Pause,
    commands.Drain,
    commands.DisableKey,
)


class ComparingSession:
    """A Session that shows the experiment that runs, and goes on with the next when it has ended.

    Experiments run on a thread of its own, one at a time. To cancel or drain one ends the comparison. `rows`
    grows as they end; the frame of the last one stays.
    """

    def __init__(self, bench: Bench, experiments: Sequence[Experiment]) -> None:
        self._bench = bench
        self._experiments = experiments
        self._guard = threading.Lock()
        self._session: LocalSession | None = None
        self._new_stream = True
        self._notices = 0
        self._notices_before = 0
        self._tuned = False
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="llmdash-compare", daemon=True)
        self.rows: tuple[Row, ...] = ()
        """The figures of the experiments that have ended."""
        self.place = 0
        """Which experiment runs, counted from 1."""
        self.ending: Ending | None = None
        """How the last experiment ended."""
        self.crash: BaseException | None = None
        """What went wrong inside, if anything did."""

    def start(self) -> None:
        """Begin with the first experiment; does nothing where that was asked before."""
        with self._guard:
            if self._thread.ident is None and not self._stopped:
                self._thread.start()

    @property
    def alive(self) -> bool:
        """True while experiments run."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the experiment that runs, now, and begin no other."""
        self.command(commands.Cancel())

    def join(self) -> None:
        """Wait until no experiment runs."""
        if self._thread.ident is not None:
            self._thread.join()

    def frame(self, view: View) -> Frame:
        with self._guard:
            session, before = self._session, self._notices_before
            if self._new_stream:  # what the front end holds belongs to the experiment before
                view = replace(view, stream=StreamView(job=view.stream.job))
                self._new_stream = session is None
        if session is None:
            return self._broken(Frame(run=self._not_begun()))
        frame = session.frame(replace(view, notices_after=view.notices_after - before))
        if frame.notices:
            shifted = tuple(replace(notice, serial=notice.serial + before) for notice in frame.notices)
            self._notices = max(self._notices, shifted[-1].serial)
            frame = replace(frame, notices=shifted)
        return self._broken(frame)

    def _not_begun(self) -> RunPart:
        jobs = len(self._bench.source)
        return RunPart(name="compare", model=self._bench.settings.model, jobs=jobs, queued=jobs)

    def _broken(self, frame: Frame) -> Frame:
        """The frame, which says so if the comparison cannot go on."""
        if self.crash is None:
            return frame
        detail = clean_line(str(self.crash))
        return replace(frame, run=replace(frame.run, state=RunState.STOPPED, state_detail=detail))

    def command(self, command: commands.Command) -> None:
        with self._guard:
            if isinstance(command, _STOPS):
                self._stopped = True
            elif isinstance(command, commands.Resume):
                self._stopped = False
            self._tuned = self._tuned or isinstance(command, _TUNES)
            if self._session is not None:
                self._session.command(command)

    def _work(self) -> None:
        try:
            for place, experiment in enumerate(self._experiments, 1):
                if self._stopped or self.ending not in (None, Ending.DONE):
                    return
                self._conduct(place, experiment)
        except BaseException as crash:  # noqa: BLE001 - the thread's one boundary: whoever joins it asks for `crash`
            self.crash = crash

    def _conduct(self, place: int, experiment: Experiment) -> None:
        title = f"compare {place}/{len(self._experiments)} · {experiment.what}"
        simulator = self._bench.simulator()
        try:
            trial = self._bench.trial(experiment, title, simulator)
            session = LocalSession(trial.plan)
            self._show(session, place)
            session.start()
            session.join()
        finally:
            if simulator is not None:
                simulator.close()
        if session.crash is not None:
            raise session.crash
        self.ending = session.ending
        self._record(trial, session)

    def _show(self, session: LocalSession, place: int) -> None:
        with self._guard:
            self._session, self.place = session, place
            self._new_stream, self._tuned = True, False
            self._notices_before = self._notices
            if self._stopped:
                session.command(commands.Cancel())

    def _record(self, trial: Trial, session: LocalSession) -> None:
        frame = session.frame(View(jobs=JobsView(height=0)))
        self.rows += (self._bench.row(trial, frame, tuned=self._tuned),)


def run_headless(session: ComparingSession) -> int:
    """Run the experiments with progress on standard error; gives the exit code.

    A SIGINT or SIGTERM ends them. What went wrong inside is raised.
    """
    with _signals(session) as received:
        session.start()
        while session.alive:
            _watch_one(session)
        session.join()
    return headless.EXIT_SIGNAL + received[0] if received else _exit_code(session)


def _watch_one(session: ComparingSession) -> None:
    """Show the experiment that runs until the next one does."""
    place = session.place
    display = display_for(sys.stderr, tty=sys.stderr.isatty())
    watch(session, display, until=lambda _frame: not session.alive or session.place != place)


@contextmanager
def _signals(session: ComparingSession) -> Iterator[list[int]]:
    """SIGINT and SIGTERM stop the session; the signals received are listed."""
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        threading.Thread(target=session.stop).start()  # the lock it takes may be held by what was interrupted

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show(session: ComparingSession, settings: Settings) -> int:
    """Open the dashboard on the experiments; it stays until it is left, which ends them. Gives the exit code.

    What went wrong inside is raised.
    """
    from llmdash.ui.app import LlmdashApp

    app = LlmdashApp(
        session=session,
        shipped_themes=locations.themes_dir(),
        user_themes=locations.user_themes_dir(),
        preferences_path=locations.preferences_file(),
        fps=settings.fps,
        redact=Redactor(settings.keys).redact,
        on_ready=session.start,
    )
    app.run()
    session.stop()
    session.join()
    return app.return_code or _exit_code(session)


def _exit_code(session: ComparingSession) -> int:
    if session.crash is not None:
        raise session.crash
    if session.ending is Ending.NO_KEY:
        return headless.EXIT_NO_KEY
    if session.ending is Ending.STORAGE:
        return headless.EXIT_STORAGE
    return headless.EXIT_FAILED if any(row.run.failed for row in session.rows) else 0
