"""The steps of a bench: how many requests at once, and how many requests each takes."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["ladder", "requests_of"]

_LEAST_REQUESTS, _ROUNDS = 12, 3


def requests_of(concurrency: int) -> int:
    """Return how many requests a step takes: some rounds, of which the first fills it."""
    return max(_LEAST_REQUESTS, _ROUNDS * concurrency)


def ladder(most: int, requests: int) -> Iterator[int]:
    """Yield the concurrency of each step: doubled up to `most`, as long as `requests` are left for it.

    >>> list(ladder(48, 300))
    [1, 2, 4, 8, 16, 32]
    """
    concurrency = 1
    while requests >= requests_of(concurrency):
        yield concurrency
        requests -= requests_of(concurrency)
        if concurrency >= most:
            return
        concurrency = min(most, 2 * concurrency)
