"""The experiments of a comparison as runs: the plan of each, its figures, and its front end."""

from __future__ import annotations

import hashlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from llmdash.compare.report import Row
from llmdash.compare.session import Asked, ComparingSession, Trial
from llmdash.compare.ways import Experiment
from llmdash.config import Settings
from llmdash.config.prices import Prices
from llmdash.crash import crash_report
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.amounts import parts_of
from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.engine.pool.member import Member
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.judgement import NO_JUDGEMENT, Judgement
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.results import ENDING_CODES
from llmdash.launch.run_folders import run_folder
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import PRACTICE, RunOrder
from llmdash.launch.shutdown import obeying_signals, stop, write_nowhere
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import Prompt, PromptSource, RequestBody
from llmdash.prompts.wrapped import WrappedSource
from llmdash.reports.progress import display_for, watch
from llmdash.reports.streams import can_draw_on
from llmdash.sanitize import storable
from llmdash.signals import Signals
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["Bench", "compare_headless", "practice", "show_comparison"]

_MOMENT_S: Final = 0.02
"""Seconds between two looks whether a first experiment has begun."""


def practice(latency: float) -> SimulatorSettings:
    """Return the simulator to compare on: three keys without limits, no faults, a mean `latency` in s."""
    return replace(PRACTICE, rpm=0.0, error_rate=0.0, latency=latency)


@dataclass(frozen=True, slots=True)
class Bench:
    """What the experiments share. Each is a run of its own, in `folder` or (None) with all other runs.

    With `practice` each also has its own simulator, so that all of them get the same answers and delays.
    """

    source: PromptSource
    given: Input
    settings: Settings
    folder: Path | None
    prices: Prices
    practice: SimulatorSettings | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those that go with each request."""
    judgement: Judgement = NO_JUDGEMENT
    """How answers are scored."""

    @property
    def jobs(self) -> int:
        return len(self.source)

    @property
    def model(self) -> str:
        return self.settings.model

    @contextmanager
    def conduct(self, experiment: Experiment, title: str) -> Iterator[Trial]:
        """Yield the experiment as a run with the name `title`; what it needs is closed at the end."""
        simulator = SimulatorProcess(self.practice) if self.practice is not None else None
        try:
            yield self._trial(experiment, title, simulator)
        finally:
            if simulator is not None:
                simulator.close()

    def _trial(self, experiment: Experiment, title: str, simulator: SimulatorProcess | None) -> Trial:
        settings = replace(
            self.settings,
            rate=experiment.rate,
            auto=False,
            concurrency=experiment.concurrency,
            reuse=None,  # what is compared is how requests are made
            dedupe=None,
        )
        source = self.source
        if experiment.model is not None:
            settings, source = replace(settings, model=experiment.model), _ForOneModel(source)
        place = self.folder / _folder_name(experiment.name) if self.folder is not None else None
        folder = run_folder(place, f"compare {experiment.name}")
        order = RunOrder(self.given, judgement=self.judgement)
        plan = make_plan(source, order, settings, folder, simulator, options=self.options)
        options = dict(plan.options)
        if experiment.model is not None:
            options["model"] = experiment.model  # goes before the models of the endpoints
        asked: dict[str, Asked] = {}
        facts = plan.facts
        keys = facts.keys if experiment.keys is None else min(facts.keys, experiment.keys)
        plan = replace(
            plan,
            connect=_with_keys(plan.connect, experiment.keys, asked, options.get("model")),
            more_keys=_noting(plan.more_keys, asked) if experiment.keys is None else tuple,
            facts=replace(facts, name=title, keys=keys, model=experiment.model or facts.model),
            notes={**plan.notes, "title": _kept_as(source, experiment)},
            options=options,
        )
        return Trial(experiment, LocalSession(plan), source, asked)

    def row(self, trial: Trial, frame: Frame, *, tuned: bool) -> Row:
        """Return the figures of a trial whose last frame is `frame`."""
        experiment = trial.experiment
        calls = _Calls(trial)
        return Row(
            name=experiment.name,
            what=experiment.what,
            concurrency=experiment.concurrency,
            rate=experiment.rate,
            run=frame.run,
            slowest_s=max(calls.latencies, default=None),
            calls_s=sum(calls.latencies),
            cost=calls.cost(self.prices),
            tuned=tuned,
            folder=trial.session.folder,
        )


def _kept_as(source: PromptSource, experiment: Experiment) -> str | None:
    """What the run is called where it is kept: by its way, as those of other ways differ in nothing else."""
    return None if experiment.model is not None else storable(f"{source.name} {experiment.name}")


def _folder_name(name: str) -> str:
    """Return a unique folder name for an experiment, whose name may be that of a model."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return stem if stem == name else f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _with_keys(
    connect: Callable[[], AbstractAsyncContextManager[Sequence[Member]]],
    keys: int | None,
    asked: dict[str, Asked],
    model: str | None,
) -> Callable[[], AbstractAsyncContextManager[Sequence[Member]]]:
    """Return `connect` limited to its first `keys` keys; the model and address of each go into `asked`.

    Every key is asked for the `model` of an experiment.
    """

    @asynccontextmanager
    async def connected() -> AsyncIterator[Sequence[Member]]:
        async with connect() as members:
            chosen = members[:keys]
            for member in chosen:
                member.models = member.models if model is None else None
            _note(chosen, asked)
            yield chosen

    return connected


def _noting(
    more_keys: Callable[[], Sequence[Member]], asked: dict[str, Asked]
) -> Callable[[], Sequence[Member]]:
    """Return `more_keys` that also puts the model and address of each key into `asked`."""

    def joined() -> Sequence[Member]:
        members = more_keys()
        _note(members, asked)
        return members

    return joined


def _note(members: Iterable[Member], asked: dict[str, Asked]) -> None:
    asked.update(
        {member.label: Asked(member.llm.model, getattr(member.llm, "url", None)) for member in members}
    )


class _ForOneModel(WrappedSource):
    """A source without the models that its prompts name."""

    @property
    def options(self) -> Mapping[str, Any]:
        return _without_model(self.source.options)

    def prompt(self, index: int) -> Prompt:
        prompt = self.source.prompt(index)
        if "model" not in prompt.options:
            return prompt
        body = prompt.body and RequestBody(prompt.body.wire, _without_model(prompt.body.fields))
        return replace(prompt, options=_without_model(prompt.options), body=body)


def _without_model(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in options.items() if name != "model"}


class _Calls:
    """Figures from the journal of a trial: the latency of each answered call in seconds, and the cost."""

    def __init__(self, trial: Trial) -> None:
        self._asked = trial.asked
        self._reader = JournalReader(trial.session.folder)
        self.latencies = [
            row.latency_s
            for row in self._reader.ended()
            if row.state in ("done", "invalid") and row.latency_s is not None
        ]

    def cost(self, prices: Prices) -> float | None:
        """Return the dollars for all attempts; None if any part has no price, or no tokens are known."""
        spent = [
            (self._asked[key], model, tokens, parts_of(tokens[0], long))
            for key, model, tokens, long in self._reader.sums.spent()
            if key in self._asked and any(tokens)
        ]
        costs = [
            prices.cost(model or who.model, tokens, who.url, parts=parts)
            for who, model, tokens, parts in spent
        ]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None


def compare_headless(session: ComparingSession) -> int:
    """Run the experiments with progress on standard error. Return the exit code.

    A crash of the session is raised.
    """
    with obeying_signals(session) as signals:
        session.start()
        while session.alive:
            if session.place:
                _watch_one(session)
            else:
                session.join(_MOMENT_S)  # there is nothing of a first experiment to tell yet
        session.join()
    return of_signal(signals.received[0]) if signals.received else _exit_code(session)


def _watch_one(session: ComparingSession) -> None:
    """Show the current experiment until the next one starts."""
    display = display_for(sys.stderr, tty=can_draw_on(sys.stderr))
    shown = _OneExperiment(session)
    watch(shown, display, until=lambda _frame: shown.is_over)


class _OneExperiment:
    """The current experiment as a session of its own, whose last frame has its final counts."""

    def __init__(self, session: ComparingSession) -> None:
        self._session = session
        self._place = session.place
        self.is_over = False
        """True once the last frame was returned."""

    def frame(self, view: View) -> Frame:
        self.is_over = not self._session.alive  # before the look, which then is the last
        frame = self._session.frame(view)
        if self._session.place == self._place:
            return frame
        self.is_over = True
        ended = self._session.rows[: self._place]
        return Frame(run=ended[-1].run) if ended else frame  # what is told of the next is told with the next

    def command(self, command: Command) -> None:
        self._session.command(command)


def show_comparison(session: ComparingSession, settings: Settings, *, paid: bool) -> int:
    """Open the dashboard on the experiments; quitting it ends them. Return the exit code.

    A crash of the session is raised.
    """
    from llmdash.launch.dashboard import open_dashboard

    with Signals() as signals:
        closed = open_dashboard(session, settings, signals, fault=lambda: session.crash)
        if closed.by == signal.SIGHUP or not closed.reads:
            write_nowhere()
        stop(session, signals, left_by=closed.by, paid=paid)
        session.start()  # if the dashboard was closed before the first frame, it was not started yet
        session.join()
    if session.crash is not None and not closed.faulty:
        sys.stderr.write(crash_report(session.crash, settings.redactor.redact) + "\n")
    return closed.code or _exit_code(session)


def _exit_code(session: ComparingSession) -> int:
    if session.crash is not None:
        raise session.crash
    if session.ending in ENDING_CODES:
        return ENDING_CODES[session.ending]
    return ExitCode.FAILED if any(row.run.failed for row in session.rows) else ExitCode.DONE
