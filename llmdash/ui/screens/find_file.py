"""Finding a file of prompts in this folder and below, by some letters of its name."""

from __future__ import annotations

import re
import shlex
from asyncio import Future, get_running_loop, shield
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import Screen

from llmdash.sanitize import clean_line
from llmdash.ui.screens.palette import Palette
from llmdash.ui.text.pasted import is_there

if TYPE_CHECKING:
    from llmdash.ui.home.blocking_work import BlockingWork
    from llmdash.ui.launcher import PromptChoice

__all__ = ["find_file", "searched_for"]


def searched_for(text: str) -> str:
    """Return what stands behind `/` in a text that is no path; empty where it is one."""
    found = re.fullmatch(r"/([^/\s]+)", text)
    return "" if found is None or is_there(text) else found[1]


def find_file(
    screen: Screen[None],
    work: BlockingWork,
    ask: Callable[[], Sequence[PromptChoice]],
    take: Callable[[str], None],
) -> None:
    """Search for a file; give the path of the chosen one to `take`.

    The search opens before it is known which files there are: what is typed meanwhile is its own.
    """
    known: Future[Sequence[PromptChoice]] = get_running_loop().create_future()
    # as a terminal pastes it, so that blanks part nothing
    finder = _finder(known, lambda path: take(shlex.quote(path)))

    def tell(problem: str) -> None:
        known.set_result(())
        finder.dismiss()
        screen.notify(problem, severity="error", markup=False)

    def found(files: Sequence[PromptChoice]) -> None:
        if files:
            known.set_result(files)
        else:
            tell("No file of prompts is in this folder or below: type the path of one")

    screen.app.push_screen(finder)
    work.start("files", ask, found, tell)


def _highlighted(matcher: Matcher, name: str) -> Content:
    """A name with the letters that were typed; `Matcher.highlight` would take brackets in it for markup."""
    content = Content(name)
    for place in matcher.fuzzy_search.match(matcher.query, name)[1]:
        content = content.stylize(matcher.match_style, place, place + 1)
    return content


def _finder(known: Future[Sequence[PromptChoice]], take: Callable[[str], None]) -> Palette:
    class FileProvider(Provider):
        """Lists the files, once they are known, and those whose names have the letters that are typed. What a
        search waits for goes on once that is dropped: the next one waits for it too.
        """

        async def discover(self) -> Hits:
            for file in await shield(known):
                name = clean_line(file.name)
                yield DiscoveryHit(Content(name), partial(take, str(file.path)), text=name)

        async def search(self, query: str) -> Hits:
            matcher = self.matcher(query)
            for file in await shield(known):
                name = clean_line(file.name)
                if (score := matcher.match(name)) > 0:
                    yield Hit(score, _highlighted(matcher, name), partial(take, str(file.path)), text=name)

    return Palette(providers=[FileProvider], placeholder="Find a file of prompts in this folder")
