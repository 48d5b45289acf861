"""The batches of a run: where each is on its way; bring one back, adopt one, or set when all come back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final, Protocol

from textual import on
from textual.binding import BindingType

from llmdash.engine.model.commands import AdoptBatch, SetBatchDeadline
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.moments import moment_of
from llmdash.ui.dashboard.action_names import pause_names, shown_as
from llmdash.ui.panels.batch_panel import BatchPanel
from llmdash.ui.screens.entry import EntryScreen
from llmdash.ui.screens.table_screen import RUN_KEYS, TableControls, TableScreen
from llmdash.ui.text.batch_words import batch_sentences, batches_counts, deadline_words
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Hint, chosen_by
from llmdash.ui.text.worker_words import Sentence

__all__ = ["BatchControls", "BatchesScreen"]

_KEYS_HERE: Final[tuple[Hint, ...]] = (
    ("jobs-of-batch", "l", "its jobs"),
    ("bring-back", "x", "bring back"),
    ("adopt-batch", "a", "adopt"),
    ("deadline", "t", "deadline"),
)
_NEVER: Final = "never"
_OF_RUN_AT_WORK: Final = ("row('bring_back')", "row('adopt')", "deadline", "send_batches")


class BatchControls(TableControls, Protocol):
    """What the dashboard does in addition for the screen of batches."""

    def action_send_batches(self) -> None:
        """Ask whether to send the pending or the marked jobs in batches."""


class BatchesScreen(TableScreen):
    """A table of batches, the newest on top, and below it which need the user and when all come back."""

    TITLE = "Batches"
    AUTO_FOCUS = "BatchPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h", "dismiss", "Back", id="from-batches", tooltip="To the dashboard"),
        Binding(
            "enter,l",
            "row('activate')",
            "Its jobs",
            id="jobs-of-batch",
            tooltip="Filter the table to this batch",
        ),
        Binding(
            "x",
            "row('bring_back')",
            "Bring back",
            tooltip="Cancel this batch; what has no result is pending again",
        ),
        Binding("t", "deadline", "Deadline", tooltip="Set when all that is out is brought back"),
        Binding("B", "send_batches", "Send", id="send-in-batches", tooltip="Send what is pending in batches"),
        Binding(
            "a",
            "row('adopt')",
            "Adopt",
            id="adopt-batch",
            show=False,
            tooltip="Say which batch at the provider a held one is",
        ),
        *RUN_KEYS,
    ]

    def __init__(self, controls: BatchControls) -> None:
        self._batches = BatchPanel(id="table")
        super().__init__(controls, self._batches)
        self._run_controls = controls

    def show_rows(self, frame: Frame) -> str:
        self._batches.show(frame.batches, _why_not(frame))
        return batches_counts(frame.batches)

    def said(self, frame: Frame) -> tuple[Sentence, ...]:
        return batch_sentences(frame, time.time(), chosen_by(self), at_work=not _why_not(frame))

    def names(self, frame: Frame) -> Mapping[str, str]:
        return {**pause_names(frame), **(dict.fromkeys(_OF_RUN_AT_WORK, "") if _why_not(frame) else {})}

    def hints(self, frame: Frame) -> Sequence[Hint]:
        return _KEYS_HERE[:1] if _why_not(frame) else _KEYS_HERE

    @on(BatchPanel.Chosen)
    def _chosen(self, event: BatchPanel.Chosen) -> None:
        self.show_jobs(event.filter)

    @on(BatchPanel.AdoptAsked)
    def _adopt(self, event: BatchPanel.AdoptAsked) -> None:
        row = event.batch

        def entered(provider_id: str | None) -> None:
            if provider_id:
                self._controls.carry_out(AdoptBatch(row.batch, provider_id))

        said = row.detail or "Its creation was not answered: the provider may have it, or not."
        question = f"Which batch of {row.endpoint or 'the provider'} is batch {row.batch}?"
        asks = EntryScreen(question, said, "its id there, such as batch_abc", _problem_of_id)
        self.app.push_screen(asks, entered)

    def action_deadline(self) -> None:
        """Ask when all that is out is brought back."""
        if why_not := _why_not(self._frame):
            self.notify(why_not, markup=False)
            return

        def entered(text: str | None) -> None:
            if text is not None:
                at = None if text == _NEVER else moment_of(text, datetime.now())
                self._controls.carry_out(SetBatchDeadline(at))

        said = (
            "What is still out then is cancelled, and what has no result is sent one by one.\n"
            f"Set now: {deadline_words(self._frame.batch_deadline, time.time())}."
        )
        asks = EntryScreen(
            "When are batches brought back?", said, "6h, 45m, 18:30 or never", _problem_of_time
        )
        self.app.push_screen(asks, entered)

    def action_send_batches(self) -> None:
        self._run_controls.action_send_batches()


def _why_not(frame: Frame) -> str:
    """Why nothing can be done with batches: the run is not at work."""
    over = bool(shown_as(frame)) or frame.run.state.ended
    return "The run is not at work: llmdash run --resume goes on with its batches" if over else ""


def _problem_of_id(text: str) -> str:
    return "" if text and text.isprintable() and " " not in text else "Write the id that the provider gave it"


def _problem_of_time(text: str) -> str:
    if text == _NEVER:
        return ""
    try:
        moment_of(text, datetime.now())
    except ValueError as problem:
        return f"{problem}; never leaves them out"
    return ""
