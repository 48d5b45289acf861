"""Transcript: answers one below the other, or one alone, made from the parts that frames bring."""

from __future__ import annotations

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.view import StreamView
from llmdash.ui.stream.text import AnswerHeading, Chunk, StreamText
from llmdash.ui.stream.words import heading

__all__ = ["Transcript"]


class Transcript:
    """Holds the text of the job that is watched, alone, or (None) of one answer after the other.

    A part that does not go on where the text ends is not taken: it answers an older question, and the next
    one is answered anew. No answer stands here twice.
    """

    def __init__(self) -> None:
        self.text = StreamText()
        self._part = StreamPart()
        self._held: tuple[int | None, int] = (None, 0)
        """The job and the attempt whose text comes last."""
        self._seen = 0
        self._shown: set[tuple[int | None, int]] = set()
        self._watched: int | None = None
        self._heading: AnswerHeading | None = None
        self._is_headed = True

    @property
    def part(self) -> StreamPart:
        """The last part that was taken."""
        return self._part

    @property
    def job(self) -> int | None:
        """The job whose text comes last."""
        return self._held[0]

    @property
    def watched(self) -> int | None:
        """The job that is shown alone; None where one answer follows the other."""
        return self._watched

    @property
    def chunks(self) -> int:
        """The number of chunks of the last answer."""
        return self._seen

    def wanted(self, *, stays: bool) -> StreamView:
        """Return the stream to ask for; the same one if it `stays`, even if a newer one starts."""
        job, attempt = self._held
        asked = self._watched if self._watched is not None else job if stays else None
        return StreamView(job=asked, seen_job=job, seen_attempt=attempt, seen=self._seen)

    def watch(self, job: int | None) -> None:
        """Hold the text of this job from now on, or one answer after the other (None)."""
        self._watched = job
        self._start_over()

    def use_headings(self, wanted: bool) -> None:
        """Write a heading over each answer, or hold one answer at a time, without."""
        if wanted != self._is_headed:
            self._is_headed = wanted
            self._start_over()

    def take(self, part: StreamPart) -> bool:
        """Add what is new in `part`; return False if there is nothing new in it."""
        if part == self._part or (self._watched is not None and part.job != self._watched):
            return False
        key = (part.job, part.attempt)
        if key != self._held:
            if part.start:
                return False
            self._begin(part)
        elif part.start > self._seen:
            return False
        elif part.start == 0 and self._seen:
            self._repeat()
        self._part = part
        new = zip(part.chunks, part.gaps, strict=True)
        chunks = [Chunk(*pair) for pair in new][self._seen - part.start :]
        self._seen += len(chunks)
        if self._is_headed:
            self._head(chunks)
        self.text.add(chunks)
        return True

    def _head(self, chunks: list[Chunk]) -> None:
        """Write the heading once there is something below it, and what it says now."""
        if self._heading is None:
            if not chunks and self._watched is None:
                return
            self._heading = heading(self._part, self._seen)
            self.text.head(self._heading)
        elif (words := heading(self._part, self._seen)) != self._heading:
            self._heading = words
            self.text.rename(words)

    def _begin(self, part: StreamPart) -> None:
        """Go on with another answer."""
        key = (part.job, part.attempt)
        if self._watched is not None or part.job is None or not self._is_headed or key in self._shown:
            self._start_over()
        elif self._heading is not None:
            self.text.rename(heading(self._part, self._seen, closed=self._part.state.in_flight))
        self._held, self._seen, self._heading = key, 0, None
        self._shown.add(key)

    def _repeat(self) -> None:
        """Drop what is held of the last answer: it comes once more."""
        if self._is_headed:
            self.text.drop_last()
        else:
            self.text.clear()
        self._seen, self._heading = 0, None

    def _start_over(self) -> None:
        self.text.clear()
        self._part = StreamPart()
        self._held, self._seen, self._heading = (None, 0), 0, None
        self._shown.clear()
