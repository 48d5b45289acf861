"""ComparingSession: experiments one after the other, shown and controlled like a single run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from llmdash.compare.report import Row
from llmdash.compare.ways import Experiment
from llmdash.engine.model import commands
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.session import LocalSession
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import PromptSource
from llmdash.sanitize import clean_line

__all__ = ["Asked", "ComparingSession", "ExperimentRuns", "Trial"]

_STOPS = (commands.Cancel, commands.Drain)
_TUNES = (
    commands.SetRate,
    commands.SetConcurrency,
    commands.SetWeight,
    commands.Pause,
    commands.Drain,
    commands.DisableKey,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The model of a key, and its address if it has one."""

    model: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment as a run: its session, and `asked` by key label, which fills as the keys connect."""

    experiment: Experiment
    session: LocalSession
    source: PromptSource
    asked: dict[str, Asked]


class ExperimentRuns(Protocol):
    """Makes the runs of experiments, and the figures of those that have ended."""

    @property
    def jobs(self) -> int:
        """The number of prompts of each experiment."""
        ...

    @property
    def model(self) -> str:
        """The model of an experiment that names none."""
        ...

    def conduct(self, experiment: Experiment, title: str) -> AbstractContextManager[Trial]:
        """Return the run of `experiment`, named `title`, as a context that closes what the run needs."""
        ...

    def row(self, trial: Trial, frame: Frame, *, tuned: bool) -> Row:
        """Return the figures of a run whose last frame is `frame`."""
        ...


class ComparingSession:
    """A Session that shows the current experiment, and starts the next when it has ended.

    Experiments run on its own thread, one at a time. Cancelling or draining one ends the comparison. `rows`
    grows as they end; the frame of the last one stays.
    """

    def __init__(self, runs: ExperimentRuns, experiments: Sequence[Experiment]) -> None:
        self._runs = runs
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
        """The number of the current experiment, counted from 1."""
        self.ending: Ending | None = None
        """How the last experiment ended."""
        self.crash: BaseException | None = None
        """The exception that broke the comparison, if any."""

    def start(self) -> None:
        """Start the first experiment; later calls do nothing."""
        with self._guard:
            if self._thread.ident is None and not self._stopped:
                self._thread.start()

    @property
    def alive(self) -> bool:
        """True while experiments run."""
        return self._thread.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until no experiment runs, at most `timeout_s` seconds. Return True if none does."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def frame(self, view: View) -> Frame:
        with self._guard:
            session, before = self._session, self._notices_before
            if self._new_stream:  # the front end still holds the stream of the previous experiment
                view = replace(view, stream=StreamView(job=view.stream.job))
                self._new_stream = session is None
        if session is None:
            return self._broken(Frame(run=self._not_begun()))
        frame = session.frame(replace(view, notices_after=view.notices_after - before))
        if frame.notices:
            shifted = tuple(replace(notice, serial=notice.serial + before) for notice in frame.notices)
            frame = replace(frame, notices=shifted)
        return self._broken(frame)

    def _not_begun(self) -> RunPart:
        jobs = self._runs.jobs
        return RunPart(name="compare", model=self._runs.model, jobs=jobs, queued=jobs)

    def _broken(self, frame: Frame) -> Frame:
        """Return the frame, marked as stopped if the comparison has crashed."""
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
        except BaseException as crash:  # noqa: BLE001 - the thread's one boundary: the caller of `join` reads `crash`
            self.crash = crash

    def _conduct(self, place: int, experiment: Experiment) -> None:
        title = f"compare {place}/{len(self._experiments)} · {experiment.what}"
        with self._runs.conduct(experiment, title) as trial:
            session = trial.session
            self._show(session, place)
            session.start()
            session.join()
        if session.crash is not None:
            raise session.crash
        self.ending = session.ending
        frame = session.frame(View(jobs=JobsView(height=0)))
        if frame.notices:  # all of them, also those that no front end has looked at yet
            self._notices = self._notices_before + frame.notices[-1].serial
        self.rows += (self._runs.row(trial, frame, tuned=self._tuned),)

    def _show(self, session: LocalSession, place: int) -> None:
        with self._guard:
            self._session, self.place = session, place
            self._new_stream, self._tuned = True, False
            self._notices_before = self._notices
            if self._stopped:
                session.command(commands.Cancel())
