"""KeptSession: a kept run as it was at its end, from its journal alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.builder import FrameBuilder
from llmdash.engine.frames.inspection import Inspector
from llmdash.engine.frames.job_texts import JobTexts
from llmdash.engine.frames.recorded_answers import RecordedAnswers
from llmdash.engine.frames.text_search import TextSearch
from llmdash.engine.journal.totals import Totals, totals_in
from llmdash.engine.model.amounts import share
from llmdash.engine.model.commands import Cancel, Command, Drain
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, Inspection, JobRow, RunPart
from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.engine.model.states import JobState, RunState, Severity
from llmdash.engine.model.view import StreamView, View
from llmdash.engine.pool.costs import NO_PRICES, CostSoFar, RunPrices, projected
from llmdash.engine.store.store import Store
from llmdash.prompts.source import PromptSource
from llmdash.reports.wording import resume_command
from llmdash.runs.facts import when
from llmdash.runs.kept_gauges import load_gauges
from llmdash.runs.kept_prompts import KeptPrompts, no_input
from llmdash.runs.kept_store import KeptJobs, load_jobs
from llmdash.runs.opened_run import KeptRequestOf, OpenedRun, no_request, open_run
from llmdash.runs.reading_thread import ReadingThread
from llmdash.sanitize import storable

__all__ = ["KeptSession"]

_LEAVING = (Cancel, Drain)


class KeptSession:
    """A session over the run in `folder`, whether or not it has ended; nothing is ever sent.

    Its jobs are read on a thread of its own; until they are, frames have the totals that the journal holds.
    `open_input` opens the input that the run was begun with, and `prices` are for tokens where the journal
    has no cost; `request_of` makes requests anew, to be copied. Raises JournalError if there is no sound
    journal.
    """

    allows_bad_lines = True
    ending = None

    def __init__(
        self,
        folder: Path,
        *,
        open_input: Callable[[], PromptSource] = no_input,
        prices: RunPrices = NO_PRICES,
        request_of: KeptRequestOf = no_request,
    ) -> None:
        self.folder = folder
        self._run = open_run(folder, open_input, prices, request_of)
        self._totals = totals_in(self._run.facts)
        self._moments = self._run.reader.moments()
        self._share = 0.0
        self._shown: _Shown | None = None
        self._waiting: list[Command] = []
        self._guard = threading.Lock()
        self._reading = ReadingThread(self._read, "llmdash-kept")

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
    def is_read(self) -> bool:
        """True once frames show every job; the journal is read from the first call on."""
        self.start()
        return self._shown is not None

    @property
    def alive(self) -> bool:
        """False: nothing is at work."""
        return False

    @property
    def crash(self) -> BaseException | None:
        """What broke the reading, if anything."""
        return self._reading.crash

    def frame(self, view: View) -> Frame:
        self.start()
        shown = self._shown
        if shown is None:
            return Frame(run=self._summary(), kept=True) if self.crash is None else EMPTY_FRAME
        return shown.frame(view)

    def command(self, command: Command) -> None:
        """Change nothing, but say how the run can go on, as soon as it is read."""
        with self._guard:
            if self._shown is None:
                self._waiting.append(command)
            else:
                self._answer(self._shown, command)

    def _answer(self, shown: _Shown, command: Command) -> None:
        if not isinstance(command, _LEAVING):
            shown.say(f"This run is kept, and not at work. Go on with it: {resume_command(self.folder)}")

    def _summary(self) -> RunPart:
        """Return the totals that are on record."""
        about, jobs = self._run.about, self._run.jobs
        totals = self._totals or Totals("stopped", 0.0, jobs)
        return RunPart(
            about.name,
            about.model,
            about.endpoint,
            about.keys,
            RunState.DONE if totals.ended >= jobs else RunState.STOPPED,
            self._reading.problem or f"reading the journal: {share(self._share, 0)}",
            elapsed_s=totals.elapsed_s,
            jobs=jobs,
            queued=max(0, jobs - totals.ended),
            done=totals.done,
            invalid=totals.invalid,
            failed=totals.failed,
            cancelled=totals.cancelled,
            attempts=totals.attempts,
            input_tokens=totals.input_tokens,
            output_tokens=totals.output_tokens,
            cost=totals.cost,
            cost_uncertain=totals.cost_uncertain,
        )

    def _read(self) -> None:
        run = self._run
        run.reader.check(run.jobs)
        shown = _Shown(run, load_jobs(run.reader, run.facts, run.jobs, self._note), self._moments)
        shown.look_up_in(run.prompts)
        with self._guard:
            for command in self._waiting:
                self._answer(shown, command)
            self._shown = shown
        run.prompts.load()
        shown.look_up_in(run.prompts)

    def _note(self, share: float) -> None:
        self._share = share


class _Shown:
    """What is shown of a kept run once it is read."""

    def __init__(self, run: OpenedRun, jobs: KeptJobs, moments: list[MomentRow]) -> None:
        self._reader, facts = run.reader, run.facts
        self._store = store = jobs.store
        store.streams.is_even = True  # answers are on record, their chunks are not
        self._recorded = RecordedAnswers(store, run.reader.result)
        self._last = jobs.last
        store.wall.restore(*when(facts, moments))
        gauges = load_gauges(run.reader, facts, moments, jobs.places, jobs.totals, run.about.batch_cost_of)
        totals, samples = totals_in(facts), run.reader.samples()
        self._cost = _cost_on_record(totals, samples)
        about = replace(run.about, keys=len(gauges.key_rows))
        self._inspector: Inspector | None = None
        self._request_of = run.requests(jobs.places)
        self._texts = JobTexts(run.prompts, run.reader, about.check)
        self._builder = FrameBuilder(
            about,
            store,
            gauges,
            lambda job: storable(jobs.ids[job]),
            self._inspect,
            texts=self._texts,
            search=lambda: TextSearch(store.columns, run.prompts, run.reader),
            attempts=run.reader.attempts,
        )
        self._status = _status(store, moments)

    def look_up_in(self, prompts: KeptPrompts) -> None:
        """Look prompts up here from now on."""
        self._inspector = Inspector(prompts, self._reader, self._store.streams, self._request_of)
        self._texts.forget()

    def say(self, words: str) -> None:
        """Show a notice."""
        self._store.apply(Noticed(Severity.INFORMATION, words))

    def frame(self, view: View) -> Frame:
        """Return a frame of the end."""
        self._show_answer(view.stream)
        frame = replace(self._builder.frame(view, self._status), kept=True)
        cost, uncertain = self._cost
        if cost is None:
            return frame
        run = frame.run
        whole = projected(cost, run.done + run.invalid + run.failed, run.jobs, uncertain)
        return replace(frame, run=replace(run, cost=cost, cost_uncertain=uncertain, cost_projected=whole))

    def _show_answer(self, view: StreamView) -> None:
        """Put the answer that the stream pane shows there: whole, since its chunks are not on record."""
        seen = view.seen_job if view.seen_job is not None else self._last
        shown = view.job if view.job is not None else seen
        self._recorded.show(shown)
        self._store.streams.newest = shown

    def _inspect(self, job: int, row: JobRow) -> Inspection | None:
        return self._inspector.inspect(job, row) if self._inspector is not None else None


def _status(store: Store, moments: list[MomentRow]) -> RunStatus:
    ended = [moment for moment in moments if moment.kind in ("begun", "ended")]
    why = ended[-1].value or "" if ended and ended[-1].kind == "ended" else ""
    if not store.columns.pending and not store.in_flight and _all_ended(store):
        return RunStatus(RunState.DONE, "every job has ended")
    if moments and not why:
        why = "its process ended without a word"
    return RunStatus(RunState.STOPPED, why)


def _all_ended(store: Store) -> bool:
    return sum(store.columns.counts[state] for state in JobState if state.ended) == store.columns.jobs


def _cost_on_record(totals: Totals | None, samples: Sequence[SampleRow]) -> CostSoFar:
    if totals is not None:
        return CostSoFar(totals.cost, totals.cost_uncertain)
    return CostSoFar(samples[-1].cost if samples else None)
