"""The workers of a run: what each does, and what is wrong with it; drain one, or look at its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from llmdash.engine.model.commands import DrainWorker, TakeWorker
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import WorkerState
from llmdash.engine.model.view import View
from llmdash.sanitize import clean_line
from llmdash.ui.panels.banner import Banner
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.dashboard_keys import pause_names
from llmdash.ui.screens.key_bar import KeyBar, bar_items
from llmdash.ui.screens.overlay import Controls
from llmdash.ui.text.keymap import entries
from llmdash.ui.text.worker_words import Sentence, sentences, workers_in, workers_title

__all__ = ["WorkersScreen", "filter_for"]

_TINTS: Final = {"error": "$text-error", "warning": "$text-warning", "muted": "$foreground-muted"}
_DRAINED: Final = (WorkerState.DRAINING, WorkerState.DRAINED)
_WILD: Final = frozenset("*?,")


class WorkerControls(Controls, Protocol):
    """What the dashboard does in addition for this screen."""

    def show_only(self, filter_text: str) -> None:
        """Show the jobs that match a filter."""

    def action_alerts(self) -> None:
        """Show what blocks the run, in full."""


class WorkersScreen(Screen[None]):
    """A table of workers, and below it what is special about them, in sentences."""

    TITLE = "Workers"
    AUTO_FOCUS = "WorkerPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,m", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("enter", "choose", "Its jobs", tooltip="Filter the job table to this worker"),
        Binding("d", "drain", "Drain", tooltip="Give this worker nothing new; what is in flight finishes"),
        Binding("u", "take_again", "Take again", tooltip="Give a drained worker work again"),
        Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
        Binding("minus", "nudge(-1)", "Slower", show=False, tooltip="Lower the rate by a step"),
        Binding("plus,equals_sign", "nudge(1)", "Faster", show=False, tooltip="Raise the rate by a step"),
        Binding("exclamation_mark", "alerts", "Alerts", show=False, tooltip="What blocks the run, in full"),
        Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
        Binding("question_mark", "help", "Help", tooltip="Every key"),
        Binding("q", "app.quit", "Quit", tooltip="Leave at once"),
    ]

    def __init__(self, controls: WorkerControls) -> None:
        super().__init__()
        self._controls = controls
        self._sentences: tuple[Sentence, ...] = ()
        self._title = ""
        self.renamed: Mapping[str, str] = {}
        """What actions are called now, where that differs from their bindings."""

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield Banner()
        with Vertical(id="workers"):
            yield WorkerPanel()
            yield Static(id="worker-notes", markup=False)
        yield KeyBar(bar_items(entries(self), ("dismiss", "app.quit")))

    @property
    def _table(self) -> WorkerPanel:
        return self.query_one(WorkerPanel)

    def wanted(self, view: View) -> View:
        return view

    def show_frame(self, frame: Frame) -> None:
        self.query_one(RunHeader).show(frame.run, workers_in(frame))
        self.query_one(Banner).show(frame.alerts)
        self._table.show(frame.workers, frame.run.keys)
        self._show_title(workers_title(frame.workers, frame.cluster))
        self._show_sentences(sentences(frame.workers, frame.cluster))
        self.renamed = pause_names(frame.run)
        self.query_one(KeyBar).rename(self.renamed)

    def _show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.query_one("#workers").border_title = Content(clean_line(title))

    def _show_sentences(self, said: tuple[Sentence, ...]) -> None:
        if said != self._sentences:
            self._sentences = said
            lines = (Content.styled(clean_line(text), _TINTS[style]) for text, style in said)
            self.query_one("#worker-notes", Static).update(Content("\n").join(lines))
        self._share_room()

    def _share_room(self) -> None:
        """Give the table the lines that it needs and the sentences leave it; two thirds of all at least."""
        panel, notes = self.query_one("#workers"), self.query_one("#worker-notes", Static)
        width, room = panel.content_size.width, panel.content_size.height
        if not room:
            return
        said = notes.content
        needed = len(said.wrap(width)) + 1 if isinstance(said, Content) and said.plain else 0
        height = min(self._table.lines, max(room * 2 // 3, room - needed))
        if self._table.styles.height is None or self._table.styles.height.value != height:
            self._table.styles.height = height

    def on_resize(self) -> None:
        self.call_after_refresh(self._share_room)

    @on(WorkerPanel.Chosen)
    def _chosen(self, event: WorkerPanel.Chosen) -> None:
        if event.worker.name:
            self.dismiss()
            self._controls.show_only(filter_for(event.worker.name))

    @on(Banner.Opened)
    def action_alerts(self) -> None:
        self._controls.action_alerts()

    def action_choose(self) -> None:
        self._table.row_activated()

    def action_drain(self) -> None:
        worker = self._table.worker
        if worker is not None and worker.state is WorkerState.WORKING:
            self._controls.send(DrainWorker(worker.name))

    def action_take_again(self) -> None:
        worker = self._table.worker
        if worker is not None and worker.state in _DRAINED:
            self._controls.send(TakeWorker(worker.name))

    def action_toggle_pause(self) -> None:
        self._controls.action_toggle_pause()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen([("Workers", entries(self))]))


def filter_for(name: str) -> str:
    """Return a filter of the job table that matches the jobs of a worker; `?` takes the place of a character
    that a filter cannot hold.

    >>> filter_for("gpu a")
    'worker:gpu?a'
    """
    return "worker:" + "".join(map(_plain, name))


def _plain(character: str) -> str:
    if character == "[":
        return "[[]"
    return character if character.isprintable() and character not in _WILD | {" "} else "?"
