"""Sequences of whole numbers for millions of records, each in no more memory than its numbers need."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["ConsecutiveNumbers", "Offsets"]


class Offsets:
    """Positions in a file or a block: 4 bytes each while all are below 4 GiB, 8 from then on."""

    def __init__(self) -> None:
        self._values = array("I")

    def append(self, value: int) -> None:
        """Add one."""
        self.extend((value,))

    def extend(self, values: Sequence[int]) -> None:
        """Add some, in ascending order."""
        if values and values[-1] > 0xFFFF_FFFF and self._values.typecode == "I":
            self._values = array("Q", self._values)
        self._values.extend(values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        return self._values[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)


class ConsecutiveNumbers:
    """Ascending numbers, mostly each one more than that before: a few bytes for each time it is not so."""

    def __init__(self) -> None:
        self._at = array("I")
        """Where each stretch begins, and its first number."""
        self._first = array("I")
        self._length = 0

    def append(self, number: int) -> None:
        """Add a number."""
        if not self._at or number != self._first[-1] + self._length - self._at[-1]:
            self._at.append(self._length)
            self._first.append(number)
        self._length += 1

    def extend(self, numbers: range) -> None:
        """Add numbers, each one more than that before."""
        if numbers:
            self.append(numbers[0])
            self._length += len(numbers) - 1

    def without(self, left_out: Iterable[int]) -> ConsecutiveNumbers:
        """Return the numbers but for those at these positions."""
        kept, dropped = ConsecutiveNumbers(), frozenset(left_out)
        for index, number in enumerate(self):
            if index not in dropped:
                kept.append(number)
        return kept

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self._length:
            raise IndexError(index)
        stretch = bisect_right(self._at, index) - 1
        return self._first[stretch] + index - self._at[stretch]

    def __iter__(self) -> Iterator[int]:
        ends = [*self._at[1:], self._length] if self._at else []
        for at, first, end in zip(self._at, self._first, ends, strict=True):
            yield from range(first, first + end - at)
