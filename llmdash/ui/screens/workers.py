"""The workers of a run: what each does, and what is wrong with it; drain one, or look at its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.engine.model.view import View
from llmdash.sanitize import clean_line
from llmdash.ui.dashboard.action_names import pause_names
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.dashboard.run_panels import LEAST_LINES, LEAST_WIDTH, RunPanels
from llmdash.ui.dashboard.steering import command_of, on_steering
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.key_words import key_filter
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Hint, chosen_by, in_chosen_keys, key_hints
from llmdash.ui.text.panel_border import PanelBorder
from llmdash.ui.text.usual_keys import HELP_KEY, LEAVE_KEY, OPENING_KEYS, PALETTE_KEY, rate_keys
from llmdash.ui.text.worker_words import Sentence, sentences, workers_counts, workers_in

__all__ = ["WorkersScreen"]

_HEAD: Final = 5
"""Lines of the header, the verdict line and the line of keys."""
_FRAME: Final = 2
_KEYS_HERE: Final[tuple[Hint, ...]] = (
    ("drain-worker", "d", "drain"),
    ("take-again", "u", "take again"),
    ("its-jobs", "l", "its jobs"),
)
_TINTS: Final = {"error": "$text-error", "warning": "$text-warning", "muted": "$foreground-muted"}


class WorkerControls(Controls, Protocol):
    """What the dashboard does in addition for this screen."""

    def show_only(self, filter_text: str) -> None:
        """Show the jobs that match a filter."""

    def carry_out(self, command: Command) -> None:
        """Send a command; ask first where it is hard to take back."""

    def show_errors_of(self, key: str) -> None:
        """Open the errors of a key."""

    def action_open(self, name: str) -> None:
        """Open another screen of that name."""


class TableLayout(Layout):
    """Puts a table above notes. It has the lines it needs and the notes leave it; at least two thirds."""

    name = "table over notes"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        parent.pre_layout(self)
        table = next(child for child in children if isinstance(child, WorkerPanel))
        said = [child for child in children if child is not table]
        needed = sum(child.get_content_height(size, size, size.width) + 1 for child in said)
        height = min(table.lines, max(size.height * 2 // 3, size.height - needed))
        places: list[tuple[Widget, Region]] = [(table, Region(0, 0, size.width, height))]
        places += [
            (child, Region(0, height + 1, size.width, max(0, size.height - height - 1))) for child in said
        ]
        return [WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, child) for child, region in places]


class WorkersSpace(Widget):
    """The table of workers, and sentences about them; as high as these need where panels are below it."""

    DEFAULT_CSS = """
    WorkersSpace { width: 100%; height: 1fr; overflow: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout_of_table = TableLayout()
        self._lines = 0
        self._border = PanelBorder(self, "Workers")

    @property
    def layout(self) -> Layout:
        return self._layout_of_table

    def fit(self, lines: int) -> None:
        """Make room for a table of that many lines."""
        if lines != self._lines:
            self._lines = lines
            self.refresh(layout=True)

    def name_it(self, how: str, keys: str) -> None:
        """Write on the border how many work and where, and the keys that work here."""
        self._border.show("Workers", how, keys)

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()


class WorkersScreen(SteadyScreen[None]):
    """A table of workers, and below it what is special about them, in sentences."""

    CSS_PATH = Path(__file__).with_name("workers.tcss")
    TITLE = "Workers"
    AUTO_FOCUS = "WorkerPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,m", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("enter,l", "worker('activate')", "Its jobs", tooltip="Filter the job table to this worker"),
        Binding(
            "d",
            "worker('drain')",
            "Drain",
            id="drain-worker",
            tooltip="Give this worker nothing new; what is in flight finishes",
        ),
        Binding("u", "worker('take_again')", "Take again", tooltip="Give a drained worker work again"),
        Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
        *rate_keys("nudge"),
        *OPENING_KEYS,
        Binding("exclamation_mark", "alerts", "Alerts", show=False, tooltip="What blocks the run, in full"),
        PALETTE_KEY,
        HELP_KEY,
        LEAVE_KEY,
    ]

    def __init__(self, controls: WorkerControls) -> None:
        super().__init__()
        self._controls = controls
        self._sentences: tuple[Sentence, ...] = ()
        self._frame = EMPTY_FRAME
        self.renamed: Mapping[str, str] = {}
        """What actions are called now, where that differs from their bindings."""

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield VerdictLine()
        with WorkersSpace(id="workers"):
            yield WorkerPanel(id="table")
            yield Static(id="worker-notes", markup=False)
        yield RunPanels(id="run-panels")
        yield KeyBar()

    @property
    def _table(self) -> WorkerPanel:
        return self.query_one(WorkerPanel)

    def on_mount(self) -> None:
        self.query_one("#worker-notes").display = False

    @property
    def _panels(self) -> RunPanels:
        return self.query_one(RunPanels)

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Show the other panels where there is room below what is said of the workers."""
        said = len(self._sentences) + 1 if self._sentences else 0
        lines = self._table.lines + said + _FRAME
        room = self.size.height - _HEAD - lines
        self._panels.display = room >= LEAST_LINES and self.size.width >= LEAST_WIDTH
        self.query_one(WorkersSpace).styles.height = lines if self._panels.display else "1fr"

    def wanted(self, view: View) -> View:
        return self._panels.wanted(view) if self._panels.display else view

    def show_frame(self, frame: Frame) -> None:
        self.query_one(RunHeader).show(frame.run, workers_in(frame))
        self.query_one(VerdictLine).show(frame)
        self._table.show(frame.workers, frame.run.keys, frame.cluster, frame.run.payment)
        self.query_one(WorkersSpace).fit(self._table.lines)
        self._frame = frame
        self._show_title(workers_counts(frame.workers, frame.cluster))
        self._show_sentences(sentences(frame.workers, frame.cluster, frame.run.payment))
        self._arrange()
        if self._panels.display:
            self._panels.show(frame)
        self.renamed = pause_names(frame)
        self.query_one(KeyBar).rename(self.renamed)

    def _show_title(self, how: str) -> None:
        self.query_one(WorkersSpace).name_it(how, key_hints(chosen_by(self), *_KEYS_HERE, between="   "))

    def _show_sentences(self, said: tuple[Sentence, ...]) -> None:
        if said != self._sentences:
            self._sentences = said
            chosen = chosen_by(self)
            lines = (
                Content.styled(in_chosen_keys(clean_line(text), chosen), _TINTS[style])
                for text, style in said
            )
            notes = self.query_one("#worker-notes", Static)
            notes.update(Content("\n").join(lines))
            notes.display = bool(said)

    @on(WorkerPanel.Chosen)
    def _chosen(self, event: WorkerPanel.Chosen) -> None:
        self.dismiss()
        self._controls.show_only(event.filter)

    @on_steering
    def _steer(self, message: Message) -> None:
        self._controls.carry_out(command_of(message, self._frame))

    @on(KeyPanel.Chosen)
    def _jobs_of_key(self, event: KeyPanel.Chosen) -> None:
        self.dismiss()
        self._controls.show_only(key_filter(event.label))

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

    async def action_worker(self, action: str) -> None:
        """Run an action of the table, regardless of the focus."""
        await self._table.run_action(action)

    def action_toggle_pause(self) -> None:
        self._controls.action_toggle_pause()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))
