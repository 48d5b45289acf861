"""Sorts the numbers of jobs by a key, in pieces that hold no other thread up and in little memory.

The jobs are dealt into buckets between keys that a sample of them has, and each bucket is sorted by itself;
what has the very key of a sample needs no sorting. So no list of all keys is made, and nothing is merged.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["SLICE", "slices", "sorted_jobs"]

SLICE = 512
"""Jobs that are looked at between two rests."""
_BUCKET = 2_048
"""Jobs that a bucket has, about."""
_PER_SPLIT = 8
"""Keys that are looked at for each one that parts two buckets."""

Key = Callable[[int], Any]


def slices(jobs: array[int], rest: Callable[[], None], size: int = SLICE) -> Iterator[array[int]]:
    """Yield `jobs` some at a time, with a `rest` before each."""
    for first in range(0, len(jobs), size):
        rest()
        yield jobs[first : first + size]


def sorted_jobs(
    jobs: array[int], key: Key, rest: Callable[[], None], bucket_size: int = _BUCKET
) -> array[int]:
    """Return `jobs` by their keys, those of the same key as they were. `rest` is called between pieces, of
    which none takes more than some thousands of jobs; what it raises ends the sorting.
    """
    splits = _splits(jobs, key, rest, bucket_size)
    buckets = [array("I") for _ in range(2 * len(splits) + 1)]
    for some in slices(jobs, rest):
        for job in some:
            value = key(job)
            place = bisect_left(splits, value)
            is_split = place < len(splits) and splits[place] == value
            buckets[2 * place + is_split].append(job)
    found = array("I")
    buckets.reverse()
    while buckets:  # each is dropped once it is taken over
        bucket, is_mixed = buckets.pop(), len(buckets) % 2 == 0
        for piece in _pieces(bucket, key, is_mixed, rest, bucket_size):
            found.extend(piece)
    return found


def _pieces(
    bucket: array[int], key: Key, is_mixed: bool, rest: Callable[[], None], size: int
) -> Iterable[Iterable[int]]:
    """The jobs of a bucket, in order; where it is not mixed all have the same key."""
    if not bucket:
        return
    if not is_mixed:
        yield bucket
        return
    if len(bucket) > 8 * size:  # the sample was not like the rest
        yield sorted_jobs(bucket, key, rest, size)
        return
    rest()
    yield sorted(bucket, key=key)


def _splits(jobs: array[int], key: Key, rest: Callable[[], None], bucket_size: int) -> list[Any]:
    """Keys that part the jobs into buckets of about that size, in order, each once."""
    wanted = len(jobs) // bucket_size
    if not wanted:
        return []
    step = max(1, len(jobs) // (wanted * _PER_SPLIT))
    looked_at = array("I", (jobs[place] for place in range(step // 2, len(jobs), step)))
    sample: list[Any] = []
    for some in slices(looked_at, rest):
        sample.extend(map(key, some))
    sample.sort()
    return list(dict.fromkeys(sample[::_PER_SPLIT]))
