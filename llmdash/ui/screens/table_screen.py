"""TableScreen: a table of the parts of a run over the dashboard, what is special about them, and the run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.engine.model.view import View
from llmdash.sanitize import clean_line
from llmdash.ui.dashboard.action_names import pause_names
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.dashboard.run_panels import LEAST_LINES, LEAST_WIDTH, RunPanels
from llmdash.ui.dashboard.steering import command_of, on_steering
from llmdash.ui.dashboard.table_space import TableSpace
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.tables.full_table import FullTable
from llmdash.ui.text.key_words import key_filter
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Hint, chosen_by, in_chosen_keys, key_hints
from llmdash.ui.text.usual_keys import HELP_KEY, LEAVE_KEY, OPENING_KEYS, PALETTE_KEY, rate_keys
from llmdash.ui.text.worker_words import Sentence, workers_in

__all__ = ["RUN_KEYS", "TableControls", "TableScreen"]

_HEAD: Final = 5
"""Lines of the header, the verdict line and the line of keys."""
_FRAME: Final = 2
_TINTS: Final = {"error": "$text-error", "warning": "$text-warning", "muted": "$foreground-muted"}

RUN_KEYS: Final[tuple[BindingType, ...]] = (
    Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
    *rate_keys("nudge"),
    *OPENING_KEYS,
    Binding("exclamation_mark", "alerts", "Alerts", show=False, tooltip="What blocks the run, in full"),
    PALETTE_KEY,
    HELP_KEY,
    LEAVE_KEY,
)
"""The keys of the run, which every such screen has behind its own."""


class TableControls(Controls, Protocol):
    """What the dashboard does in addition for such a screen."""

    def show_only(self, filter_text: str) -> None:
        """Show the jobs that match a filter."""

    def carry_out(self, command: Command) -> None:
        """Send a command; ask first where it is hard to take back."""

    def show_errors_of(self, key: str) -> None:
        """Open the errors of a key."""

    def action_open(self, name: str) -> None:
        """Open another screen of that name."""


class TableScreen(SteadyScreen[None]):
    """A table, and below it what is special about its rows, in sentences; then, where there is room, keys,
    rate and stream.
    """

    CSS_PATH = Path(__file__).with_name("table_screen.tcss")

    def __init__(self, controls: TableControls, table: FullTable) -> None:
        super().__init__()
        self._controls = controls
        self._table = table
        self._space = TableSpace(self.TITLE or "", id="rows")
        self._notes = Static(id="row-notes", markup=False)
        self._panels = RunPanels(id="run-panels")
        self._sentences: tuple[Sentence, ...] = ()
        self._frame = EMPTY_FRAME
        self.renamed: Mapping[str, str] = {}
        """What actions are called now, where that differs from their bindings."""

    @abstractmethod
    def show_rows(self, frame: Frame) -> str:
        """Show the rows of a frame in the table. Return how they are, in a few words."""

    @abstractmethod
    def hints(self, frame: Frame) -> Sequence[Hint]:
        """Return the keys that the lower border of the table names."""

    @abstractmethod
    def said(self, frame: Frame) -> tuple[Sentence, ...]:
        """Return what is special about the rows."""

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield VerdictLine()
        with self._space:
            yield self._table
            yield self._notes
        yield self._panels
        yield KeyBar()

    def on_mount(self) -> None:
        self._notes.display = False

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Show the other panels where there is room below what is said of the rows."""
        said = len(self._sentences) + 1 if self._sentences else 0
        lines = self._table.lines + said + _FRAME
        room = self.size.height - _HEAD - lines
        self._panels.display = room >= LEAST_LINES and self.size.width >= LEAST_WIDTH
        self._space.styles.height = lines if self._panels.display else "1fr"

    def wanted(self, view: View) -> View:
        return self._panels.wanted(view) if self._panels.display else view

    def show_frame(self, frame: Frame) -> None:
        self._frame = frame
        self.query_one(RunHeader).show(frame.run, workers_in(frame))
        self.query_one(VerdictLine).show(frame)
        how = self.show_rows(frame)
        self._space.fit(self._table.lines)
        self._space.name_it(how, key_hints(chosen_by(self), *self.hints(frame), between="   "))
        self._show_sentences(self.said(frame))
        self._arrange()
        if self._panels.display:
            self._panels.show(frame)
        self.renamed = self.names(frame)
        self.query_one(KeyBar).rename(self.renamed)

    def names(self, frame: Frame) -> Mapping[str, str]:
        """Return what actions are called, where that differs from their bindings."""
        return pause_names(frame)

    def _show_sentences(self, said: tuple[Sentence, ...]) -> None:
        if said != self._sentences:
            self._sentences = said
            chosen = chosen_by(self)
            lines = (
                Content.styled(in_chosen_keys(clean_line(text), chosen), _TINTS[style])
                for text, style in said
            )
            self._notes.update(Content("\n").join(lines))
            self._notes.display = bool(said)

    def show_jobs(self, filter_text: str) -> None:
        """Show the jobs that match a filter, on the dashboard."""
        self.dismiss()
        self._controls.show_only(filter_text)

    @on_steering
    def _steer(self, message: Message) -> None:
        self._controls.carry_out(command_of(message, self._frame))

    @on(KeyPanel.Chosen)
    def _jobs_of_key(self, event: KeyPanel.Chosen) -> None:
        self.show_jobs(key_filter(event.label))

    @on(KeyPanel.Errors)
    def _errors_of_key(self, event: KeyPanel.Errors) -> None:
        self.dismiss()
        self._controls.show_errors_of(event.label)

    def action_open(self, name: str) -> None:
        """Open another screen in place of this one."""
        self.dismiss()
        self._controls.action_open(name)

    @on(VerdictLine.Opened)
    def action_alerts(self) -> None:
        self._controls.action_open("alerts")

    async def action_row(self, action: str) -> None:
        """Run an action of the table, regardless of the focus."""
        await self._table.run_action(action)

    def action_toggle_pause(self) -> None:
        self._controls.action_toggle_pause()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))
