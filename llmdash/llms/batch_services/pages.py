"""Lists that a service tells page by page, newest first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from llmdash.llms.batch_services.calls import ServiceReply
from llmdash.llms.batch_services.fields import identifier, mapping, server_time

__all__ = ["ListPage", "read_pages"]

_MOST_PAGES = 100


class _Listed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> float | None: ...


Entry = TypeVar("Entry", bound=_Listed)


class ListPage(NamedTuple):
    """A page of a list: `last` is the id behind which the next one begins, None if there is none."""

    entries: list[Any]
    last: str | None
    at: float | None

    @classmethod
    def of(cls, reply: ServiceReply, redact: Callable[[str], str]) -> ListPage:
        """Return what a service answered. Raises Failure for what is no list."""
        found = mapping(reply.document)
        entries = found.get("data")
        if entries is None and found.get("object") == "list":
            entries = []
        if not isinstance(entries, list):
            raise reply.refused(redact)
        last = identifier(found.get("last_id"))
        if last is None and entries:
            last = identifier(mapping(entries[-1]).get("id"))
        return cls(entries, last if found.get("has_more") is True else None, server_time(reply.headers))


async def read_pages(
    page: Callable[[str | None], Awaitable[ListPage]],
    read: Callable[[Any], Entry | None],
    since: float | None,
) -> tuple[list[Entry], float | None, bool]:
    """Return the entries of all pages until one is older than `since` (Unix seconds), or those of the first
    page; the service's time; and whether there are no more. Raises Failure.
    """
    found: dict[str, Entry] = {}
    after: str | None = None
    at: float | None = None
    for number in range(_MOST_PAGES):
        one = await page(after)
        at = one.at if number == 0 else at
        known = len(found)
        for entry in map(read, one.entries):
            if entry is not None:
                found.setdefault(entry.id, entry)
        after = one.last
        if after is None or since is None or len(found) == known or _has_older(found, since):
            break
    return sorted(found.values(), key=_age), at, after is None


def _has_older(found: dict[str, Any], since: float) -> bool:
    """Whether the last entry is older; services cut their times to whole seconds."""
    last = next(reversed(found.values()), None)
    return last is not None and last.created_at is not None and last.created_at + 1 <= since


def _age(entry: _Listed) -> float:
    return -(entry.created_at or 0.0)
