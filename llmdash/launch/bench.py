"""A bench as a run: its plan, and who steps its concurrency up until it does harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from llmdash.bench.figures import StepFigures, TimedCall, measure
from llmdash.bench.ladder import ladder, requests_of
from llmdash.bench.verdict import BenchResult, Stop, harm_in
from llmdash.config import Settings
from llmdash.config.prices import load_prices
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Drain, SetConcurrency
from llmdash.engine.model.forecast import ForecastPart
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import Binding
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import of_signal
from llmdash.launch.earlier import earlier_answers
from llmdash.launch.forecast import forecast_of
from llmdash.launch.inputs import open_input, show_input
from llmdash.launch.llm_factory import require_usable
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.request_options import options_of, with_model_of
from llmdash.launch.results import ENDING_CODES
from llmdash.launch.run_folders import NewFolder
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.launch.shutdown import obeying_signals
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import InputError, Prompt, PromptSource
from llmdash.prompts.wrapped import WrappedSource
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["BenchOutcome", "BenchRun", "opened_bench"]

_LOOK_S = 0.02
_MOST = 512
"""The most requests in flight, where none are asked for."""
_VIEW = View(jobs=JobsView(height=0))
_HELD_BACK_S = 2.0
"""Seconds for which the keys wait, as the server's headers ask for, until that is what stops the bench."""
_ONCE = RetryPolicy(retries=0, billed_retries=0)
"""A bench sends no request twice, so that it sends no more than it may."""


@dataclass(frozen=True, slots=True)
class BenchOutcome:
    """What came of a bench: the steps and why it stopped, and the last frame of its run.

    Where the run was ended by something else, `code` is the exit code for it and `why` says what; else 0 and
    empty.
    """

    bench: BenchResult
    frame: Frame
    code: int = 0
    why: str = ""


@dataclass(frozen=True)
class BenchRun:
    """A bench that can be started: nothing is kept or sent before `climb`. `most` are requests in flight."""

    begin: Callable[[], LocalSession]
    forecast: ForecastPart
    most: int
    requests: int

    @cached_property
    def session(self) -> LocalSession:
        """The session of its run, which is kept from now on."""
        return self.begin()

    def climb(self, tell: Callable[[StepFigures], None]) -> BenchOutcome:
        """Take the steps, `tell` of each that has ended, and end the run. Raises what broke it."""
        session = self.session
        with obeying_signals(session) as signals:
            session.start()
            bench = self._climbed(tell)
            session.command(Drain())
            session.join()
        if session.crash is not None:
            raise session.crash
        frame, ending = session.frame(_VIEW), session.ending
        if signals.received:
            return BenchOutcome(bench, frame, of_signal(signals.received[0]))
        if bench.stop is Stop.STOPPED and ending in ENDING_CODES:
            return BenchOutcome(bench, frame, ENDING_CODES[ending], ending.value)
        return BenchOutcome(bench, frame)

    def _climbed(self, tell: Callable[[StepFigures], None]) -> BenchResult:
        steps: list[StepFigures] = []
        for concurrency in ladder(self.most, self.requests):
            step, stop = self._step(concurrency)
            if step.requests:
                stop = stop if stop is Stop.LIMIT else harm_in(step, steps) or stop
                steps.append(step)
                tell(step)
            if stop is not None:
                return BenchResult(tuple(steps), stop)
        reached = bool(steps) and steps[-1].concurrency >= self.most
        return BenchResult(tuple(steps), Stop.CONCURRENCY if reached else Stop.REQUESTS)

    def _step(self, concurrency: int) -> tuple[StepFigures, Stop | None]:
        """Keep `concurrency` requests in flight until enough have ended, or one was refused."""
        session = self.session
        before = session.frame(_VIEW)
        session.command(SetConcurrency(concurrency))
        begun_at, enough = time.time(), before.run.ended + requests_of(concurrency)
        flows_at = time.monotonic()
        while True:
            alive, frame = session.alive, session.frame(_VIEW)
            refused = _refused(frame) - _refused(before)
            errors = frame.run.failed - before.run.failed
            if refused or frame.run.ended >= enough or frame.run.hold is not None or not alive:
                break
            if frame.rate.binding is not Binding.KEYS:
                flows_at = time.monotonic()
            elif time.monotonic() - flows_at > _HELD_BACK_S:
                break
            session.join(_LOOK_S)
        calls = [call for call in _calls(session.folder) if call.ended_at >= begun_at]
        figures = measure(concurrency, calls, begun_at, refused=refused, errors=errors)
        if not refused and frame.rate.binding is Binding.KEYS and frame.run.ended < enough:
            return figures, Stop.LIMIT
        return figures, _why_ended(frame, alive=alive)


def _why_ended(frame: Frame, *, alive: bool) -> Stop | None:
    if frame.run.hold is not None:
        return Stop.BUDGET
    if frame.run.state.ended or not alive:
        return Stop.REQUESTS if frame.run.ended == frame.run.jobs else Stop.STOPPED
    return None


def _refused(frame: Frame) -> int:
    return sum(key.throttled for key in frame.keys)


def _calls(folder: Path) -> Iterator[TimedCall]:
    for row in JournalReader(folder).ended():
        if row.ended_at is not None:
            answered = row.state in ("done", "invalid")
            yield TimedCall(row.ended_at, row.latency_s if answered else None, row.output_tokens or 0)


@contextmanager
def opened_bench(
    given: Input,
    settings: Settings,
    asked: Mapping[str, Any],
    *,
    requests: int,
    run_dir: Path | None,
    practice: SimulatorSettings | None,
) -> Iterator[BenchRun]:
    """Yield the bench over the prompts of `given`, with at most `requests` requests; nothing is sent yet.

    Raises ConfigError, InputError, StorageError, SimulatorError; then no folder is left.
    """
    if practice is None:
        require_usable(settings)
    with NewFolder(run_dir) as place:
        source = _shown(given, settings)
        source, settings = with_model_of(source, settings, asked, simulated=practice is not None)
        source, settings = _Repeated(source, requests), _for_bench(settings)
        forecast = forecast_of(
            source, settings, load_prices(), spends=practice is None, earlier=earlier_answers(settings.model)
        )
        folder = place.make("bench")
        simulator = SimulatorProcess(practice) if practice is not None else None
        try:
            plan = make_plan(
                source,
                RunOrder(replace(given, limit=requests)),
                settings,
                folder,
                simulator,
                options=options_of(source, settings, asked),
            )
            plan = replace(plan, concurrency=1, policy=_ONCE, facts=replace(plan.facts, name="bench"))
            yield BenchRun(lambda: _begun(plan, place), forecast, settings.concurrency, requests)
        finally:
            if simulator is not None:
                simulator.close()
            place.withdraw()


def _begun(plan: RunPlan, place: NewFolder) -> LocalSession:
    session = LocalSession(plan)
    place.remember()
    return session


def _shown(given: Input, settings: Settings) -> PromptSource:
    """Open the prompts, and show what is wrong with them. Raises InputError, also where there is none."""
    source = open_input(replace(given, limit=settings.limit or given.limit), settings.wires)
    show_input(source, strict=False)
    if not len(source):
        raise InputError(f"{source.name}: there is no prompt in it")
    return source


def _for_bench(settings: Settings) -> Settings:
    """Return settings with which nothing but what was asked for bounds the requests, and none is spared."""
    return replace(
        settings,
        concurrency=settings.concurrency if settings.concurrency_given else _MOST,
        rate=settings.rate if settings.rate_given else None,
        auto=False,
        reuse=None,
        dedupe=None,
    )


class _Repeated(WrappedSource):
    """The prompts of a source over and over, `count` in all."""

    def __init__(self, source: PromptSource, count: int) -> None:
        super().__init__(source)
        self._count = count

    def __len__(self) -> int:
        return self._count

    def id(self, index: int) -> str:
        times, at = divmod(index, len(self.source))
        return self.source.id(at) if not times else f"{self.source.id(at)}-{times + 1}"

    def prompt(self, index: int) -> Prompt:
        return replace(self.source.prompt(index % len(self.source)), id=self.id(index))
