"""Finding a file of prompts in this folder and below, by some letters of its name."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import Screen

from llmdash.sanitize import clean_line

if TYPE_CHECKING:
    from llmdash.ui.home.blocking_work import BlockingWork
    from llmdash.ui.launcher import PromptChoice

__all__ = ["find_file"]


def find_file(
    screen: Screen[None],
    work: BlockingWork,
    ask: Callable[[], Sequence[PromptChoice]],
    take: Callable[[str], None],
) -> None:
    """Search for a file, once it is known which there are; give the path of the chosen one to `take`."""

    def tell(problem: str) -> None:
        screen.notify(problem, severity="error", markup=False)

    def found(files: Sequence[PromptChoice]) -> None:
        if files:
            # as a terminal pastes it, so that blanks part nothing
            screen.app.push_screen(_finder(files, lambda path: take(shlex.quote(path))))
        else:
            tell("No file of prompts is in this folder or below: type the path of one")

    work.start("files", ask, found, tell)


def _highlighted(matcher: Matcher, name: str) -> Content:
    """A name with the letters that were typed; `Matcher.highlight` would take brackets in it for markup."""
    content = Content(name)
    for place in matcher.fuzzy_search.match(matcher.query, name)[1]:
        content = content.stylize(matcher.match_style, place, place + 1)
    return content


def _finder(files: Sequence[PromptChoice], take: Callable[[str], None]) -> CommandPalette:
    class FileProvider(Provider):
        """Lists the files, and those whose names have the letters that are typed."""

        async def discover(self) -> Hits:
            for file in files:
                name = clean_line(file.name)
                yield DiscoveryHit(Content(name), partial(take, str(file.path)), text=name)

        async def search(self, query: str) -> Hits:
            matcher = self.matcher(query)
            for file in files:
                name = clean_line(file.name)
                if (score := matcher.match(name)) > 0:
                    yield Hit(score, _highlighted(matcher, name), partial(take, str(file.path)), text=name)

    return CommandPalette(providers=[FileProvider], placeholder="Find a file of prompts in this folder")
