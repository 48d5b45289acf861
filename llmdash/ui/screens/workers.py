"""The workers of a run: what each does, and what is wrong with it; drain one, or look at its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.binding import BindingType

from llmdash.engine.model.frame import Frame
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.table_screen import RUN_KEYS, TableControls, TableScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Hint
from llmdash.ui.text.worker_words import Sentence, sentences, workers_counts

__all__ = ["WorkersScreen"]

_KEYS_HERE: Final[tuple[Hint, ...]] = (
    ("drain-worker", "d", "drain"),
    ("take-again", "u", "take again"),
    ("its-jobs", "l", "its jobs"),
)


class WorkersScreen(TableScreen):
    """A table of workers, and below it what is special about them, in sentences."""

    TITLE = "Workers"
    AUTO_FOCUS = "WorkerPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,m", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("enter,l", "row('activate')", "Its jobs", tooltip="Filter the job table to this worker"),
        Binding(
            "d",
            "row('drain')",
            "Drain",
            id="drain-worker",
            tooltip="Give this worker nothing new; what is in flight finishes",
        ),
        Binding("u", "row('take_again')", "Take again", tooltip="Give a drained worker work again"),
        *RUN_KEYS,
    ]

    def __init__(self, controls: TableControls) -> None:
        self._workers = WorkerPanel(id="table")
        super().__init__(controls, self._workers)

    def show_rows(self, frame: Frame) -> str:
        self._workers.show(frame.workers, frame.run.keys, frame.cluster, frame.run.payment)
        return workers_counts(frame.workers, frame.cluster)

    def hints(self, frame: Frame) -> Sequence[Hint]:
        return _KEYS_HERE

    def said(self, frame: Frame) -> tuple[Sentence, ...]:
        return sentences(frame.workers, frame.cluster, frame.run.payment)

    @on(WorkerPanel.Chosen)
    def _chosen(self, event: WorkerPanel.Chosen) -> None:
        self.show_jobs(event.filter)
