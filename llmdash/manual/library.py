"""Finds the pages of the manual, by topic or by words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

from llmdash.lean_dataclass import dataclass

__all__ = ["TOPICS", "Page", "UnknownTopic", "find_pages", "page_of", "pages"]

TOPICS: Final = (
    *(
        "getting-started",
        "files",
        "templates",
        "results",
        "providers",
        "keys",
        "settings",
        "rate",
    ),
    *(
        "dashboard",
        "jobs",
        "filter",
        "inspector",
        "graphs",
        "errors",
        "keyboard",
        "themes",
    ),
    *(
        "trial-and-budget",
        "batch",
        "resume",
        "runs",
        "replay",
        "compare",
        "checks",
        "batch-in-ci",
        "web",
    ),
    *(
        "library",
        "workers",
        "cluster",
        "simulator",
        "speed",
        "security",
        "troubleshooting",
    ),
)
"""In the order in which one would read them."""

_NEAR: Final = 3


class UnknownTopic(LookupError):
    """There is no page about a topic; the text names those that are near."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the manual: its topic, its title, and its text in Markdown."""

    topic: str
    title: str
    text: str


@cache
def pages() -> tuple[Page, ...]:
    """Return all pages in the order of TOPICS. Raises FileNotFoundError if the installation lacks one."""
    return tuple(map(_read, TOPICS))


def page_of(topic: str) -> Page:
    """Return the page about a topic. Raises UnknownTopic, which names the near ones."""
    if topic not in TOPICS:
        raise UnknownTopic(f"there is no page about {topic!r}; {_advice(topic)}")
    return _read(topic)


def find_pages(words: str) -> Iterator[Page]:
    """Yield the pages that have every one of these words, those with all of them in the title first."""
    wanted = words.lower().split()
    found = [page for page in pages() if all(word in page.text.lower() for word in wanted)]
    yield from sorted(
        found, key=lambda page: not all(word in f"{page.topic} {page.title}".lower() for word in wanted)
    )


def _advice(topic: str) -> str:
    near = difflib.get_close_matches(topic.lower(), TOPICS, n=_NEAR)
    near = near or [page.topic for page in find_pages(topic)][:_NEAR]
    return f"did you mean {' or '.join(near)}?" if near else "llmdash manual lists all topics"


@cache
def _read(topic: str) -> Page:
    text = files("llmdash.manual").joinpath("pages", f"{topic}.md").read_text(encoding="utf-8")
    return Page(topic, text.partition("\n")[0].removeprefix("# "), text)
