"""Prepares a run: finds its input and its folder, or those of the run that is gone on with, and plans it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmdash import locations
from llmdash.config import ConfigError, Settings
from llmdash.engine.journal.file import JournalFile
from llmdash.engine.plan import RunPlan
from llmdash.launch.batching import is_batch_only, restored_terms
from llmdash.launch.bounds import has_trial, with_trial
from llmdash.launch.inputs import check_there, earlier_run, open_input, show_input, spool
from llmdash.launch.keeping import as_begun, check_keeping
from llmdash.launch.llm_factory import require_usable
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.request_options import options_of, with_model_of
from llmdash.launch.results import check_output
from llmdash.launch.resuming import decision_notes, last_limits, practice_settings, refuse_changes
from llmdash.launch.reusing import with_folders
from llmdash.launch.run_folders import NewFolder
from llmdash.launch.run_order import RunOrder
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import PromptSource
from llmdash.reports.export import claimed
from llmdash.runs.known import remember
from llmdash.runs.reading import begun_at
from llmdash.simulator.process import SimulatorProcess

__all__ = ["PreparedRun", "prepare"]


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that can be started, and its simulator, if any; as a context it closes what is `held` for it, and
    leaves no folder where the run has not begun.
    """

    plan: RunPlan
    simulator: SimulatorProcess | None = None
    out: Path | None = None
    """Where its results go: what is asked for, else what a resume restores."""
    place: NewFolder | None = None
    """The folder that was made for it."""
    held: ExitStack = field(default_factory=ExitStack)
    """What is open for it: the simulator, and the claim on its results file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held.close()
        if self.place is not None:
            self.place.withdraw()


def prepare(order: RunOrder, settings: Settings) -> PreparedRun:
    """Open the input, make the folder and return the plan of a run; nothing is sent. How the input is read is
    written to standard error.

    Raises ConfigError, InputError or TakenError for what cannot be used, JournalError where there is nothing
    to resume, StorageError where the run cannot be kept, SimulatorError; then no folder is left.
    """
    with NewFolder(order.run_dir) as place:
        prepared = _prepared(order, settings, place)
    place.remember()
    return prepared


def _prepared(order: RunOrder, settings: Settings, place: NewFolder) -> PreparedRun:
    known = _restored(order, settings) if order.resume else _asked_for(order, settings)
    _check(known)
    known = _spooled(known, place)
    source = open_input(known.order.given, known.settings.wires)
    show_input(source, strict=order.strict)
    simulated = known.order.practice is not None
    source, settings = with_model_of(source, known.settings, order.asked, simulated=simulated)
    if order.resume and not order.changed:
        notes = {**decision_notes(source, settings, order.asked), **known.order.judgement.notes()}
        refuse_changes(known.facts, notes)
    folder = known.folder or place.make(source.name)
    with ExitStack() as begun:
        _claim(known, folder, begun)
        practice = known.order.practice
        simulator = begun.enter_context(SimulatorProcess(practice)) if practice is not None else None
        plan = _planned(known, source, settings, folder, simulator)
        return PreparedRun(plan, simulator, known.order.out, place, begun.pop_all())


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a run before its input is read: the order and the settings, both with what a resume
    restores; the folder, where there is one; and the facts of the earlier start, if any.
    """

    order: RunOrder
    settings: Settings
    folder: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def _asked_for(order: RunOrder, settings: Settings) -> _Known:
    if order.run_dir is not None:
        JournalFile.check_free(order.run_dir)
    given = replace(order.given, limit=settings.limit)
    return _Known(replace(order, given=given), with_folders(settings, {}, order.flags))


def _restored(order: RunOrder, settings: Settings) -> _Known:
    """Find the run to go on with. Raises JournalError if there is none, InputError, ConfigError.

    What has no effect on it is written to standard error.
    """
    folder, given, facts = earlier_run(order.run_dir, replace(order.given, limit=settings.limit))
    practice = practice_settings(facts)
    if practice is None and order.practice is not None:
        raise ConfigError("this run was not begun with --simulate; leave it out, or begin a new run")
    if order.release and not has_trial(facts) and not is_batch_only(facts):
        sys.stderr.write("llmdash: --release has no effect: nothing holds this run that it would release\n")
    remember(folder, begun_at(facts) or 0.0)
    settings = replace(
        settings,
        **last_limits(facts, settings, order.flags),
        kept=as_begun(settings.kept, facts, given, order.flags.get("keep"), order.out),
    )
    recorded = facts.get("out")
    order = replace(
        order,
        given=given,
        practice=practice,
        judgement=order.judgement.or_as_in(facts),
        out=order.out or (locations.from_record(recorded) if recorded else None),
        reasoning=order.reasoning or bool(facts.get("reasoning")),
        batch=restored_terms(order.batch, facts, releases=order.release and not has_trial(facts)),
    )
    return _Known(order, with_folders(settings, facts, order.flags), folder, facts)


def _check(known: _Known) -> None:
    """Raise ConfigError or TakenError for what cannot be used, before anything is read or made."""
    order, settings = known.order, known.settings
    order.judgement.check_complete()
    if order.out is not None:
        check_output(order.out, order.given.path, known.facts, overwrite=order.overwrite)
    check_keeping(settings.kept, order.given, order.out)
    order.workers.check()
    if order.practice is None:
        check_there(order.given)  # first: a mistyped name is no matter of keys
        require_usable(settings)


def _claim(known: _Known, folder: Path, begun: ExitStack) -> None:
    """Keep the results file for this run alone. Raises TakenError."""
    order = known.order
    if order.out is not None:
        begun.enter_context(claimed(order.out, folder))
        check_output(order.out, order.given.path, known.facts, overwrite=order.overwrite)  # it may be new


def _spooled(known: _Known, place: NewFolder) -> _Known:
    """Copy the input into a new folder where it is standard input, which can be read only once."""
    order = known.order
    if order.resume or not order.stdin or str(order.given.path) != "-":
        return known
    folder = place.make("stdin")
    given = replace(order.given, path=spool(sys.stdin.buffer, folder), is_spooled=True)
    return replace(known, order=replace(order, given=given), folder=folder)


def _planned(
    known: _Known,
    source: PromptSource,
    settings: Settings,
    folder: Path,
    simulator: SimulatorProcess | None,
) -> RunPlan:
    order, facts = known.order, known.facts
    own = options_of(source, settings, order.asked)
    plan = make_plan(source, order, settings, folder, simulator, options=own)
    if order.resume:
        plan = replace(plan, begun_with=_begun_with(known, settings))
    return with_trial(plan, order.trial, facts, release=order.release)


def _begun_with(known: _Known, settings: Settings) -> str | None:
    """The fingerprint of the input to the limit that the run had before; None if the limit is the same."""
    given, limit = known.order.given, known.facts.get("limit")
    if limit == given.limit:
        return None
    return open_input(replace(given, limit=limit), settings.wires).fingerprint
