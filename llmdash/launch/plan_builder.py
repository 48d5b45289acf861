"""Builds the plan of a run, the same way for the command line, the start screen, the demo, a resume and a
comparison.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from llmdash import locations
from llmdash.config import Settings
from llmdash.config.prices import load_prices
from llmdash.engine.frames.builder import RunFacts
from llmdash.engine.journal.file import StorageError
from llmdash.engine.plan import RunPlan
from llmdash.launch.inputs import Input, earlier_run, open_input, spool
from llmdash.launch.judgement import NO_JUDGEMENT, Judgement
from llmdash.launch.limits import shared_rates
from llmdash.launch.llm_factory import require_usable
from llmdash.launch.pool_builder import PoolBuilder, pool_plan
from llmdash.launch.request_options import options_of, with_model_of
from llmdash.launch.results import check_output
from llmdash.launch.resuming import decision_notes, last_limits, refuse_changes
from llmdash.launch.workers import NO_WORKERS, WorkersOrder, workforce
from llmdash.llms.dialects import DIALECTS
from llmdash.prompts.source import PromptSource
from llmdash.reports.export.live import LiveResults, can_be_live
from llmdash.sanitize import storable
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

__all__ = [
    "DEMO_RATE",
    "PRACTICE",
    "PreparedRun",
    "RunOrder",
    "make_plan",
    "practice_settings",
    "prepare",
    "private_folder",
    "run_folder",
    "wires_of",
]

PRACTICE = SimulatorSettings(
    keys=("sim-practice-key-0001-7c41", "sim-practice-key-0002-a9e3", "sim-practice-key-0003-2fd8"),
    rpm=600,
    latency=1.2,
    error_rate=0.01,
    wrong_rate=0.03,
)
"""The simulator to practise on: three keys of 600 requests a minute each, with realistic faults."""

DEMO_RATE = 20.0


def _accept(_source: PromptSource) -> None:
    """Ignore how the input was read, and the lines that were left out."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What to run.

    `asked` holds the settings given on the command line: they go before those of the prompt file. Without
    `overwrite` a file at `out` that holds something else than results of this run is refused. A resume with
    other settings than those of the run is refused unless `changed`; rate and concurrency are as they were
    last set, but for those in `flags`, the command line of now. With `reasoning` the results have what the
    models thought. `stdin` is read where the input is `-`. `accept` is shown the prompts, before anything is
    made, and may raise InputError.
    """

    given: Input
    asked: Mapping[str, Any] = field(default_factory=dict)
    run_dir: Path | None = None
    resume: bool = False
    retry_failed: bool = False
    changed: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    practice: SimulatorSettings | None = None
    stay: bool = False
    out: Path | None = None
    overwrite: bool = False
    reasoning: bool = False
    judgement: Judgement = field(default_factory=Judgement)
    stdin: BinaryIO | None = None
    accept: Callable[[PromptSource], None] = _accept
    workers: WorkersOrder = NO_WORKERS


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that can be started, and its simulator, if any; as a context it closes the simulator."""

    plan: RunPlan
    simulator: SimulatorProcess | None = None
    out: Path | None = None
    """Where its results go: what is asked for, else what a resume restores."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.simulator is not None:
            self.simulator.close()


def prepare(order: RunOrder, settings: Settings) -> PreparedRun:
    """Open the input, make the folder and return the plan of a run; nothing is sent.

    Raises ConfigError, InputError or TakenError for what cannot be used, JournalError where there is nothing
    to resume, StorageError where the run cannot be kept, SimulatorError.
    """
    given, practice, folder = replace(order.given, limit=settings.limit), order.practice, None
    facts: Mapping[str, Any] = {}
    if order.resume:
        folder, given, facts = earlier_run(order.run_dir, given)
        practice = practice_settings(facts) or practice
        settings = replace(settings, **last_limits(facts, settings, order.flags))
    judgement = order.judgement.or_as_in(facts)
    out = order.out
    if out is None and facts.get("out"):
        out = locations.from_record(facts["out"])
    if out is not None:
        check_output(out, given.path, facts, overwrite=order.overwrite)
    order.workers.check()
    if practice is None:
        require_usable(settings)
    if not order.resume and order.stdin is not None and str(given.path) == "-":
        folder = run_folder(order.run_dir, "stdin")
        given = replace(given, path=spool(order.stdin, folder))
    source = open_input(given, wires_of(settings))
    order.accept(source)
    source, settings = with_model_of(source, settings, order.asked, simulated=practice is not None)
    if order.resume and not order.changed:
        refuse_changes(facts, decision_notes(source, settings, order.asked))
    folder = folder or run_folder(order.run_dir, source.name)
    simulator = SimulatorProcess(practice) if practice is not None else None
    try:
        plan = make_plan(
            source,
            given,
            settings,
            folder,
            simulator,
            resume=order.resume,
            retry_failed=order.retry_failed,
            stay=order.stay,
            out=out,
            reasoning=order.reasoning or bool(facts.get("reasoning")),
            options=options_of(source, settings, order.asked),
            asked=order.asked,
            judgement=judgement,
            workers=order.workers,
        )
        if order.resume:
            plan = replace(plan, begun_with=_begun_with(given, facts, settings))
    except BaseException:
        if simulator is not None:
            simulator.close()
        raise
    return PreparedRun(plan, simulator, out)


def run_folder(folder: Path | None, name: str) -> Path:
    """Make and return the folder of a new run: the one named, or a new one in the data directory.

    Raises StorageError where it cannot be made.
    """
    return _kept(
        lambda: locations.private_dir(folder) if folder else locations.new_run_dir(name, datetime.now())
    )


def private_folder(folder: Path) -> Path:
    """Return `folder`, made if needed. Raises StorageError if it cannot be made."""
    return _kept(lambda: locations.private_dir(folder))


def _kept(make: Callable[[], Path]) -> Path:
    try:
        return make()
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
        raise StorageError(f"the run cannot be kept: {why}; name another folder with --run-dir") from None


def _begun_with(given: Input, facts: Mapping[str, Any], settings: Settings) -> str | None:
    """The fingerprint of the input to the limit that the run had before; None if the limit is the same."""
    limit = facts.get("limit")
    if limit == given.limit:
        return None
    return open_input(replace(given, limit=limit), wires_of(settings)).fingerprint


def practice_settings(facts: Mapping[str, Any]) -> SimulatorSettings | None:
    """Return the settings of the simulator that an earlier run used, if any."""
    stored = facts.get("simulator")
    if not stored:
        return None
    values = json.loads(stored)
    return SimulatorSettings(**{**values, "keys": tuple(values["keys"])})


def wires_of(settings: Settings) -> frozenset[str]:
    """Return the wire formats of the endpoints; none if one of them has no format that is known here."""
    wires = {DIALECTS[endpoint.dialect].wire for endpoint in settings.endpoints}
    return frozenset() if "" in wires else frozenset(wires)


def make_plan(
    source: PromptSource,
    given: Input,
    settings: Settings,
    folder: Path,
    simulator: SimulatorProcess | None,
    *,
    resume: bool = False,
    retry_failed: bool = False,
    stay: bool = False,
    out: Path | None = None,
    reasoning: bool = False,
    options: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
    judgement: Judgement = NO_JUDGEMENT,
    workers: WorkersOrder = NO_WORKERS,
) -> RunPlan:
    """Return the plan of a run over `source`, whose `options` go with each request; by default its own.

    `asked` are the settings of the command line, which the journal records; `judgement` says what an answer
    has to be.

    With a `simulator` its keys are used, else those of the settings, and those added to `.env` meanwhile.
    Results are appended to `out` as they arrive, if its format can be appended to; with `reasoning` they have
    what the models thought.
    """
    pool = pool_plan(settings, simulator)
    hired = workforce(workers, settings)
    shares = shared_rates(
        pool.endpoints, settings.limits, source.name, hired.leases if hired is not None else None
    )
    builder = PoolBuilder(pool, settings, load_prices(), judgement.options, shares)
    notes = {
        **given.notes(),
        "out": locations.recorded(out) if out is not None else None,
        "reasoning": int(reasoning) or None,
        "name": storable(source.name),
        **builder.notes(),
        "endpoint": pool.name,
        "rate": json.dumps(settings.rate),
        "simulator": json.dumps(dataclasses.asdict(simulator.settings)) if simulator else None,
        "begun_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        **decision_notes(source, settings, asked or {}),
        **judgement.notes(),
    }
    own = options_of(source, settings, {}) if options is None else options
    plan = RunPlan(
        source=judgement.over(source),
        connect=builder.connect,
        more_keys=builder.more,
        key_notes=builder.notes,
        folder=folder,
        facts=RunFacts(source.name, pool.model, pool.name, len(builder), builder.cost, source.left_out),
        allow_bad_lines=given.allow_bad_lines,
        rate=settings.rate,
        concurrency=settings.concurrency,
        options=own,
        rules=judgement.rules(),
        wider_options=settings.run_options,
        notes=notes,
        resume=resume,
        retry_failed=retry_failed,
        stay=stay,
        live=LiveResults(out, folder, reasoning=reasoning) if out is not None and can_be_live(out) else None,
    )
    if hired is None:
        return plan
    return hired.put_to_work(plan, builder.recipes.__getitem__, practice=simulator is not None)
