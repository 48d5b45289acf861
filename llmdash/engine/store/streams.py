"""The text of answers chunk by chunk: of every job in flight, and of the last ones that ended."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

__all__ = ["LINGER_S", "Stream", "Streams"]

LINGER_S = 0.7
"""Seconds for which a stream that ended stays on screen, so that its end can be read."""

_KEPT_CHARACTERS = 4_000_000
_CHUNK_COST = 32
"""The memory of a chunk beside its text, in characters."""
_STREAM_COST = 512
"""The memory of a stream beside its chunks, in characters: of short answers there are many."""


class Stream:
    """One answer in the making: its chunks, and `gaps[i]`, the seconds before chunk i."""

    __slots__ = ("attempt", "chunks", "first_at", "gaps", "is_even", "last_at", "sent_at", "size")

    def __init__(self, sent_at: float, attempt: int = 1) -> None:
        self.sent_at = sent_at
        self.attempt = attempt
        self.is_even = False
        """True for a whole answer, whose chunks are not known."""
        self.first_at = 0.0
        self.last_at = sent_at
        self.chunks: list[str] = []
        self.gaps: list[float] = []
        self.size = 0
        """Characters of all chunks."""

    def add(self, text: str, at: float) -> None:
        """Append a chunk that arrived at `at`, monotonic seconds."""
        self.first_at = self.first_at or at
        self.gaps.append(at - self.last_at)
        self.last_at = at
        self.chunks.append(text)
        self.size += len(text)

    def extend(self, texts: list[str], times: list[float]) -> None:
        """Append chunks that arrived at `times`, in monotonic seconds."""
        self.first_at = self.first_at or times[0]
        self.gaps.extend(map(float.__sub__, times, [self.last_at, *times[:-1]]))
        self.last_at = times[-1]
        self.chunks.extend(texts)
        self.size += sum(map(len, texts))

    @property
    def cost(self) -> int:
        """Its use of memory, in characters."""
        return _STREAM_COST + self.size + _CHUNK_COST * len(self.chunks)

    def after(self, seen: int) -> tuple[int, tuple[str, ...], tuple[float, ...]]:
        """(start, chunks from there, their gaps) for one who has seen `seen` chunks; 0 is the beginning."""
        start = seen if 0 <= seen <= len(self.chunks) else 0
        return start, tuple(self.chunks[start:]), tuple(self.gaps[start:])

    def tail(self, size: int) -> tuple[str, ...]:
        """The last chunks, at most `size` characters.

        Its start moves by half of `size` at a time, so that wrapped lines stay put in between.
        """
        half = max(1, size // 2)
        begin = max(0, (self.size + half - 1) // half * half - size)
        first, at = len(self.chunks), self.size
        while first and at - len(self.chunks[first - 1]) >= begin:
            first -= 1
            at -= len(self.chunks[first])
        if first == len(self.chunks) and self.chunks:  # the last one alone is too long
            return (self.chunks[-1][-size:],)
        return tuple(self.chunks[first:])


class Streams:
    """The streams that can be shown.

    Ended ones are dropped, oldest first, beyond 4 million characters in all; a chunk counts 32 characters
    more than its text and a stream 512 more than its chunks, for the memory that small ones take.
    """

    def __init__(self, kept: int = _KEPT_CHARACTERS) -> None:
        self._live: dict[int, Stream] = {}
        self._ended: OrderedDict[int, Stream] = OrderedDict()
        self._kept = kept
        self._size = 0
        self.is_even = False
        """False: each chunk is shown when it arrived. True where the chunks are not on record."""
        self.newest: int | None = None
        """The job whose stream began last."""

    def begin(self, job: int, sent_at: float, attempt: int = 1) -> None:
        """A new attempt of `job` was sent; what an earlier one had brought is forgotten."""
        self._forget(job)
        self._live[job] = Stream(sent_at, attempt)

    def add(self, job: int, text: str, at: float) -> Stream:
        """Append a chunk to the stream of `job`."""
        stream = self._for_chunks(job, at)
        stream.add(text, at)
        return stream

    def extend(self, job: int, texts: list[str], times: list[float]) -> Stream:
        """Append some chunks, at least one, to the stream of `job`."""
        stream = self._for_chunks(job, times[0])
        stream.extend(texts, times)
        return stream

    def _for_chunks(self, job: int, at: float) -> Stream:
        stream = self._live.get(job)
        if stream is None:
            stream = self._live[job] = Stream(at)
        if not stream.chunks:
            self.newest = job
        return stream

    def record(self, job: int, text: str, attempt: int) -> None:
        """Hold the whole answer of `job`, which has ended."""
        self.begin(job, 0.0, attempt)
        self._live[job].add(text, 0.0)
        self._live[job].is_even = True
        self.end(job)

    def end(self, job: int) -> None:
        """End the stream of `job`; it is kept as long as there is room."""
        stream = self._live.pop(job, None)
        if stream is None or not stream.chunks:
            return
        self._ended[job] = stream
        self._size += stream.cost
        while self._size > self._kept and len(self._ended) > 1:
            _, oldest = self._ended.popitem(last=False)
            self._size -= oldest.cost

    def get(self, job: int) -> Stream | None:
        """The stream of `job`, if it is still held."""
        return self._live.get(job) or self._ended.get(job)

    def live_newest(self) -> int | None:
        """Return the job in flight whose stream began last; None while no stream is in flight."""
        if self.newest in self._live and self._live[self.newest].chunks:
            return self.newest
        streaming = [(stream.first_at, job) for job, stream in self._live.items() if stream.chunks]
        return max(streaming)[1] if streaming else None

    def followed(self, shown: int | None, now: float) -> int | None:
        """Return the job to show after `shown`: the same one while it is fresh, or nothing else is in flight;
        else the newest.
        """
        if shown is not None and self.is_fresh(shown, now):
            return shown
        newest = self.live_newest()
        if newest is not None:
            return newest
        return shown if shown is not None and self.get(shown) is not None else self.newest

    def is_fresh(self, job: int, now: float, linger_s: float = LINGER_S) -> bool:
        """True if the stream of `job` is in flight, or ended less than `linger_s` seconds ago."""
        stream = self.get(job)
        if stream is None or not stream.chunks:
            return False
        return job in self._live or now - stream.last_at < linger_s

    def newest_live(self) -> Iterator[int]:
        """Yield the jobs in flight, the one sent last first."""
        return (job for job in reversed(self._live) if self._live[job].chunks)

    def _forget(self, job: int) -> None:
        self._live.pop(job, None)
        ended = self._ended.pop(job, None)
        if ended is not None:
            self._size -= ended.cost
