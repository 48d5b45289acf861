"""ReplaySession: a kept run that plays on the dashboard, from its journal alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.builder import FrameBuilder
from llmdash.engine.frames.inspection import Inspector
from llmdash.engine.frames.job_texts import JobTexts
from llmdash.engine.frames.text_search import TextSearch
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.amounts import share
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, Inspection, JobRow, Notice, ReplayPart, RunPart
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import JobState, RunState, Severity
from llmdash.engine.model.view import View
from llmdash.engine.pool.costs import NO_PRICES, RunPrices, projected
from llmdash.engine.store.history import sound_samples
from llmdash.engine.store.hosts import known_hosts
from llmdash.prompts.source import PromptSource
from llmdash.runs.facts import when
from llmdash.runs.kept_prompts import no_input
from llmdash.runs.opened_run import KeptRequestOf, OpenedRun, no_request, open_run
from llmdash.runs.reading_thread import ReadingThread
from llmdash.runs.replay.batches import BatchesAt
from llmdash.runs.replay.clock_steps import Steadied, steadied
from llmdash.runs.replay.figures import FiguresAt
from llmdash.runs.replay.gauges import GaugesAt
from llmdash.runs.replay.loading import Loaded, load
from llmdash.runs.replay.moments import MomentsAt
from llmdash.runs.replay.past import Past
from llmdash.runs.replay.player import Player
from llmdash.sanitize import storable

__all__ = ["ReplaySession"]

_NOTHING_SENT = "This is a replay: nothing is sent, and nothing changes"
_NOTICES = 200
_LEAVING = (commands.Cancel, commands.Drain)


class ReplaySession:
    """Plays the run in `folder`, from its beginning, at `speed`. `clock` is in seconds.

    Its journal is read on a thread of its own. `open_input` opens the input that the run was begun with,
    `prices` are for tokens where the journal has no cost, `request_of` makes requests anew. Raises
    JournalError if there is no journal.
    """

    allows_bad_lines = True
    ending = None

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        *,
        speed: float = 1.0,
        open_input: Callable[[], PromptSource] = no_input,
        prices: RunPrices = NO_PRICES,
        request_of: KeptRequestOf = no_request,
    ) -> None:
        self.folder = folder
        self._clock = clock
        self._speed = speed
        self._run = open_run(folder, open_input, prices, request_of)
        self._share = 0.0
        self._shown: _Shown | None = None
        self._waiting: list[commands.Command] = []
        self._guard = threading.Lock()
        self._reading = ReadingThread(self._read, "llmdash-replay")

    def start(self) -> None:
        """Begin to read; later calls do nothing."""
        self._reading.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Return True: there is nothing to wait for."""
        return True

    def loaded(self, timeout_s: float | None = None) -> bool:
        """Wait until everything is read, at most `timeout_s` seconds. Return True if it is."""
        return self._reading.ended(timeout_s)

    @property
    def alive(self) -> bool:
        """False: nothing is at work."""
        return False

    @property
    def crash(self) -> BaseException | None:
        """What broke the reading, if anything."""
        return self._reading.crash

    def position_of(self, at: float) -> float:
        """Return the position at the time `at`, in Unix seconds; 0 while the journal is read."""
        return self._shown.position_of(at) if self._shown is not None else 0.0

    def frame(self, view: View) -> Frame:
        self.start()
        if self._shown is not None:
            return self._shown.frame(view)
        return Frame(run=self._summary()) if self.crash is None else EMPTY_FRAME

    def command(self, command: commands.Command) -> None:
        """Move the replay: Seek, SetSpeed, Pause and Resume; of others a notice says that nothing is sent."""
        with self._guard:
            if self._shown is None:
                self._waiting.append(command)
                return
        self._shown.execute(command)

    def _summary(self) -> RunPart:
        """Return what is known before anything is read."""
        about, jobs = self._run.about, self._run.jobs
        detail = self._reading.problem or f"reading the journal: {share(self._share, 0)}"
        return RunPart(
            about.name, about.model, about.endpoint, about.keys, state_detail=detail, jobs=jobs, queued=jobs
        )

    def _read(self) -> None:
        run = self._run
        run.reader.check(run.jobs)
        moments = run.reader.moments()
        record = steadied(list(sound_samples(run.reader.samples())), moments)
        loaded = load(run.reader, run.jobs, record, self._note)
        player = Player(self._clock, loaded.timeline.length_s, self._speed)
        shown = _Shown(run, loaded, record, when(run.facts, moments), player)
        player.seek(0.0)  # to make what is shown takes time too
        with self._guard:  # so that none overtakes those that wait, and no frame comes before them
            for command in self._waiting:
                shown.execute(command)
            self._shown = shown
        run.prompts.load()
        shown.texts.forget()

    def _note(self, share: float) -> None:
        self._share = share


class _Shown:
    """What is shown of a run once it is read."""

    def __init__(
        self,
        run: OpenedRun,
        loaded: Loaded,
        record: Steadied,
        times: tuple[float | None, float | None],
        player: Player,
    ) -> None:
        facts, moments, samples = run.facts, record.moments, record.samples
        self._steps = record.steps
        self._axis = loaded.axis
        self._timeline = timeline = loaded.timeline
        self._estimated = loaded.estimated
        self._player = player
        self._moments = MomentsAt(moments, loaded.axis)
        self._why = next((row.value or "" for row in reversed(moments) if row.kind == "ended"), "")
        hosts = known_hosts(facts)
        timeline.is_streamed = run.about.is_streamed
        past = Past(samples, moments, loaded.axis)
        self._figures = figures = FiguresAt(run.reader, timeline, hosts, past)
        times_of = self.position_of, loaded.axis.time
        batches = BatchesAt(run.reader.batches.records(), timeline, *times_of, run.about.batch_cost_of)
        self._gauges = gauges = GaugesAt(
            facts,
            timeline,
            figures.columns,
            loaded.axis,
            self._moments,
            moments,
            samples,
            loaded.places,
            hosts,
            batches,
        )
        figures.wall.restore(*times)
        self._is_priced = any(row.cost is not None for row in samples)
        self._rows = _RowsAt(run.reader, loaded, figures)
        self._prompts = run.prompts
        self._request_of = run.requests(loaded.places)
        self._inspector = self._fresh_inspector()
        self._passed: set[int] = set()
        self._serial = 0
        self.texts = JobTexts(run.prompts, run.reader, run.about.check)
        """What the rows say of texts."""
        self._builder = FrameBuilder(
            run.about,
            figures,
            gauges,
            lambda job: storable(loaded.ids[job]),
            self._inspect,
            texts=self.texts,
            search=lambda: TextSearch(figures.columns, run.prompts, run.reader),
            attempts=self._rows.attempts,
        )

    def _fresh_inspector(self) -> Inspector:
        return Inspector(self._prompts, self._rows, self._figures.streams, self._request_of)

    def position_of(self, at: float) -> float:
        """Return the position at the time `at`, in Unix seconds."""
        return self._axis.position(self._steps.steady(at))

    def execute(self, command: commands.Command) -> None:
        """Move the replay, or say that nothing is sent."""
        with self._figures.lock:
            match command:
                case commands.Seek(position_s):
                    self._player.seek(position_s)
                    self._inspector = self._fresh_inspector()
                case commands.SetSpeed(times):
                    self._player.set_speed(times)
                case commands.Pause():
                    self._player.pause()
                case commands.Resume():
                    self._player.play()
                case _ if not isinstance(command, _LEAVING):
                    self._say(Severity.INFORMATION, _NOTHING_SENT)

    def frame(self, view: View) -> Frame:
        """Return a frame of where the replay is now."""
        with self._figures.lock:
            position = self._figures.columns.position = self._player.position()
            self._remember(position)
            frame = self._builder.frame(view, self._status(position))
            run = frame.run
            if self._is_priced:
                cost = self._gauges.cost
                whole = projected(cost, run.done + run.invalid + run.failed, run.jobs)
                run = replace(run, cost=cost, cost_projected=whole)
            part = ReplayPart(
                position,
                self._timeline.length_s,
                self._player.speed,
                self._player.playing,
                self._estimated,
            )
            return replace(frame, run=run, keys=self._gauges.keys(), replay=part)

    def _remember(self, position: float) -> None:
        """Show the notices of the last seconds, each once, however often they pass."""
        for number, severity, text in self._moments.notices(position):
            if number not in self._passed:
                self._passed.add(number)
                self._say(severity, text)

    def _say(self, severity: Severity, text: str) -> None:
        self._serial += 1
        self._figures.notices = (*self._figures.notices[-_NOTICES:], Notice(self._serial, severity, text))

    def _status(self, position: float) -> RunStatus:
        """Return the state of the run: as it is on record, and at the end as it was left."""
        if position >= self._timeline.length_s:
            counts = self._timeline.counts_at(position)
            ended = sum(counts[state] for state in JobState if state.ended)
            whole = ended == self._timeline.final.jobs
            return RunStatus(RunState.DONE if whole else RunState.STOPPED, self._why)
        said = self._moments.last("state", None, position)
        if said is None:
            return RunStatus(RunState.RUNNING)
        return RunStatus(RunState.__members__.get(said.word.upper(), RunState.RUNNING), said.detail)

    def _inspect(self, job: int, row: JobRow) -> Inspection | None:
        return self._inspector.inspect(job, row)


class _RowsAt:
    """The rows of a job as they were in the journal at the position."""

    def __init__(self, reader: JournalReader, loaded: Loaded, figures: FiguresAt) -> None:
        self._reader = reader
        self._timeline = loaded.timeline
        self._columns = figures.columns

    def result(self, job: int) -> ResultRow | None:
        if self._timeline.job_ended[job] > self._columns.position:
            return None
        return self._reader.result(job)

    def attempts(self, job: int) -> tuple[AttemptRecord, ...]:
        timeline, position = self._timeline, self._columns.position
        last = timeline.attempt_at(job, position)
        if last is None:
            return ()
        rows = tuple(row for row in self._reader.attempts(job) if row.attempt <= timeline.number[last])
        if rows and timeline.ended[last] > position:
            of, state = rows[-1], "sent" if rows[-1].batch is None else "batched"
            begun = AttemptRecord(*of[:3], state, of.sent_at, worker=of.worker, batch=of.batch)
            rows = (*rows[:-1], begun)
        return rows
