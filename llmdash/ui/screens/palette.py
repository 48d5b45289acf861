"""The command palette: every action with its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.css.query import NoMatches
from textual.worker import Worker

from llmdash.lean_dataclass import dataclass
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyEntry, listed

__all__ = ["ActionProvider", "Palette"]


class Palette(CommandPalette, SteadyScreen[None]):
    """Textual's palette, which bears keys that come before its list is laid out, or after it was closed."""

    CSS_PATH = Path(__file__).with_name("palette.tcss")

    def run_worker(self, *args: Any, **options: Any) -> Worker[Any]:
        """As Textual's, but what searches for a palette that is closed ends no app: it finds no list."""
        return super().run_worker(*args, **{**options, "exit_on_error": False})

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError, NoMatches):  # its lines have no place yet, or no more
            super()._action_command_list(action)


@dataclass(frozen=True, slots=True)
class _Choice:
    title: str
    help: str
    run: Callable[[], Any]
    why_not: str = ""
    """Why it can do nothing now."""


class ActionProvider(Provider):
    """Lists the actions bound by the screen and its widgets: at first those that can do something now. Who
    searches for another finds it, with what is against it: `screen.why_not`, where there is one, says that.
    """

    async def discover(self) -> Hits:
        for choice in self._choices():
            if not choice.why_not:
                yield DiscoveryHit(choice.title, choice.run, help=choice.help or None)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for choice in self._choices():
            score = matcher.match(choice.title)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(choice.title),
                    choice.run,
                    help=choice.why_not or choice.help or None,
                )

    def _choices(self) -> Iterator[_Choice]:
        for title, group in listed(self.screen):
            for entry in group:
                if entry.action != "app.command_palette":
                    yield self._from_entry(title, entry)
        yield _Choice("Theme", "Choose other colours", self.app.action_change_theme)

    def _from_entry(self, title: str, entry: KeyEntry) -> _Choice:
        is_of_screen = entry.node is self.screen
        place = "" if is_of_screen else f"{title}: "
        why_not: Callable[[str], str] = getattr(self.screen, "why_not", lambda _bound: "")
        run = partial(self.app.run_action, entry.action, default_namespace=entry.node)
        return _Choice(
            f"{place}{entry.name}  ({entry.glyphs})",
            entry.help,
            run,
            why_not(entry.action) if is_of_screen else "",
        )
