"""An app around one widget, and what a test asks of its screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

M = TypeVar("M", bound=Message)

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x9b2J",
    "[/] [bold]x[/bold] [@click=app.quit]q[/]",
    "abc\u202edef\u2066",
    "nul\x00 bell\a backspace\b",
    "line\nbreak\ttab\r\n",
    "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 日本語テキスト",
    "lone \ud83d surrogate \udc00",
    "tag \U000e0041\U000e007f",
    "zalgo" + "\u0301" * 300,
    "\u200b\ufeff",
    "",
    " ",
    "x" * 1_000_000,
)
"""Text that no terminal and no markup parser should ever get to see raw."""


class WidgetApp(App[None]):
    """One widget that fills the screen; keeps the messages it posts."""

    CSS = """
    Screen > * { height: 100%; width: 100%; }
    """

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.widget.focus()

    def hear(self, message: Message) -> None:
        """Keep a message, once, however many nodes it passes."""
        if type(message).__module__.startswith("llmdash.") and not any(
            message is kept for kept in self.heard
        ):
            self.heard.append(message)


@asynccontextmanager
async def running(widget: Widget, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The widget on a screen of this size; `pilot.app` is the `WidgetApp`."""
    app = WidgetApp(widget)
    async with app.run_test(size=size, message_hook=app.hear) as pilot:
        await pilot.pause()
        yield pilot


def posted(pilot: Pilot[None], kind: type[M]) -> list[M]:
    """The messages of this kind that the widget posted, in order."""
    app = pilot.app
    assert isinstance(app, WidgetApp)
    return [message for message in app.heard if isinstance(message, kind)]


def strips(widget: Widget) -> Iterator[Strip]:
    """The lines of a widget's content, as it draws them now."""
    for y in range(widget.content_size.height):
        yield widget.render_line(y)


def lines(widget: Widget) -> list[str]:
    """The text of a widget's content, line by line, without trailing blanks."""
    return [strip.text.rstrip() for strip in strips(widget)]


def lines_drawn(widget: Widget) -> list[int]:
    """Grows by the number of each line of `widget` that is drawn from now on."""
    drawn: list[int] = []
    render = widget.render_line

    def render_line(y: int) -> Strip:
        drawn.append(y)
        return render(y)

    vars(widget)["render_line"] = render_line
    return drawn


def assert_drawn_safely(widget: Widget) -> None:
    """Every line is exactly as wide as there is room, and holds no control character or lone surrogate."""
    width = widget.scrollable_content_region.width
    for strip in strips(widget):
        assert strip.cell_length == width
        assert sum(segment.cell_length for segment in strip) == width
        text = strip.text
        text.encode()
        assert not [character for character in text if ord(character) < 32 or 0x7F <= ord(character) < 0xA0]
        assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
