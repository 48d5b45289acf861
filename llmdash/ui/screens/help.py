"""Help over any screen: its keys as they are now, what the glyphs mean, and the pages of the manual."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Markdown, OptionList, Static
from textual.widgets.option_list import Option

from llmdash.manual import Page, UnknownTopic, find_pages, page_of
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.glyphs import LEGEND
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.keymap import KeyEntry, listed

__all__ = ["HelpScreen", "help_screen"]

KEYS: Final = "Keys here"
GLYPHS: Final = "Glyphs"
_KEYS_WIDTH: Final = 8
_NAMES_WIDTH: Final = 16
_LEAST_HELP: Final = 16
_SEARCH: Final = "a word to look for in the manual"


def help_screen(screen: Screen[Any]) -> HelpScreen:
    """Return the help for a screen and the widgets on it, with its keys as they are now."""
    return HelpScreen(list(listed(screen)))


class KeyList(Static):
    """Keys, one action after the other, in as many lines as its width asks for."""

    def __init__(self, entries: Sequence[KeyEntry]) -> None:
        super().__init__(classes="help-keys", markup=False)
        self._entries = entries

    def on_mount(self) -> None:
        self._fit(self.app.size.width)

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        lines = (line for entry in self._entries for line in _lines(entry, width))
        self.update(Content("\n").join(lines))


class HelpScreen(ModalScreen[None], SteadyScreen[None]):
    """Topics on the left, the chosen one on the right; what is below keeps updating behind it.

    | Key | Does |
    |---|---|
    | up, down | Choose a topic. |
    | enter | Go into its text, to scroll. |
    | / | Search the manual. |
    | escape | Leave the search, then the help. |
    """

    CSS_PATH = Path(__file__).with_name("help.tcss")
    TITLE = "Help"
    AUTO_FOCUS = "#topics"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", tooltip="Topics with all these words"),
        Binding("escape", "back", "Back", tooltip="Leave the search, then the help"),
        Binding("question_mark,q", "dismiss", "Back", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen #help-box {
        width: 112; max-width: 100%; height: 34; max-height: 100%;
        background: $surface; border: round $border; padding: 0 1;
        border-title-color: $primary; border-title-style: bold; border-subtitle-color: $foreground-muted;
    }
    HelpScreen #help-search { height: 1; }
    HelpScreen #help-search Static { width: 2; color: $text-accent; text-style: bold; }
    HelpScreen Input, HelpScreen Input:focus {
        width: 1fr; background: $surface; background-tint: $surface 0%; border: none; height: 1; padding: 0;
    }
    HelpScreen #topics {
        width: 20; height: 1fr; background: $surface; border: none; padding: 0; scrollbar-size-vertical: 1;
    }
    HelpScreen #topics:focus { background-tint: $surface 0%; }
    HelpScreen #help { width: 1fr; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    HelpScreen Markdown { padding: 0; margin: 0; background: $surface; }
    HelpScreen MarkdownFence { margin: 1 0; padding: 0 1; }
    HelpScreen MarkdownFence > Label { width: 1fr; padding: 0; }
    HelpScreen MarkdownH1 { margin: 0 0 1 0; text-align: left; }
    HelpScreen MarkdownH2 { margin: 1 0; text-style: bold; }
    """

    def __init__(self, groups: Sequence[tuple[str, Sequence[KeyEntry]]], topic: str = KEYS) -> None:
        super().__init__()
        self._groups = groups
        self._topic = topic

    def compose(self) -> ComposeResult:
        with Vertical(id="help-box") as box:
            box.border_title = Content("Help")
            box.border_subtitle = Content("↑↓ topic   ⏎ read")
            with Horizontal(id="help-search"):
                yield Static("/", markup=False)
                yield Input(placeholder=_SEARCH, compact=True, id="help-words")
            with Horizontal():
                yield OptionList(*_options(_topics("")), id="topics", markup=False)
                with VerticalScroll(id="help"):
                    yield Vertical(*self._key_lists(), id="help-of-keys")
                    yield Static(_legend(), id="help-glyphs", markup=False)
                    yield Markdown(id="help-page", open_links=False)
        yield KeyBar()

    def on_mount(self) -> None:
        self.show_topic(self._topic)

    def _key_lists(self) -> Iterator[Static]:
        for title, entries in self._groups:
            yield Static(Content(title), classes="help-title", markup=False)
            yield KeyList(entries)

    # Topics.

    def show_topic(self, topic: str) -> None:
        """Show the keys, the glyphs or a page of the manual, from its beginning."""
        topics = self.query_one("#topics", OptionList)
        if topic not in _ids(topics):
            self._list_topics("")
        topics.highlighted = _ids(topics).index(topic)
        self._show(topic)

    def _show(self, topic: str) -> None:
        self._topic = topic
        self.query_one("#help-of-keys").display = topic == KEYS
        self.query_one("#help-glyphs").display = topic == GLYPHS
        page = self.query_one("#help-page", Markdown)
        page.display = topic not in (KEYS, GLYPHS)
        if page.display:
            page.update(page_of(topic).text)
        self.query_one("#help", VerticalScroll).scroll_home(animate=False)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id is not None and event.option_id != self._topic:
            self._show(event.option_id)

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.query_one("#help").focus()

    @on(Markdown.LinkClicked)
    def _follow(self, event: Markdown.LinkClicked) -> None:
        """Links lead from page to page; an address elsewhere is left to the terminal."""
        event.stop()
        try:
            self.show_topic(page_of(event.href.removesuffix(".md")).topic)
        except UnknownTopic:
            self.notify(event.href, markup=False)

    # Search.

    def action_search(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self._list_topics(event.value)

    @on(Input.Submitted)
    def _found(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#topics").focus()

    def _list_topics(self, words: str) -> None:
        topics = self.query_one("#topics", OptionList)
        found = _topics(words)
        topics.clear_options()
        topics.add_options(_options(found))
        if found:
            topics.highlighted = 0
        self.query_one("#help-box").border_title = Content(
            "Help" if found else "Help · no page has all these words"
        )

    def action_back(self) -> None:
        """Drop the search, or leave."""
        words = self.query_one(Input)
        if words.value or words.has_focus:
            words.value = ""
            self.query_one("#topics").focus()
        else:
            self.dismiss()


def _topics(words: str) -> list[str]:
    """The topics that have all these words; without any, all of them."""
    pages: list[Page] = list(find_pages(words))
    return [*(() if words.strip() else (KEYS, GLYPHS)), *(page.topic for page in pages)]


def _options(topics: Sequence[str]) -> list[Option]:
    return [Option(Content(topic), id=topic) for topic in topics]


def _ids(topics: OptionList) -> list[str | None]:
    return [option.id for option in topics.options]


def _legend() -> Content:
    """Each glyph with what it means, those of one place together."""
    lines: list[Content] = []
    for place, glyphs in LEGEND:
        lines += [Content(""), Content.styled(place, "bold $primary")]
        lines += [
            Content.assemble((f"{glyph.glyph:<3}", f"bold {glyph.tint}"), glyph.meaning) for glyph in glyphs
        ]
    return Content("\n").join(lines)


def _lines(entry: KeyEntry, width: int) -> Iterator[Content]:
    """Keys, name and what it does; the last one goes on below itself where the line is full."""
    head = _padded(entry.glyphs, _KEYS_WIDTH), _padded(entry.name, _NAMES_WIDTH)
    indent = cell_len("".join(head))
    said = textwrap.wrap(entry.help, max(_LEAST_HELP, width - indent)) or [""]
    yield Content.assemble((head[0], "bold $text-accent"), head[1], (said[0], "$foreground-muted"))
    for more in said[1:]:
        yield Content.assemble(" " * indent, (more, "$foreground-muted"))


def _padded(text: str, width: int) -> str:
    """The text with blanks up to that many cells, and at least two of them."""
    return text + " " * max(2, width - cell_len(text))
