"""Failed jobs by kind of error: show the jobs of a kind, inspect one, or retry them all."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from llmdash.engine.model.frame import ErrorGroup, Frame, Inspection
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.panels.key_bar import KeyBar, bar_items
from llmdash.ui.tables.error_filter import filter_for
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.text.keymap import entries

__all__ = ["ErrorsScreen"]

_NONE = "A request that fails is tried again; a job is listed once it has failed for good."


class ErrorControls(Controls, Protocol):
    """What the dashboard does in addition for this screen."""

    def retry_group(self, name: str) -> None:
        """Queue every job of a group again."""

    def show_only(self, filter_text: str) -> None:
        """Show the jobs that match a filter."""

    def inspect(self, job: int) -> None:
        """Show one job in full."""


class ErrorsScreen(Screen[None]):
    """A table of groups, and below it in full the error of one job of the group under the cursor."""

    TITLE = "Errors"
    AUTO_FOCUS = "ErrorTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,e", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("enter", "choose", "Show jobs", tooltip="Filter the job table to this group"),
        Binding("i", "inspect", "Inspect one", tooltip="Show one of these jobs in full"),
        Binding("r", "retry", "Retry group", tooltip="Queue all jobs of this group again"),
        Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
        Binding("question_mark", "help", "Help", tooltip="Every key"),
        Binding("q", "app.quit", "Quit", tooltip="Leave at once"),
    ]

    def __init__(self, controls: ErrorControls) -> None:
        super().__init__()
        self._controls = controls
        self._shown: tuple[ErrorGroup | None, tuple[AttemptRecord, ...]] | None = None

    def compose(self) -> ComposeResult:
        yield ErrorTable(id="errors")
        with VerticalScroll(id="example-box") as box:
            box.can_focus = False
            yield Static(id="example", markup=False)
        yield KeyBar(bar_items(entries(self), ("dismiss", "app.quit")))

    @property
    def _table(self) -> ErrorTable:
        return self.query_one(ErrorTable)

    def wanted(self, view: View) -> View:
        group = self._table.group
        return replace(view, errors=True, inspect=None if group is None else group.examples[0])

    def show_frame(self, frame: Frame) -> None:
        table = self._table
        table.show(frame.errors)
        group = table.group
        attempts = _attempts(frame.inspection, group)
        if self._shown != (group, attempts):
            self._shown = (group, attempts)
            self.query_one("#example-box", VerticalScroll).border_title = Content(
                _title(frame.inspection, group)
            )
            self.query_one("#example", Static).update(_in_full(group, attempts))

    @on(ErrorTable.Moved)
    def _moved(self) -> None:
        self._controls.poll()

    @on(ErrorTable.Chosen)
    def _chosen(self, event: ErrorTable.Chosen) -> None:
        self.dismiss()
        self._controls.show_only(filter_for(event.group.name))

    def action_choose(self) -> None:
        self._table.row_activated()

    def action_inspect(self) -> None:
        if (group := self._table.group) is not None:
            self._controls.inspect(group.examples[0])

    def action_retry(self) -> None:
        self._table.action_retry()

    @on(ErrorTable.Retry)
    def _retry(self, event: ErrorTable.Retry) -> None:
        self._controls.retry_group(event.group.id)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen([("Errors", entries(self))]))


def _attempts(inspection: Inspection | None, group: ErrorGroup | None) -> tuple[AttemptRecord, ...]:
    if inspection is None or group is None or inspection.row.job != group.examples[0]:
        return ()
    return inspection.attempts


def _title(inspection: Inspection | None, group: ErrorGroup | None) -> str:
    if group is None:
        return "No job has failed"
    known = inspection is not None and inspection.row.job == group.examples[0]
    return f"Such as job #{group.examples[0] + 1}" + (
        f" · {inspection.row.id}" if known and inspection else ""
    )


def _in_full(group: ErrorGroup | None, attempts: tuple[AttemptRecord, ...]) -> Content:
    """The error of the example's last failed attempt, in full; the group's error until that is known."""
    if group is None:
        return Content.styled(_NONE, "$foreground-muted italic")
    last = next((attempt for attempt in reversed(attempts) if attempt.failure), None)
    if last is None:
        return Content(group.name)
    facts = [f"class {last.failure}"]
    if last.status is not None:
        facts.append(f"status {last.status}")
    facts += [f"key {last.key}", f"attempt {last.attempt}"]
    if last.request_id:
        facts.append(f"request {last.request_id}")
    return Content.assemble((" · ".join(facts), "$foreground-muted"), "\n\n", last.message or group.name)
