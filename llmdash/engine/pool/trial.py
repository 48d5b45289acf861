"""Trial: a job that was rate limited (429) although its key had nothing else in flight."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TESTIMONIES", "Trial"]

TESTIMONIES = 5
"""The jobs sent later that are answered before the rate limit counts as the fault of the job itself."""


@dataclass(slots=True, eq=False)
class Trial:
    """The job, the ticket of its request, and how many of the jobs sent later were answered."""

    job: int
    ticket: int
    answers: int = 0

    def testify(self, ticket: int) -> bool:
        """Count the answer of the request with `ticket`. True if it was the last that was missing."""
        self.answers += ticket > self.ticket
        return self.answers >= TESTIMONIES
