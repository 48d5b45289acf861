"""StrikeTrial: a job that was rate limited (429) although its key had nothing else in flight."""

from __future__ import annotations

from llmdash.lean_dataclass import dataclass

__all__ = ["TESTIMONIES", "StrikeTrial"]

TESTIMONIES = 5
"""The jobs sent later that are answered before the rate limit counts as the fault of the job itself."""


@dataclass(slots=True, eq=False)
class StrikeTrial:
    """The job, the ticket of its request, and how many of the jobs sent later were answered.

    It is not waited for longer than `until`, in monotonic seconds.
    """

    job: int
    ticket: int
    until: float
    answers: int = 0

    def is_under_way(self, now: float) -> bool:
        """True if some of the later jobs were answered, and the others may be soon."""
        return self.answers > 0 and now < self.until

    def testify(self, ticket: int) -> bool:
        """Count the answer of the request with `ticket`. True if it was the last that was missing."""
        self.answers += ticket > self.ticket
        return self.answers >= TESTIMONIES
