"""Two kept runs side by side: totals, the prompts that changed, and both answers to one of them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.comparison import (
    ComparedRun,
    ComparisonPart,
    ComparisonSource,
    PairsView,
)
from llmdash.engine.model.comparison_words import notes
from llmdash.sanitize import clean_line
from llmdash.ui.panels.answer_pane import AnswerPane
from llmdash.ui.panels.compared_figures import KINDS, ChangesPanel, FiguresPanel, kind_name
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.tables.pair_table import PairTable
from llmdash.ui.text.format import fit, fit_middle, share
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import HELP_KEY, HIDDEN_PALETTE_KEY, JUMP_KEY

__all__ = ["ComparisonScreen"]

_TICK_S = 0.1
_WIDE = 100
"""From this many columns on, figures and changes are side by side, in boxes."""
_TALL = 20
"""From this many lines on, there are figures."""
_FOLDED_KINDS = 3
"""The lines that the kinds of change take where they are below the figures."""


class ComparisonScreen(SteadyScreen[None]):
    """Looks at `source` a few times a second while it is at work, and after each key."""

    CSS_PATH = Path(__file__).with_name("comparison.tcss")
    TITLE = "Comparison"
    AUTO_FOCUS = "PairTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Close the filter, then the comparison"),
        Binding("enter", "enlarge", "Answers", tooltip="More room for both answers; again, less"),
        Binding("slash", "filter", "Filter", tooltip="Only prompts whose id contains a text"),
        *(
            Binding(
                str(place + 1), f"kind({place})", name, show=False, tooltip="Only these; again, all changes"
            )
            for place, name in enumerate(map(kind_name, KINDS))
        ),
        Binding("0", "all_changes", "All changes", tooltip="Every prompt that changed"),
        Binding("a", "every_prompt", "All prompts", tooltip="Those that are the same, too"),
        Binding("s", "pairs('sort_next')", "Sort", tooltip="Sort by the next column"),
        Binding("i", "pairs('reverse')", "Reverse", show=False, tooltip="Reverse the order"),
        Binding("e", "export", "Export", tooltip="Write the prompts of the table to a file"),
        JUMP_KEY,
        HIDDEN_PALETTE_KEY,
        HELP_KEY,
        Binding("q", "app.quit", "Leave", id="quit", tooltip="Leave at once"),
    ]

    def __init__(self, source: ComparisonSource, view: PairsView | None = None) -> None:
        super().__init__()
        self._source = source
        self._first_view = view or PairsView()
        self._part: ComparisonPart | None = None
        self._told = 0

    def compose(self) -> ComposeResult:
        yield Static(id="compared-head", markup=False)
        with Container(id="compared-totals"):
            yield FiguresPanel(id="figures")
            yield ChangesPanel(id="changes")
        yield FilterBar(id="pair-filter", placeholder="a part of the prompt's id")
        yield PairTable(self._first_view, id="pairs")
        with Container(id="answers"):
            yield AnswerPane("A", id="answer-a")
            yield AnswerPane("B", id="answer-b")
        yield KeyBar()

    @property
    def _table(self) -> PairTable:
        return self.query_one(PairTable)

    def on_mount(self) -> None:
        self.query_one("#changes").border_title = Content("What changed")
        self.set_interval(_TICK_S, self._look)

    def _look(self) -> None:
        """Look again while there is more to come."""
        if self._part is None or self._part.busy or self._part.view != self._table.view:
            self.poll()

    @on(PairTable.Changed)
    def poll(self) -> None:
        """Show what is known now, and ask for what is on screen."""
        part = self._source.picture(self._table.view)
        if part == self._part:
            return
        self._part = part
        self._table.show(part)
        self._show_totals(part)
        self._show_answers(part)
        for notice in part.notices[self._told :]:
            self.notify(clean_line(notice), markup=False)
        self._told = len(part.notices)

    def _show_totals(self, part: ComparisonPart) -> None:
        self.query_one(FiguresPanel).show(part.totals)
        self.query_one(ChangesPanel).show(part.totals, self._table.changes)
        self._show_head(part)
        self._fit_totals()

    def _show_head(self, part: ComparisonPart) -> None:
        width = max(20, self.size.width - 2)
        state, tint = _state(part)
        head = Content.assemble(
            ("A ", "bold $text-primary"),
            (_name(part.a, width // 3), "bold"),
            ("   B ", "bold $text-primary"),
            (_name(part.b, width // 3), "bold"),
        )
        gap = max(1, width - head.cell_length - len(state))
        lines = [Content.assemble(head, " " * gap, (state, tint))]
        said = [part.problem] if part.problem else [*notes(part.totals, part.a, part.b)]
        if said:
            words = fit(" · ".join(said), width)
            lines.append(Content.styled(words, "$text-error" if part.problem else "$text-warning"))
        self.query_one("#compared-head", Static).update(Content("\n").join(lines))

    def _show_answers(self, part: ComparisonPart) -> None:
        detail = part.detail
        if detail is None or detail.row.pair != self._table.view.inspect:
            return
        row = detail.row
        for run, pane, side, texts in ((part.a, "a", row.a, detail.a), (part.b, "b", row.b, detail.b)):
            self.query_one(f"#answer-{pane}", AnswerPane).show(
                side, texts, marked=detail.marked, kept=run.has_texts
            )

    # Room.

    def on_resize(self, event: Resize) -> None:
        short = event.size.height < _TALL
        self.set_class(short, "short")
        self.set_class(short or event.size.width < _WIDE, "compact")
        self._fit_totals()
        if self._part is not None:
            self._show_head(self._part)

    def _fit_totals(self) -> None:
        """As many lines as the figures need, but no more than a third of the screen."""
        lines = self.query_one(FiguresPanel).lines
        if self.has_class("short"):
            height = _FOLDED_KINDS
        elif self.has_class("compact"):
            height = 1 + min(lines, max(5, self.size.height // 3 - 3)) + _FOLDED_KINDS
        else:
            height = 2 + min(max(lines, len(KINDS)), max(5, self.size.height // 3))
        self.query_one("#compared-totals").styles.height = height

    # Keys.

    def action_kind(self, place: int) -> None:
        """Show only a kind of change; again, all of them."""
        chosen = KINDS[place]
        self._show_only(CHANGED if self._table.changes == chosen else chosen)

    @on(ChangesPanel.Chosen)
    def _kind_clicked(self, event: ChangesPanel.Chosen) -> None:
        self.action_kind(event.kind)

    def action_all_changes(self) -> None:
        self._show_only(CHANGED)

    def action_every_prompt(self) -> None:
        self._show_only(frozenset(PairChange))

    def _show_only(self, changes: frozenset[PairChange]) -> None:
        self._table.show_only(changes)
        if self._part is not None:
            self.query_one(ChangesPanel).show(self._part.totals, changes)

    async def action_pairs(self, action: str) -> None:
        """Run an action of the table, regardless of the focus."""
        await self._table.run_action(action)

    @on(PairTable.Chosen)
    def action_enlarge(self) -> None:
        self.toggle_class("answers-large")

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._table.set_text(event.text)

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._table.focus()

    def action_back(self) -> None:
        filter_bar = self.query_one(FilterBar)
        if filter_bar.is_open:
            filter_bar.close()
        elif len(self.app.screen_stack) > 1:
            self.dismiss()
        else:
            self.app.exit()

    def action_export(self) -> None:
        """Write what the table shows to a file in the working folder."""
        self._source.export(self._table.view)
        self.poll()

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))


def _name(run: ComparedRun, width: int) -> str:
    words = f"{run.name} · {run.model}" if run.model else run.name
    return fit_middle(words, width).rstrip()


def _state(part: ComparisonPart) -> tuple[str, str]:
    if part.problem:
        return "✖ cannot be read", "$text-error"
    if part.totals.complete:
        return "✓ compared", "$text-success"
    return f"▸ comparing {share(part.progress, 0):>4}", "$text-primary"
