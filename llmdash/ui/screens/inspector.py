"""One job in full: its prompt, every attempt, its answer, and how that came."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.geometry import Size
from textual.widgets import Static

from llmdash.engine.model.commands import CancelJobs, RetryJobs
from llmdash.engine.model.frame import Frame, Inspection
from llmdash.engine.model.payment import PAID
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.inspector.copied import attempts_copied, curl_command, prompt_text, row_json
from llmdash.ui.inspector.head import headline
from llmdash.ui.inspector.keys import INSPECTOR_KEYS
from llmdash.ui.inspector.panels import InspectorPanels
from llmdash.ui.outside_programs import (
    ProgramError,
    editor_command,
    pager_command,
    run_in_terminal,
    show_text,
)
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.messages import Copied

__all__ = ["InspectorScreen"]

_NO_CURL: Final = "The request is not known here: its prompt is not kept, or its model's own class makes it"


class InspectorScreen(SteadyScreen[None]):
    """Shows the inspection of one job, live while it is open."""

    CSS_PATH = Path(__file__).with_name("inspector.tcss")
    TITLE = "Inspector"
    AUTO_FOCUS = ""  # it would scroll, by a layout that is not yet that of this size
    BINDINGS: ClassVar[list[BindingType]] = INSPECTOR_KEYS

    def __init__(self, job: int, controls: Controls) -> None:
        super().__init__()
        self._job = job
        self._around: tuple[int | None, int | None] = (None, None)
        self._controls = controls
        self._shown: Inspection | None = None
        self._payment = PAID
        self._filter = ""

    def compose(self) -> ComposeResult:
        self._head = Static(id="inspected", markup=False)
        self._panels = InspectorPanels()
        yield self._head
        yield self._panels
        yield KeyBar()

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#answer"), scroll_visible=False)

    # Frames down.

    def wanted(self, view: View) -> View:
        self._filter = view.jobs.filter
        return replace(view, inspect=self._job, inspect_stream=self._panels.wanted)

    def show_frame(self, frame: Frame) -> None:
        inspection = frame.inspection
        if inspection is None or inspection.row.job != self._job:
            return
        around = (inspection.above, inspection.below)
        if around != (None, None):  # a job that the filter hides meanwhile keeps its place
            self._around = around
        is_other = self._shown is None or self._shown.row.job != self._job
        is_same, self._shown = inspection == self._shown, inspection
        self._payment = frame.run.payment
        if frame.inspected.job in (None, self._job):
            row = inspection.row
            self._panels.take(frame.inspected, row.time_s if row.state.ended else None)
        if not is_same:
            self._show(inspection, anew=is_other)

    def _show(self, inspection: Inspection, *, anew: bool = False) -> None:
        head = headline(inspection, self._filter, max(1, self.size.width - 2))
        self._head.update(head)
        room = Size(self.size.width, self.size.height - 2 - ("\n" in head.plain))
        self._panels.show(inspection, self._payment, room, anew=anew)

    def on_resize(self) -> None:
        if self._shown is not None:
            self._show(self._shown)

    # Keys.

    def action_step(self, by: int) -> None:
        job = self._around[0 if by < 0 else 1]
        if job is not None:
            self._job = job
            self._around = (None, None)
            self._controls.poll()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_retry(self) -> None:
        self._controls.send(RetryJobs((self._job,)))

    def action_cancel_job(self) -> None:
        self._controls.send(CancelJobs((self._job,)))

    async def action_panels(self, action: str) -> None:
        """Run an action of the panels."""
        await self._panels.run_action(action)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    # Out of here: clipboard, pager, editor.

    def action_copy(self, part: str) -> None:
        """Copy a part of what is known of the job: answer, prompt, attempts, row or curl."""
        if (shown := self._shown) is None:
            return
        match part:
            case "answer":
                self._copy(*self._panels.answer_text(shown))
            case "prompt":
                self._copy(prompt_text(shown), "the prompt")
            case "attempts":
                self._copy(attempts_copied(shown, self._payment), "the attempts")
            case "row":
                self._copy(row_json(shown), "the row as JSON")
            case _ if shown.request is not None:
                self._copy(curl_command(shown.request), "the request as curl, without its key")
            case _:
                self.app.notify(_NO_CURL, markup=False)

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.post_message(Copied(text, what))
        else:
            self.app.notify(f"There is nothing to copy: {what} has no text", markup=False)

    def action_view(self) -> None:
        self._show_outside(pager_command)

    def action_edit(self) -> None:
        self._show_outside(editor_command)

    def _show_outside(self, command_in: Callable[[Mapping[str, str]], list[str]]) -> None:
        """Show the text of the panel that has the focus in another program."""
        if self._shown is None:
            return
        text = self._panels.focused_text(self._shown)
        try:
            command = command_in(os.environ)
            with self.app.suspend(), self.app.batch_update():
                show_text(text, ".md", command, run_in_terminal)
        except SuspendNotSupported:
            self.app.notify("Another program cannot have this terminal", severity="warning", markup=False)
        except ProgramError as error:
            self.app.notify(str(error), severity="error", markup=False)
        self.app.refresh(layout=True)
