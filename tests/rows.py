"""Many rows of a table in one test, where starting what they are tried on costs more than the rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

__all__ = ["for_each", "row"]


@contextmanager
def row(what: object) -> Iterator[None]:
    """Name the row that a failure within comes from."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the row {what!r:.200}")
        raise


def for_each(name: str, values: Iterable[object]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `pytest.mark.parametrize`, in one test that ends with the first row that fails, and names it.

    For rows that leave nothing behind: all of them get the same fixtures.
    """
    rows = tuple(values)

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(test)
        async def tried_in_turn(**given: Any) -> None:
            for value in rows:
                with row(value):
                    await test(**given, **{name: value})

        @wraps(test)
        def tried(**given: Any) -> None:
            for value in rows:
                with row(value):
                    test(**given, **{name: value})

        looped: Any = tried_in_turn if inspect.iscoroutinefunction(test) else tried
        own = inspect.signature(test)
        looped.__signature__ = own.replace(
            parameters=[each for each in own.parameters.values() if each.name != name]
        )
        return looped  # type: ignore[no-any-return]

    return decorate
