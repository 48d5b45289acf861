"""Many rows of a table in one test, where starting what they are tried on costs more than the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["row"]


@contextmanager
def row(what: object) -> Iterator[None]:
    """Name the row that a failure within comes from."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the row {what!r:.200}")
        raise
