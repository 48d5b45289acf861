"""The list of actions in the manual's page about the keyboard.

Call it so, after a change of bindings: `python -m tests.manual.keyboard_page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import llmdash
from llmdash.ui.screens.actions import SCREENS, bound_on
from llmdash.ui.text.keymap import BoundAction

PAGE = Path(llmdash.__file__).parent / "manual" / "pages" / "keyboard.md"
BEGIN, END = "<!-- actions: begin -->\n", "<!-- actions: end -->\n"


def listing() -> str:
    """The actions of each screen and widget, but for those that an earlier one has, as tables."""
    seen: set[str] = set()
    lines: list[str] = []
    for name in dict.fromkeys(chain.from_iterable((screen, *each) for screen, each in SCREENS.items())):
        new = [action for action in bound_on(name) if action.id not in seen]
        seen.update(action.id for action in new)
        if new:
            kind = name.rpartition(".")[2].removesuffix("Screen")
            title = "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip().capitalize()
            lines += ["", f"## {title}", "", "| action | keys | |", "|---|---|---|", *_rows(new)]
    return "\n".join(lines) + "\n\n"


def _rows(actions: list[BoundAction]) -> Iterator[str]:
    for action in actions:
        what = action.name if not action.help else f"{action.name}: {action.help[0].lower()}{action.help[1:]}"
        keys = " ".join(f"`{glyph}`" for glyph in action.glyphs.split())
        yield f"| `{action.id}` | {keys} | {what.replace('|', chr(92) + '|')} |"


def written() -> str:
    """The page with the list as it has to be."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + listing() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
