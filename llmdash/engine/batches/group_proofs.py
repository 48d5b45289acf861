"""GroupProofs: which requests are known to be answered: one of each kind goes first, live."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from llmdash.engine.batches.batch_file import RequestGroup
from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.states import JobState
from llmdash.prompts.source import InputError, Prompt

__all__ = ["GroupProofs", "option_names"]

_SAMPLE = 256
"""The answered jobs that are looked at, spread over the run: a group of which none is among them has one more
job go first, which is no harm."""
_ANSWERED = (JobState.DONE, JobState.INVALID)


def option_names(prompt: Prompt) -> frozenset[str]:
    """Return the names of the options that a prompt has of its own."""
    body = () if prompt.body is None else prompt.body.fields
    return frozenset((*prompt.options, *body))


class GroupProofs:
    """A group is proven by a job that was answered: live, in a batch, or in an earlier start, by the journal
    in `folder`. A wrong model name costs one call, not a day.
    """

    def __init__(self, parts: RunnerParts, folder: Path) -> None:
        self._parts = parts
        self._folder = folder
        self._proven: set[RequestGroup] = set()
        self._first: dict[RequestGroup, int] = {}
        """The job of each group that is sent live before the others."""
        self._refuted: set[RequestGroup] = set()
        """The groups whose last first job was not cancelled, and not answered."""

    async def look(self) -> None:
        """Learn from the jobs that were answered so far."""
        some, turns = self._some_answered(), Turns()
        if not some:
            return
        endpoints = {endpoint.name: endpoint for endpoint in self._parts.pool.endpoints}
        answers = await asyncio.to_thread(self._answers, some)
        for job, (place, model) in answers.items():
            await turns.pause()
            options = self._options(job)
            if place in endpoints and options is not None:
                self._proven.add(RequestGroup(endpoints[place], model, options))

    def _some_answered(self) -> Collection[int]:
        """Jobs that were answered, spread over those that were."""
        columns = self._parts.store.columns
        some: set[int] = set()
        for state in _ANSWERED:
            if columns.counts[state]:
                first, last = columns.state.find(state), columns.state.rfind(state)
                step = 1 + (last - first) // _SAMPLE
                some.update(columns.state.find(state, job) for job in range(first, last + 1, step))
        return some

    def _answers(self, jobs: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """The endpoint and the model that answered each of these jobs, as far as that is known."""
        try:
            return JournalReader(self._folder).batches.answered(jobs)
        except JournalError:
            return {}  # then one more job goes first

    def _options(self, job: int) -> frozenset[str] | None:
        try:
            return option_names(self._parts.source.prompt(job))
        except InputError:
            return None

    def lacks_first(self, group: RequestGroup) -> bool:
        """True if one job of a group is to be sent live before the others, and none is so far."""
        return group not in self._proven and group not in self._first

    def begin(self, group: RequestGroup, job: int) -> None:
        """Note that a job is sent live before the others of its group."""
        self._first[group] = job
        self._refuted.discard(group)

    def awaited(self) -> set[int]:
        """Return the jobs whose answers groups wait for."""
        firsts = map(self.first_of, tuple(self._first))
        return {first for first in firsts if first is not None}

    def first_of(self, group: RequestGroup) -> int | None:
        """Return the job whose answer a group waits for; None once it has ended."""
        first = self._first.get(group)
        if first is None or group in self._proven:
            return None
        state = JobState(self._parts.store.columns.state[first])
        if state in _ANSWERED:
            self._proven.add(group)
        elif state.ended:
            del self._first[group]
            if state is not JobState.CANCELLED:
                self._refuted.add(group)
        else:
            return first
        return None

    def is_proven(self, group: RequestGroup) -> bool:
        """True if a job of a group was answered."""
        return group in self._proven

    def is_refuted(self, group: RequestGroup) -> bool:
        """True if the job that went first for a group failed: there is no use in the others."""
        return group in self._refuted
