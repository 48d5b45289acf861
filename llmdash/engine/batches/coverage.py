"""Coverage: the room that a budget has for what is planned in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmdash.engine.batches.batch_file import BatchFile
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.states import JobState
from llmdash.prompts.source import InputError, Prompt

__all__ = ["Coverage"]

_WAITING = (JobState.QUEUED, JobState.LIMITER, JobState.KEY, JobState.BACKOFF)


class Coverage:
    """Reserves for the requests of drafts. Jobs that there is no room for now are *left out*: they are given
    back. Without a budget there is room for all.
    """

    def __init__(self, parts: RunnerParts, lending: Lending) -> None:
        self._parts = parts
        self._lending = lending
        self.left_out: list[int] = []

    def take_left_out(self) -> Sequence[int]:
        """Return the jobs that there was no room for since this was asked."""
        found, self.left_out = self.left_out, []
        return found

    def covers(self, job: int, prompt: Prompt, draft: BatchFile) -> bool:
        """True if there is room for the request of a job; then it is reserved for."""
        reservations = self._parts.reservations
        return not reservations.are_needed or reservations.reserve(job, prompt, draft.member)

    def leave_out(self, job: int) -> None:
        """Give a job back that there is no room for now."""
        self.left_out.append(job)
        self.give_back((job,))

    def give_back(self, jobs: Iterable[int]) -> None:
        """Give jobs of a draft back, with their room: also that of those which were cancelled meanwhile."""
        for job in filter(self._lending.is_of_draft, jobs):
            self._parts.reservations.give_back(job)
            self._lending.give_back((job,))

    async def cut(self, draft: BatchFile) -> None:
        """Reserve for what was written before there was a budget; from the first job on that it has no room
        for, jobs are left out. Raises OSError.
        """
        reservations, turns = self._parts.reservations, Turns()
        for size, job in enumerate(draft.jobs if reservations.are_needed else ()):
            await turns.pause()
            prompt = None if reservations.holds(job) else self._prompt(job)
            if prompt is not None and not self.covers(job, prompt, draft):
                self._shorten(draft, size)
                return

    def keep_room(self, first: int, draft: BatchFile) -> None:
        """Reserve anew for a first job whose attempt was not billed, at the cost of those that wait for it:
        without its answer none of them is sent. Raises OSError.
        """
        reservations, state = self._parts.reservations, JobState(self._parts.store.columns.state[first])
        if not reservations.are_needed or reservations.holds(first) or state not in _WAITING:
            return
        prompt = self._prompt(first)
        if prompt is None:
            return
        fewer = 1
        while not self.covers(first, prompt, draft) and draft.jobs:
            self._shorten(draft, max(0, len(draft.jobs) - fewer))
            fewer *= 2
        self._parts.queue.put_first(first)  # one that waits for room would let it wait behind itself

    def _shorten(self, draft: BatchFile, size: int) -> None:
        for job in draft.shorten(size):
            self.leave_out(job)

    def _prompt(self, job: int) -> Prompt | None:
        try:
            return self._parts.source.prompt(job)
        except InputError:
            return None  # the attempt will say so
