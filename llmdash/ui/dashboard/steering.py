"""From what the user wants to commands: a row for each message of a panel, and what asks before a command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from textual import on
from textual.message import Message

from llmdash.engine.model.commands import (
    BringBack,
    Cancel,
    CancelJobs,
    Command,
    DisableKey,
    Drain,
    GiveUpBatch,
    Pause,
    Release,
    Resume,
    RetryFailed,
    RetryJobs,
    ReviveEndpoint,
    ReviveKey,
    Seek,
    SetAuto,
    SetConcurrency,
    SetKeyLimits,
    SetRate,
    SetWeight,
)
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import ErrorGroup, Frame
from llmdash.engine.model.states import KeyState, RunState
from llmdash.ui.panels.batch_panel import BatchPanel
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.panels.replay_bar import ReplayBar
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.text.batch_questions import bring_back_question, give_up_question, stays_out, stop_question
from llmdash.ui.text.batch_words import jobs_out

__all__ = [
    "ACTIONS",
    "STEERING",
    "Confirmation",
    "auto_or_not",
    "command_of",
    "confirmation_before",
    "pause_or_resume",
    "retry_of",
    "switch_key",
]

_HELD: Final = (RunState.PAUSED, RunState.DRAINING, RunState.STOPPED)
"""The states in which `p` resumes."""

_M = TypeVar("_M", bound=Message)
_Handler = TypeVar("_Handler", bound=Callable[..., object])
_Rule = Callable[[Any, Frame], Command]


def _row(message: type[_M], command: Callable[[_M, Frame], Command]) -> tuple[type[Message], _Rule]:
    """A row of the table; the types of its two halves fit."""
    return message, command


def switch_key(label: str, frame: Frame) -> Command:
    """Return the command that disables a key, or enables one again that is."""
    off = any(key.label == label and key.state is KeyState.DISABLED for key in frame.keys)
    return ReviveKey(label) if off else DisableKey(label)


STEERING: Final[Mapping[type[Message], _Rule]] = dict(
    [
        _row(JobTable.Retry, lambda message, _frame: RetryJobs(message.jobs)),
        _row(JobTable.CancelJobs, lambda message, _frame: CancelJobs(message.jobs)),
        _row(RatePanel.RateChanged, lambda message, _frame: SetRate(message.rate)),
        _row(RatePanel.ConcurrencyChanged, lambda message, _frame: SetConcurrency(message.concurrency)),
        _row(KeyPanel.Toggle, lambda message, frame: switch_key(message.label, frame)),
        _row(KeyPanel.Revive, lambda message, _frame: ReviveKey(message.label)),
        _row(KeyPanel.ReviveEndpoint, lambda message, _frame: ReviveEndpoint(message.name)),
        _row(KeyPanel.Weigh, lambda message, _frame: SetWeight(message.label, message.weight)),
        _row(KeyPanel.Limited, lambda message, _frame: SetKeyLimits(message.label, *message.limits)),
        _row(WorkerPanel.Steered, lambda message, _frame: message.command),
        _row(BatchPanel.Steered, lambda message, _frame: message.command),
        _row(ReplayBar.Sought, lambda message, _frame: Seek(message.position_s)),
    ]
)
"""The messages that are commands in the words of a panel, and what makes the command of each, for a frame."""


def on_steering(handler: _Handler) -> _Handler:
    """Make a method the handler of every message in STEERING, as Textual's `on` does for one."""
    for message in STEERING:
        handler = on(message)(handler)
    return handler


def command_of(message: Message, frame: Frame) -> Command:
    """Return the command of a message. Raises KeyError for one that is not in STEERING."""
    return STEERING[type(message)](message, frame)


def pause_or_resume(frame: Frame) -> Command:
    """Return the command of `p`: for a replay where one is shown, else for the run."""
    if frame.replay is not None:
        return Pause() if frame.replay.playing else Resume()
    return Resume() if frame.run.state in _HELD else Pause()


def auto_or_not(frame: Frame) -> Command:
    """Return the command of `a`: to find the rate by itself, or not any more."""
    return SetAuto(on=not frame.rate.auto.on)


ACTIONS: Final[Mapping[str, Callable[[Frame], Command]]] = {
    "toggle_pause": pause_or_resume,
    "toggle_auto": auto_or_not,
    "drain": lambda _frame: Drain(),
    "stop_now": lambda frame: Cancel(batches=bool(jobs_out(frame))),
    "retry_failed": lambda _frame: RetryFailed(),
    "release": lambda _frame: Release(),
}
"""The actions of the dashboard that are a command each, and what makes it, for a frame."""


def retry_of(groups: Iterable[ErrorGroup], frame_of: Callable[[str], Frame]) -> RetryJobs | str:
    """Return the command that queues the failed jobs of these groups again, or why there is none; `frame_of`
    returns a frame with the failed jobs of a group, by its id.
    """
    failed = [group.id for group in groups if group.jobs]
    if jobs := tuple(dict.fromkeys(job for group_id in failed for job in frame_of(group_id).failed)):
        return RetryJobs(jobs)
    if failed:  # the engine answers late, or they were queued meanwhile
        return "The jobs of this group are not known now: try it again"
    return "No job of this group failed for good: there is none to try again"


class Confirmation(NamedTuple):
    """A question before a command, and what the command would do."""

    question: str
    consequence: str


def confirmation_before(command: Command, frame: Frame) -> Confirmation | None:
    """Return what to ask before a command that is hard to take back; None for every other."""
    match command:
        case Drain():
            in_flight = counted(frame.run.in_flight, "request")
            consequence = f"Nothing new is sent; {in_flight} in flight may finish. Press p to go on later."
            consequence = "\n".join(filter(None, (consequence, stays_out(frame))))
            return Confirmation("Drain the run?", consequence)
        case Cancel(batches=True):
            return Confirmation(*stop_question(frame))
        case BringBack(batch):
            return Confirmation(*bring_back_question(batch, frame))
        case GiveUpBatch(batch):
            return Confirmation(*give_up_question(batch, frame))
        case SetRate(rate=None):
            most = counted(frame.rate.concurrency, "request")
            danger = "each followed at once by the next; a server may refuse or ban the keys."
            return Confirmation("Send without a rate limit?", f"{most} in flight, {danger}")
        case _:
            return None
