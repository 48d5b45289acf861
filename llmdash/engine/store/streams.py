"""The text of answers chunk by chunk: of every job in flight, and of the last ones that ended."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator

from llmdash.engine.model.frame import CHUNK_MARK

__all__ = ["LINGER_S", "StreamText", "Streams"]

LINGER_S = 0.7
"""Seconds for which a stream that ended stays on screen, so that its end can be read."""

_KEPT_CHARACTERS = 4_000_000
_CHUNK_COST = 32
"""The memory of a chunk beside its text, in characters."""


class StreamText:
    """The text of one answer, as it arrives.

    `ends[i]` is where chunk i ends in the marked text, `gaps[i]` the seconds before it.
    """

    __slots__ = ("chunks", "ends", "first_at", "gaps", "last_at", "sent_at")

    def __init__(self, sent_at: float) -> None:
        self.sent_at = sent_at
        self.first_at = 0.0
        self.last_at = sent_at
        self.chunks: list[str] = []
        self.ends: list[int] = []
        self.gaps: list[float] = []

    def add(self, text: str, at: float) -> None:
        """Append a chunk that arrived at `at`, monotonic seconds."""
        if CHUNK_MARK in text:
            text = text.replace(CHUNK_MARK, "\u241f")
        self.first_at = self.first_at or at
        self.gaps.append(at - self.last_at)
        self.last_at = at
        before = self.ends[-1] + 1 if self.ends else 0
        self.chunks.append(text)
        self.ends.append(before + len(text))

    @property
    def size(self) -> int:
        """Characters of the marked text."""
        return self.ends[-1] if self.ends else 0

    @property
    def cost(self) -> int:
        """Its use of memory, in characters."""
        return self.size + _CHUNK_COST * len(self.chunks)

    def after(self, seen: int) -> tuple[int, str, tuple[float, ...]]:
        """Return (start, marked text from there, gaps of the chunks that begin in it) for a front end that
        has `seen` characters.
        """
        known = bisect_right(self.ends, seen) if seen else 0
        if seen and (not known or self.ends[known - 1] != seen):
            known = 0  # not where a chunk ends: start over
        text = CHUNK_MARK.join(self.chunks[known:])
        if known and text:
            text = CHUNK_MARK + text
        elif known and known < len(self.chunks):
            text = CHUNK_MARK
        return (self.ends[known - 1] if known else 0), text, tuple(self.gaps[known:])

    def tail(self, size: int) -> str:
        """Return the end of the marked text, at most `size` characters.

        Its start moves by half of `size` at a time, so that wrapped lines stay put in between.
        """
        half = max(1, size // 2)
        begin = max(0, (self.size + half - 1) // half * half - size)
        first = min(bisect_left(self.ends, begin) + 1, len(self.chunks) - 1) if begin else 0
        return CHUNK_MARK.join(self.chunks[first:])[-size:]


class Streams:
    """The streams that can be shown.

    Ended ones are dropped, oldest first, beyond 4 million characters in all; a chunk counts 32 characters
    more than its text, for the memory that small chunks take.
    """

    def __init__(self, kept: int = _KEPT_CHARACTERS) -> None:
        self._live: dict[int, StreamText] = {}
        self._ended: OrderedDict[int, StreamText] = OrderedDict()
        self._kept = kept
        self._size = 0
        self.newest: int | None = None
        """The job whose stream began last."""

    def begin(self, job: int, sent_at: float) -> None:
        """Start the stream of a new attempt of `job`; the text of an earlier one is dropped."""
        self._forget(job)
        self._live[job] = StreamText(sent_at)

    def add(self, job: int, text: str, at: float) -> StreamText:
        """Append a chunk to the stream of `job`."""
        stream = self._live.get(job)
        if stream is None:
            stream = self._live[job] = StreamText(at)
        if not stream.chunks:
            self.newest = job
        stream.add(text, at)
        return stream

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

    def get(self, job: int) -> StreamText | None:
        """Return the stream of `job`, None if it is not kept."""
        return self._live.get(job) or self._ended.get(job)

    def live_newest(self) -> int | None:
        """Return the job in flight whose stream began last; else the last that ended."""
        if self.newest in self._live:
            return self.newest
        streaming = [(stream.first_at, job) for job, stream in self._live.items() if stream.chunks]
        return max(streaming)[1] if streaming else self.newest

    def followed(self, shown: int | None, now: float) -> int | None:
        """Return the job to show after `shown`: the same one while it is fresh, else the newest."""
        return shown if shown is not None and self.is_fresh(shown, now) else self.live_newest()

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
