"""Where the records of a file are: columns that hold millions of them in little memory."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice

from llmdash.prompts.formats import RecordSpan
from llmdash.prompts.lines import LineRun

__all__ = ["Identities", "RecordPlaces"]

_BUCKETS = 64


class _PackedIds:
    """Texts in one block of memory: 8 bytes each, plus their length in UTF-8."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ends = array("Q")

    def append(self, text: str) -> None:
        self._data += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._data))

    def extend(self, texts: Sequence[str]) -> None:
        packed = [text.encode("utf-8", "surrogatepass") for text in texts]
        ends = accumulate(map(len, packed), initial=len(self._data))
        next(ends)
        self._ends.extend(ends)
        self._data += b"".join(packed)

    def __getitem__(self, index: int) -> str:
        start = self._ends[index - 1] if index else 0
        return self._data[start : self._ends[index]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self._ends)))


class RecordPlaces:
    """Start, length, checksum, line, number and id of each record: 32 bytes each, and the id.

    An id that is made of the number, by which records are counted, is kept as an empty text.
    """

    def __init__(self) -> None:
        self.starts = array("Q")
        self.sizes = array("I")
        self.sums = array("I")
        self.lines = array("I")
        self.numbers = array("I")
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
        starts = accumulate(map(len, run.data), initial=run.start)
        self.starts.extend(islice(starts, len(records)))
        self.sizes.extend(map(len, records))
        self.sums.extend(map(zlib.crc32, records))
        numbers = range(run.number, run.number + len(records))
        self.lines.extend(numbers)
        self.numbers.extend(numbers)
        self.ids.extend(identities)

    def without(self, left_out: set[int]) -> RecordPlaces:
        """Return the places but for those of the records `left_out`, by index."""
        kept = RecordPlaces()
        for name in ("starts", "sizes", "sums", "lines", "numbers"):
            column = getattr(self, name)
            setattr(
                kept, name, array(column.typecode, (v for i, v in enumerate(column) if i not in left_out))
            )
        for index, identity in enumerate(self.ids):
            if index not in left_out:
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
