"""What failed, try by try: kinds of error, whom each hits, and what may help, in one key each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from llmdash.engine.model.counts import counted
from llmdash.engine.model.errors import ErrorExample
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.engine.model.view import View
from llmdash.ui.charts.tries_plot import TriesPlot
from llmdash.ui.dashboard.action_names import shown_as
from llmdash.ui.dashboard.overlay import ErrorControls
from llmdash.ui.panels.error_details import ErrorDetails, as_content
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.tables.error_filter import filter_for
from llmdash.ui.tables.error_rows import since_start
from llmdash.ui.tables.error_table import SCREEN_COLUMNS, ErrorTable
from llmdash.ui.tables.group_table import GroupTable
from llmdash.ui.text.badges import run_badge
from llmdash.ui.text.error_words import (
    NOTHING_FAILED,
    Phrase,
    bench_target,
    copied_words,
    example_lines,
    group_lines,
    headline,
)
from llmdash.ui.text.format import clock
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import Copied
from llmdash.ui.text.usual_keys import HELP_KEY, HIDDEN_LEAVE_KEY, HIDDEN_PALETTE_KEY

__all__ = ["ErrorsScreen"]

_WIDE: Final = 100
_TALL: Final = 30
_OF_LIVE_RUN: Final = ("retry", "retry_all", "bench")
_OF_GROUPS: Final = ("choose", *_OF_LIVE_RUN, "skip", "inspect", "copy", "sort", "filter")
_NO_GROUP: Final = "There is no group under the cursor"


class ErrorsScreen(SteadyScreen[None]):
    """A table of groups; below it the one under the cursor in words with what may help, jobs of it, and the
    failed tries over the run. With a `key` only what that key has failed in.
    """

    CSS_PATH = Path(__file__).with_name("errors.tcss")
    TITLE = "Errors"
    AUTO_FOCUS = "ErrorTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Show jobs", tooltip="Filter the job table to this group"),
        Binding("r", "retry", "Retry group", tooltip="Queue the failed jobs of this group again"),
        Binding(
            "R", "retry_all", "Retry all", tooltip="Queue all failed jobs again but those of skipped groups"
        ),
        Binding(
            "b", "bench", "Bench key", tooltip="Send nothing more with the key that fails most so, or again"
        ),
        Binding("k", "skip", "Skip", tooltip="Fold this group away; press again to take it back"),
        Binding("i", "inspect", "Inspect one", tooltip="Show one of these jobs in full"),
        Binding("c", "copy", "Copy", tooltip="Copy what the server said, with the ids of its requests"),
        Binding("slash", "filter", "Filter", tooltip="Show only groups with some words"),
        Binding("s", "sort", "Sort", tooltip="By jobs, tries, last, first or class"),
        Binding("a", "all_keys", "All keys", tooltip="Errors of every key, not only of this one"),
        HELP_KEY,
        Binding("escape,e", "back", "Back", tooltip="Close the filter, or go to the dashboard"),
        HIDDEN_PALETTE_KEY,
        HIDDEN_LEAVE_KEY,
    ]

    def __init__(self, controls: ErrorControls, key: str = "") -> None:
        super().__init__()
        self._controls = controls
        self._key = key
        self._frame = EMPTY_FRAME
        self._head: tuple[Phrase, ...] = ()
        self._state: tuple[str, str] = ("", "")
        self.renamed: Mapping[str, str] = {}
        """What actions are called now: nothing where there is no use for one."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="errors-head"):
            yield Static(id="errors-counts", markup=False)
            yield Static(id="errors-state", markup=False)
        yield GroupTable("Groups", SCREEN_COLUMNS, self._controls.skipped_errors, id="errors")
        yield Static(NOTHING_FAILED, id="no-errors", markup=False)
        yield FilterBar(id="error-filter", placeholder="words: stalled 500 a1f2")
        with Horizontal(id="error-details"):
            yield ErrorDetails(id="error-group")
            yield ErrorDetails(id="error-examples")
        yield TriesPlot(id="error-plot")
        yield KeyBar()

    @property
    def _table(self) -> ErrorTable:
        return self.query_one(ErrorTable)

    # Frames.

    def wanted(self, view: View) -> View:
        group = self._table.group
        return replace(
            view, errors=True, errors_of=self._key, examples_of=None if group is None else group.id
        )

    def show_frame(self, frame: Frame) -> None:
        self._frame = frame
        about = f"Groups with key {self._key}" if self._key else "Groups"
        self._table.show(frame.errors, frame.run.elapsed_s, about)
        self._show_head()
        self._show_group()
        self.query_one(TriesPlot).show(frame.failed_tries, f"0:00 to {since_start(frame.run.elapsed_s)}")
        self._show_whether_any(frame)
        self.renamed = dict.fromkeys(self._without_use(frame), "")
        self.query_one(KeyBar).rename(self.renamed)

    def _show_whether_any(self, frame: Frame) -> None:
        self.set_class(not frame.errors, "-nothing")
        words = f"Nothing has failed with key {self._key}." if self._key else NOTHING_FAILED
        nothing = self.query_one("#no-errors", Static)
        if str(nothing.content) != words:
            nothing.update(Content(words))

    def _without_use(self, frame: Frame) -> tuple[str, ...]:
        """The actions that can do nothing now."""
        of_groups = () if frame.errors else _OF_GROUPS
        return (
            *of_groups,
            *(_OF_LIVE_RUN if shown_as(frame) else ()),
            *(() if self._key else ("all_keys",)),
        )

    def _show_head(self) -> None:
        run = self._frame.run
        head = headline(self._frame, self.size.width)
        if head != self._head:
            self._head = head
            self.query_one("#errors-counts", Static).update(as_content(head))
        badge = run_badge(run)
        state = f"{badge.glyph} {run.state.value}   ", clock(run.elapsed_s)
        if state != self._state:
            self._state = state
            style = {"muted": "$text-muted", "plain": ""}.get(badge.style, f"$text-{badge.style}")
            text = as_content((Phrase(state[0], style), Phrase(state[1], "bold")))
            self.query_one("#errors-state", Static).update(text)

    def _show_group(self) -> None:
        group = self._table.group
        if group is None:
            return
        examples = self._examples
        counts = f"{counted(group.jobs, 'job')} · {counted(group.tries, 'try', 'tries')}"
        lines = group_lines(group, self._frame, bench_target(group, self._key), examples)
        self.query_one("#error-group", ErrorDetails).show(f"{group.kind}: {group.words}", counts, lines)
        order = "newest first" if group.jobs else "made good or tried again"
        shown = example_lines(group, examples)
        self.query_one("#error-examples", ErrorDetails).show("Such as", order, shown)

    @property
    def _examples(self) -> tuple[ErrorExample, ...]:
        """The examples of the group under the cursor; none until they are there."""
        group, examples = self._table.group, self._frame.examples
        known = group is not None and {example.job for example in examples} <= set(group.examples)
        return examples if known else ()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < _WIDE, "compact")
        self.set_class(event.size.height < _TALL, "short")

    # The table.

    @on(ErrorTable.Moved)
    def _moved(self) -> None:
        self._show_group()
        self._controls.poll()

    @on(ErrorTable.Chosen)
    def _chosen(self, event: ErrorTable.Chosen) -> None:
        self.dismiss()
        self._controls.show_only(filter_for(event.group, event.groups))

    @on(ErrorTable.Retry)
    def _retry(self, event: ErrorTable.Retry) -> None:
        self._controls.retry_groups([event.group])

    @on(ErrorTable.Bench)
    def _bench(self, event: ErrorTable.Bench) -> None:
        if label := bench_target(event.group, self._key):
            self._controls.bench(label)
        else:
            self._say("No key has a part in this group: there is none to bench")

    def action_choose(self) -> None:
        self._table.row_activated()

    def action_retry(self) -> None:
        self._table.action_retry()

    def action_retry_all(self) -> None:
        """Retry every failed job; where groups are skipped, or of one key, only those of the others."""
        kept = self._table.kept
        if self._key or len(kept) < len(self._frame.errors):
            self._controls.retry_groups(kept)
        else:
            self._controls.action_retry_failed()

    def action_bench(self) -> None:
        self._table.action_bench()

    def action_skip(self) -> None:
        self._table.action_skip()

    def action_inspect(self) -> None:
        group = self._table.group
        if group is None or not group.examples:
            self._say(_NO_GROUP)
        else:
            self._controls.inspect(group.examples[0])

    def action_inspect_job(self, job: int) -> None:
        """Show this job in full."""
        self._controls.inspect(job)

    def action_copy(self) -> None:
        group = self._table.group
        if group is None:
            self._say(_NO_GROUP)
            return
        what = "what the server said, and the ids of its requests"
        self.post_message(Copied(copied_words(group, self._examples), what))

    def _say(self, words: str) -> None:
        self.app.notify(words, markup=False)

    # How the table is looked at.

    def action_sort(self) -> None:
        self._table.look(self._table.sort.following, self._table.filter)

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _filtered(self, event: FilterBar.Changed) -> None:
        self._table.look(self._table.sort, event.text)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._table.focus()

    def action_all_keys(self) -> None:
        """Show the errors of every key."""
        self._key = ""
        self._controls.poll()

    def action_back(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.is_open:
            bar.close()
        else:
            self.dismiss()

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))
