"""HeldChunks: the chunks of one attempt of the job that is inspected, and when each of them came."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.view import StreamView

__all__ = ["HeldChunks"]


class HeldChunks:
    """Takes the parts of frames; one that does not go on where the chunks end is not taken."""

    def __init__(self) -> None:
        self.part = StreamPart()
        """The last part that was taken."""
        self.texts: list[str] = []
        self.gaps: list[float] = []
        """The seconds before each chunk; before the first one, since the request was sent."""
        self.times: list[float] = []
        """When each came, in seconds since the request was sent."""

    @property
    def wanted(self) -> StreamView:
        """What is held, to ask for the rest."""
        part = self.part
        return StreamView(part.job, part.job, part.attempt, len(self.texts))

    def take(self, part: StreamPart) -> bool:
        """Add what is new; return False if there is nothing new."""
        if part == self.part:
            return False
        is_same = (part.job, part.attempt) == (self.part.job, self.part.attempt)
        if part.start > (len(self.texts) if is_same else 0):
            return False
        if not is_same or part.start == 0:
            self.texts, self.gaps, self.times = [], [], []
        self.part = part
        held = len(self.texts) - part.start
        new = part.gaps[held:]
        self.texts += part.chunks[held:]
        self.gaps += new
        self.times += list(accumulate(new, initial=self.times[-1] if self.times else 0.0))[1:]
        return True

    def come_by(self, seconds: float) -> int:
        """Return how many chunks had come that many seconds after the request was sent."""
        return bisect_right(self.times, seconds)
