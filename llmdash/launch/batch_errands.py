"""What the user does with the batches of a run from outside: collects, cancels, adopts.

Where a process works on the run, that process does it; where none does, the run is opened for that alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from llmdash.config import ConfigError, Settings
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.lock import LockedError, holder_of
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchErrand
from llmdash.engine.model.commands import AdoptBatch, BringBack, Command
from llmdash.engine.model.counts import listed
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState
from llmdash.launch.control import Action, ActionOutcome, steer
from llmdash.launch.headless import run_headless
from llmdash.launch.preparing import prepare
from llmdash.launch.resuming import ResumedFlags
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import PRACTICE, RunOrder
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import InputError
from llmdash.reports.batches import way_on_of_held
from llmdash.reports.wording import attach_command

__all__ = [
    "HINDRANCES",
    "BatchWish",
    "adopting",
    "cancelling",
    "carry_out",
    "collecting",
    "is_at_work",
    "tell",
]

HINDRANCES = (ConfigError, InputError, JournalError)
"""What may hinder a run from being opened, but for a process that works on it."""


@dataclass(frozen=True, slots=True)
class BatchWish:
    """What is wanted of the batches of the run in `folder`: as an errand for a run that nobody works on, and
    as actions, by what they are called, for the process that works on it.
    """

    folder: Path
    errand: BatchErrand
    actions: Mapping[str, Action] = field(default_factory=dict)


def collecting(folder: Path, *, waits: bool = False) -> BatchWish:
    """Return the wish to fetch what is ready; with `waits` everything that is out."""
    return BatchWish(folder, BatchErrand(waits=waits))


def cancelling(folder: Path, number: int | None = None) -> BatchWish:
    """Return the wish to bring a batch back, or all that are open. Raises ConfigError where there is none."""
    found = _open_batches(folder)
    chosen = found if number is None else [_named(folder, found, number)]
    if not chosen:
        raise ConfigError(f"{folder}: no batch of this run is open")
    for each in chosen if number is not None else ():
        if each.state == BatchState.HELD.value and each.provider_id is None:
            way_on = way_on_of_held(each.batch, folder, lacks_id=True)
            raise ConfigError(f"batch {number} is held: {each.detail}; {way_on}")
    actions = {f"cancel batch {each.batch}": _action(BringBack(each.batch), each.batch) for each in chosen}
    return BatchWish(folder, BatchErrand(cancels=tuple(each.batch for each in chosen)), actions)


def adopting(folder: Path, number: int, provider_id: str) -> BatchWish:
    """Return the wish to take the provider's batch of an id for one of the run. Raises ConfigError where that
    one is known already, or not open.
    """
    batch = _named(folder, _open_batches(folder), number)
    if batch.provider_id is not None:
        raise ConfigError(f"batch {number} is {batch.provider_id} at the provider; there is nothing to adopt")
    action = _action(AdoptBatch(number, provider_id), number)
    return BatchWish(folder, BatchErrand(adopts=(number, provider_id)), {f"adopt batch {number}": action})


def is_at_work(folder: Path) -> bool:
    """True if a process works on the run."""
    return holder_of(folder) is not None


def tell(wish: BatchWish) -> Iterator[tuple[str, ActionOutcome]]:
    """Have the process that works on the run do what is wanted; yield what came of each action.

    Raises NotRunningError where it does not answer, LockedError where there is nothing to tell it.
    """
    if not wish.actions:
        process = f"process {holder_of(wish.folder)} works on this run, and collects what comes back"
        raise LockedError(f"{process}; watch it: {attach_command(wish.folder)}")
    for name, action in wish.actions.items():
        yield name, steer(wish.folder, action)


def carry_out(wish: BatchWish, resumed: ResumedFlags, settings: Settings, *, json: bool) -> int:
    """Do what is wanted of a run that nobody works on, as a headless run that sends nothing new and ends by
    itself; `settings` are those of `resumed`. Return the exit code. Raises what a resume raises.
    """
    order = RunOrder(
        Input(),
        asked=resumed.asked,
        run_dir=wish.folder,
        resume=True,
        practice=PRACTICE if resumed.is_simulated else None,
    )
    with prepare(order, settings) as prepared:
        plan = replace(prepared.plan, batch=replace(prepared.plan.batch, errand=wish.errand, leaves=False))
        return run_headless(plan, settings, json=json, out=prepared.out)


def _action(command: Command, number: int) -> Action:
    """The command, which has taken effect once the batch is in another state."""

    def shows(before: Frame, now: Frame) -> bool:
        was, is_now = ({each.batch: each for each in frame.batches}.get(number) for frame in (before, now))
        return is_now is None or was is None or is_now.state is not was.state

    return Action(command, shows)


def _open_batches(folder: Path) -> Sequence[BatchRecord]:
    return [each for each in JournalReader(folder).batches.records() if BatchState(each.state).is_open]


def _named(folder: Path, found: Sequence[BatchRecord], number: int) -> BatchRecord:
    """The open batch of a number. Raises ConfigError, which names those that are open."""
    for each in found:
        if each.batch == number:
            return each
    known = listed([str(each.batch) for each in found]) or "none"
    raise ConfigError(f"{folder}: no batch {number} of this run is open; open: {known}")
