"""Lists that a service tells page by page, newest first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from llmdash.llms.batch_services.calls import ServiceReply
from llmdash.llms.batch_services.fields import count_of, cursor, identifier, mapping, server_time

__all__ = ["ListPage", "read_pages"]

_MOST_PAGES = 100
_SMALLEST_PAGE = 20
"""Entries of a page that is full: no service is known to have smaller ones."""


class _Listed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> float | None: ...


Entry = TypeVar("Entry", bound=_Listed)


def _as_it_is(document: Any) -> Any:
    return document


class ListPage(NamedTuple):
    """A page of a list: `last` is the id, or the mark, behind which the next one begins. `has_more` says
    whether there is one, and `total` how many entries all pages have; None where the service does not say.
    """

    entries: list[Any]
    last: str | None
    has_more: bool | None
    total: int | None
    at: float | None

    @classmethod
    def of(
        cls, reply: ServiceReply, redact: Callable[[str], str], listed: Callable[[Any], Any] = _as_it_is
    ) -> ListPage:
        """Return what a service answered, which `listed` puts into the words of OpenAI. Raises Failure for
        what is no list.
        """
        found = mapping(listed(reply.document))
        entries = found.get("data")
        if entries is None and found.get("object") == "list":
            entries = []
        if not isinstance(entries, list):
            raise reply.refused(redact)
        last = cursor(found.get("last_id"))
        if last is None and entries:
            last = identifier(mapping(entries[-1]).get("id"))
        more = found.get("has_more")
        total = count_of(found.get("total"))
        at = server_time(reply.headers)
        return cls(entries, last, more if isinstance(more, bool) else None, total, at)


async def read_pages(
    page: Callable[[int, str | None], Awaitable[ListPage]],
    read: Callable[[Any], Entry | None],
    since: float | None,
) -> tuple[list[Entry], float | None, bool]:
    """Return the entries of all pages until one is older than `since` (Unix seconds), or those of the first
    page; the service's time; and whether there are no more. Raises Failure.

    Where a service does not say whether there is another page, it is asked for while they are full and bring
    something new.
    """
    found: dict[str, Entry] = {}
    after: str | None = None
    at: float | None = None
    is_whole = False
    for number in range(_MOST_PAGES):
        one = await page(number, after)
        at = one.at if number == 0 else at
        known = len(found)
        for entry in map(read, one.entries):
            if entry is not None:
                found.setdefault(entry.id, entry)
        after = one.last
        has_all = one.total is not None and len(found) >= one.total
        is_small = one.has_more is None and len(one.entries) < _SMALLEST_PAGE
        is_whole = one.has_more is False or is_small or has_all
        if len(found) == known and not is_whole:
            is_whole = one.has_more is None
            break
        if is_whole or since is None or after is None or _has_older(found, since):
            break
    return sorted(found.values(), key=_age), at, is_whole


def _has_older(found: dict[str, Any], since: float) -> bool:
    """Whether the last entry is older; services cut their times to whole seconds."""
    last = next(reversed(found.values()), None)
    return last is not None and last.created_at is not None and last.created_at + 1 <= since


def _age(entry: _Listed) -> float:
    return -(entry.created_at or 0.0)
