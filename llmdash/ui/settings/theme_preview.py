"""A small dashboard in the colours of a theme, as text for a terminal."""

from __future__ import annotations

from typing import Final

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.theme import Theme

from llmdash.ui.settings.contrast import legible

__all__ = ["PREVIEW_WIDTH", "preview"]

PREVIEW_WIDTH: Final = 72

_INK, _MUTED, _FAINT = "foreground", "text-muted", "border-blurred"
_FOCUS, _GOOD, _WAITS, _BAD, _SET = (
    *("text-primary", "text-success", "text-warning", "text-error"),
    "text-accent",
)

_Line = tuple[tuple[str, str], ...]
"""Texts, each with the variable of its colour; `*` before it is bold, and `>` is on the cursor's row."""

_PREVIEW: Final[tuple[_Line, ...]] = (
    (
        *((" llmdash  ", f"*{_FOCUS}"), ("arithmetic  ", f"*{_INK}"), ("gpt-4o-mini @ openai", _MUTED)),
        *(("          ● running  ", _GOOD), ("00:03:12 ", f"*{_INK}")),
    ),
    (
        *((" " + "━" * 22, _GOOD), ("×", _BAD), ("╍", _FOCUS), ("─" * 20, _FAINT)),
        *(("  3,412/10,000  34%", f"*{_INK}"), ("  6m10s ", _MUTED)),
    ),
    (
        *((" ▲ bound by rate 20.0/s ", _FOCUS), ("   ✖ key c3d4 dead: 401 ", _BAD)),
        *(("   ◐ 77de rests 4s ", _WAITS), (" ! 2 ", _SET)),
    ),
    ((("┏━ Jobs " + "━" * 50 + " all 10,000 ━┓", _FOCUS),)),
    (
        *(("┃", _FOCUS), ("›add-3453  ", f">{_INK}"), ("▸ stream   ", f">{_FOCUS}")),
        *(("a1f2  1 ", f">{_INK}"), ("··", f">{_MUTED}"), ("━━━╸   ", f">{_FOCUS}")),
        *(('610ms   {"expression": "88 + 3 ', f">{_INK}"), ("┃", _FOCUS)),
    ),
    (
        *(("┃", _FOCUS), (" add-3447  ", _INK), ("● done     ", _GOOD), ("a1f2  1 ", _INK), ("·", _MUTED)),
        *(("─", "secondary"), ("━━━━   ", _GOOD), ("920ms ", _INK), ("✓ ", _GOOD), ("65" + " " * 21, _INK)),
        ("┃", _FOCUS),
    ),
    (
        *(("┃", _FOCUS), (" add-3452  ", _INK), ("↻ backoff  ", _WAITS), ("9bc0  2 ", _INK), ("·", _MUTED)),
        *(
            ("─────   ", "secondary"),
            ("400ms   ", _INK),
            ("500 server error" + " " * 7, _BAD),
            ("┃", _FOCUS),
        ),
    ),
    ((("┗" + "━" * 70 + "┛", _FOCUS),)),
    (
        *(("╭─ ", _FAINT), ("Rate", _MUTED), (" " + "─" * 47 + " ", _FAINT), ("bound by rate", _MUTED)),
        (" ─╮", _FAINT),
    ),
    (
        *(("│", _FAINT), (" set  ", _MUTED), ("20.0/s  ", f"*{_INK}"), ("├", _FAINT)),
        *(("━" * 12 + "┿" + "━" * 10 + "┿━━", _FOCUS), ("◆", f"*{_SET}"), ("─" * 5 + "┼" + "─" * 13, _FAINT)),
        *(("┤ ", _FAINT), ("1000 ", _MUTED), ("  │", _FAINT)),
    ),
    ((("╰" + "─" * 70 + "╯", _FAINT),)),
)


def preview(theme: Theme) -> Text:
    """Return a small dashboard in the colours of the theme, PREVIEW_WIDTH cells wide."""
    colors = legible({**theme.to_color_system().generate(), **theme.variables})
    drawn = Text(no_wrap=True, end="")
    for line in _PREVIEW:
        text = Text(no_wrap=True)
        for words, style in line:
            text.append(words, _style(style, colors))
        text.append(" " * (PREVIEW_WIDTH - text.cell_len), _style(_INK, colors))
        drawn.append_text(text)
        drawn.append("\n")
    return drawn


def _style(name: str, colors: dict[str, str]) -> Style:
    ground = colors["block-cursor-blurred-background" if name.startswith(">") else "background"]
    return Style(
        color=_rich(colors[name.lstrip("*>")], colors),
        bgcolor=_rich(ground, colors),
        bold=name.startswith("*"),
    )


def _rich(value: str, colors: dict[str, str]) -> str | None:
    """A colour as Rich writes it, laid over the background; None for the terminal's own."""
    color = Color.parse(value)
    if color.ansi is not None:
        return None
    return Color.parse(colors["background"]).blend(color, color.a, alpha=1.0).hex6
