"""The text of answers as it came, chunk by chunk: of every job in flight, and of the last ones that ended."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

from llmdash.engine.frame import CHUNK_MARK

__all__ = ["StreamText", "Streams"]

_KEPT_CHARACTERS = 4_000_000


class StreamText:
    """One answer in the making.

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

    def after(self, seen: int) -> tuple[int, str, tuple[float, ...]]:
        """(start, marked text from there, gaps of the chunks that begin in it) for one who has seen `seen`
        characters.
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


class Streams:
    """The streams that can be looked at.

    Ended ones are let go, oldest first, beyond 4 million characters in all.
    """

    def __init__(self, kept: int = _KEPT_CHARACTERS) -> None:
        self._live: dict[int, StreamText] = {}
        self._ended: OrderedDict[int, StreamText] = OrderedDict()
        self._kept = kept
        self._size = 0
        self.newest: int | None = None
        """The job whose stream began last."""

    def begin(self, job: int, sent_at: float) -> None:
        """A new attempt of `job` was sent; what an earlier one had brought is forgotten."""
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
        """`job` ended: keep its stream as long as there is room."""
        stream = self._live.pop(job, None)
        if stream is None or not stream.chunks:
            return
        self._ended[job] = stream
        self._size += stream.size
        while self._size > self._kept and len(self._ended) > 1:
            _, oldest = self._ended.popitem(last=False)
            self._size -= oldest.size

    def get(self, job: int) -> StreamText | None:
        """The stream of `job`, if it is still held."""
        return self._live.get(job) or self._ended.get(job)

    def live_newest(self) -> int | None:
        """A job that streams now, the one that began last; else the last that did."""
        if self.newest in self._live:
            return self.newest
        streaming = [(stream.first_at, job) for job, stream in self._live.items() if stream.chunks]
        return max(streaming)[1] if streaming else self.newest

    def _forget(self, job: int) -> None:
        self._live.pop(job, None)
        ended = self._ended.pop(job, None)
        if ended is not None:
            self._size -= ended.size
