"""Where the records of a file are: columns that hold millions of them in little memory."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from llmdash.prompts.compact import ConsecutiveNumbers, Offsets
from llmdash.prompts.formats import RecordSpan
from llmdash.prompts.lines import LineRun

__all__ = ["Identities", "RecordPlaces"]

_BUCKETS = 64


class _PackedIds:
    """Texts in one block of memory: 4 bytes each (8 beyond 4 GiB), plus their length in UTF-8."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ends = Offsets()

    def append(self, text: str) -> None:
        self._data += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._data))

    def extend(self, texts: Sequence[str]) -> None:
        packed = [text.encode("utf-8", "surrogatepass") for text in texts]
        self._ends.extend([*accumulate(map(len, packed), initial=len(self._data))][1:])
        self._data += b"".join(packed)

    def __getitem__(self, index: int) -> str:
        start = self._ends[index - 1] if index else 0
        return self._data[start : self._ends[index]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self._ends)))


class RecordPlaces:
    """Start, length, checksum, line, number and id of each record: 16 bytes each, and the id, where
    records follow line by line and the file is below 4 GiB.

    An id that is made of the number, by which records are counted, is kept as an empty text.
    """

    def __init__(self) -> None:
        self.starts = Offsets()
        self.sizes = array("I")
        self.sums = array("I")
        self.lines = ConsecutiveNumbers()
        self.numbers = ConsecutiveNumbers()
        self.ids = _PackedIds()

    def __len__(self) -> int:
        return len(self.starts)

    def add(self, span: RecordSpan, data: bytes, number: int, identity: str) -> None:
        """Add a record of these bytes."""
        self.starts.append(span.start)
        self.sizes.append(len(data))
        self.sums.append(zlib.crc32(data))
        self.lines.append(span.line)
        self.numbers.append(number)
        self.ids.append(identity)

    def extend(self, run: LineRun, records: Sequence[bytes], identities: Sequence[str]) -> None:
        """Add the records of a run of lines, one each, which are counted by line."""
        self.starts.extend([*accumulate(map(len, run.data), initial=run.start)][: len(records)])
        self.sizes.extend(map(len, records))
        self.sums.extend(map(zlib.crc32, records))
        numbers = range(run.number, run.number + len(records))
        self.lines.extend(numbers)
        self.numbers.extend(numbers)
        self.ids.extend(identities)

    def without(self, left_out: set[int]) -> RecordPlaces:
        """Return the places but for those of the records `left_out`, by index."""
        kept = RecordPlaces()
        kept.lines, kept.numbers = self.lines.without(left_out), self.numbers.without(left_out)
        for index, (start, identity) in enumerate(zip(self.starts, self.ids, strict=True)):
            if index not in left_out:
                kept.starts.append(start)
                kept.sizes.append(self.sizes[index])
                kept.sums.append(self.sums[index])
                kept.ids.append(identity)
        return kept


class Identities:
    """Finds duplicate ids, at 8 bytes an id."""

    def __init__(self) -> None:
        # In buckets, so that the search for duplicates needs memory for one bucket at a time.
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, identity: str) -> None:
        """Add the id of one record."""
        self.extend((identity,))

    def extend(self, identities: Iterable[str]) -> None:
        """Add the ids of many records."""
        buckets = self._buckets
        for value in map(hash, identities):
            buckets[value % _BUCKETS].append(value)

    def duplicates(self) -> set[int]:
        """Hashes that were added more than once."""
        duplicates: set[int] = set()
        for bucket in self._buckets:
            seen = set(bucket)
            if len(seen) < len(bucket):
                seen.clear()
                for value in bucket:
                    if value in seen:
                        duplicates.add(value)
                    seen.add(value)
        return duplicates
