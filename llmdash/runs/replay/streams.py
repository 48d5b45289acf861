"""StreamsAt: answers as they grew. Their chunks are not on record: the text comes at an even pace, between
the first token and the end of its attempt.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.store.streams import LINGER_S, Stream
from llmdash.runs.replay.columns import ColumnsAt
from llmdash.runs.replay.timeline import Timeline

__all__ = ["StreamsAt"]

_KEPT = 64
_PIECE = 4
"""Characters of a piece, where the answer is long enough."""
_MOST_PIECES = 2_000
_MOST_LOOKED_AT = 5_000
"""The attempts that are looked at for streams in flight, from the newest one back."""


class StreamsAt:
    """The streams at the position of the columns."""

    is_even = True

    def __init__(self, reader: JournalReader, timeline: Timeline, columns: ColumnsAt) -> None:
        self._reader = reader
        self._timeline = timeline
        self._columns = columns
        self._texts: OrderedDict[tuple[int, int], str] = OrderedDict()

    def get(self, job: int) -> Stream | None:
        """Return the stream of `job`, as far as it has come."""
        timeline, position = self._timeline, self._columns.position
        attempt = timeline.attempt_at(job, position)
        if attempt is None or timeline.first_token[attempt] > position:
            return None
        first, ended = timeline.first_token[attempt], timeline.ended[attempt]
        pieces = _pieces(self._text(job, timeline.number[attempt]))
        share = 1.0 if ended <= first or position >= ended else (position - first) / (ended - first)
        shown = pieces[: max(1, int(share * len(pieces)))]
        stream = Stream(timeline.sent[attempt], timeline.number[attempt])
        step = (ended - first) / max(1, len(pieces))
        for number, piece in enumerate(shown):
            stream.add(piece, first + number * step)
        stream.last_at = min(position, ended)
        return stream

    def followed(self, shown: int | None, now: float) -> int | None:
        """Return the job to show after `shown`: the same one while it is fresh, or nothing else is in flight;
        else the newest.
        """
        if shown is not None and self.is_fresh(shown, now):
            return shown
        newest = next(self.newest_live(), None)
        if newest is not None:
            return newest
        if shown is not None and self.get(shown) is not None:
            return shown
        timeline = self._timeline
        begun = timeline.all_first.by(now)
        return timeline.job_of(timeline.all_first.order[begun - 1]) if begun else None

    def is_fresh(self, job: int, now: float, linger_s: float = LINGER_S) -> bool:
        """True if the stream of `job` is in flight, or ended less than `linger_s` seconds ago."""
        timeline = self._timeline
        if not 0 <= job < timeline.final.jobs:
            return False
        attempt = timeline.attempt_at(job, now)
        if attempt is None or timeline.first_token[attempt] > now:
            return False
        return now - timeline.ended[attempt] < linger_s

    def newest_live(self) -> Iterator[int]:
        """Yield the jobs in flight, the one whose stream began last first."""
        timeline, position = self._timeline, self._columns.position
        begun = timeline.all_first.by(position)
        left = begun - timeline.streams_ended.by(position)
        for place in range(begun - 1, max(-1, begun - 1 - _MOST_LOOKED_AT), -1):
            if not left:
                return
            attempt = timeline.all_first.order[place]
            if timeline.ended[attempt] > position:
                left -= 1
                yield timeline.job_of(attempt)

    def _text(self, job: int, number: int) -> str:
        known = self._texts.get((job, number))
        if known is None:
            known = self._looked_up(job, number)
            self._texts[job, number] = known
            if len(self._texts) > _KEPT:
                self._texts.popitem(last=False)
        return known

    def _looked_up(self, job: int, number: int) -> str:
        result = self._reader.result(job)
        if result is not None and result.attempts == number and result.text:
            return result.text
        return next((each.partial or "" for each in self._reader.attempts(job) if each.attempt == number), "")


def _pieces(text: str) -> list[str]:
    """Return the text in pieces of a few characters; one that is empty for an empty text."""
    size = max(_PIECE, -(-len(text) // _MOST_PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]
