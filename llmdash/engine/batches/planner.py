"""Planner: writes pending jobs into the files of batches, and puts each batch on record before it is sent."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from llmdash.engine.batches.batch import SentBatch, batch_name, request_name
from llmdash.engine.batches.batch_file import BatchFile, BatchRoom, RequestGroup
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.refusals import RefusedRows
from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.records import AttemptRecord, BatchRecord
from llmdash.engine.model.states import BatchState, JobState
from llmdash.engine.pool.member import Endpoint
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import InputError, Prompt

__all__ = ["Planner"]

_LOOK_S = 0.1
_MEMBERS = 1_000
"""Attempts that are written together; then it is the turn of what is sent live."""


class _Request(NamedTuple):
    """A job that can go in a batch, and how big it is."""

    job: int
    prompt: Prompt
    group: RequestGroup
    tokens: int


class Planner:
    """Plans batches. `open_sizes` returns how many requests the open batches at an endpoint have.

    One job of each group goes first, live: a wrong model name costs one call, not a day.
    """

    def __init__(
        self,
        parts: RunnerParts,
        carriers: Carriers,
        lending: Lending,
        terms: BatchTerms,
        folder: Path,
        run: str,
        open_sizes: Callable[[str], set[int]],
    ) -> None:
        self._parts = parts
        self._carriers = carriers
        self._lending = lending
        self._terms = terms
        self._folder = folder
        self._run = run
        self._number = 1
        self._open_sizes = open_sizes
        self._probes: dict[RequestGroup, int] = {}
        """The job of each group that is sent live before the others."""
        self._proven: set[RequestGroup] = set()
        self.most_tokens: dict[tuple[Endpoint, str], int] = {}
        """The most tokens of a batch of a model, as the provider told by refusing a larger one."""

    def number_from(self, number: int) -> None:
        """Number the batches from `number` on."""
        self._number = number

    async def plan(self, jobs: Sequence[int], *, probe: bool = True) -> AsyncGenerator[SentBatch, None]:
        """Yield batches of these lent jobs, each once it is on record. What cannot go is given back."""
        refused = RefusedRows(self._parts)
        drafts: dict[RequestGroup, BatchFile] = {}
        turns = Turns()
        try:
            for job in jobs:
                await turns.pause()
                if (request := self._request(job, refused)) is None:
                    self._lending.give_back((job,))
                    continue
                if probe and self._is_first(request):
                    self._lending.give_back((job,))
                    continue
                for full in self._written(request, drafts, refused):
                    if (batch := await self._finished(full)) is not None:
                        yield batch
            for draft in list(drafts.values()):
                del drafts[draft.group]
                if (batch := await self._finished(draft)) is not None:
                    yield batch
        finally:
            for draft in drafts.values():
                draft.discard()
            refused.report()

    def _request(self, job: int, refused: RefusedRows) -> _Request | None:
        try:
            prompt = self._parts.source.prompt(job)
        except InputError:
            return None  # the attempt will say so
        place = self._carriers.endpoint_for(prompt)
        if isinstance(place, str):
            refused.add(job, place)
            return None
        options = frozenset(prompt.options)
        if prompt.body is not None:
            options |= frozenset(prompt.body.fields)
        return _Request(job, prompt, RequestGroup(*place, options), prompt_tokens(prompt))

    def _is_first(self, request: _Request) -> bool:
        """True for a job that is to be sent live before the others of its group."""
        if request.group in self._proven or request.group in self._probes:
            return False
        self._probes[request.group] = request.job
        return True

    def _written(
        self, request: _Request, drafts: dict[RequestGroup, BatchFile], refused: RefusedRows
    ) -> Iterator[BatchFile]:
        """Write a request into the draft of its group; yield the one before, if that is full."""
        job, group = request.job, request.group
        draft = drafts.get(group) or self._opened(group, drafts)
        line = None if draft is None else self._line(request, draft, refused)
        if draft is None or line is None:
            self._lending.give_back((job,))
            return
        if not draft.takes(line, request.tokens):
            del drafts[group]
            yield draft
            draft = self._opened(group, drafts)
            line = None if draft is None else self._line(request, draft, refused)  # the id names its batch
        if draft is None or line is None or not self._is_covered(request, draft):
            self._lending.give_back((job,))
            return
        draft.add(job, line, request.tokens)

    def _opened(self, group: RequestGroup, drafts: dict[RequestGroup, BatchFile]) -> BatchFile | None:
        member = self._carriers.next_member(group.endpoint, group.model)
        service = None if member is None else self._carriers.service(member)
        if member is None or service is None:
            return None
        told = self.most_tokens.get((group.endpoint, group.model))
        limits = (told, self._terms.most_tokens, group.endpoint.batch_queue_tokens)
        tokens = min((each for each in limits if each is not None), default=None)
        number, self._number = self._number, self._number + 1
        room = BatchRoom.at(service, self._terms.most_jobs, tokens)
        draft = BatchFile(
            number, group, member, service, room, self._folder / f".llmdash-batch-{number}.jsonl"
        )
        drafts[group] = draft
        return draft

    def _line(self, request: _Request, draft: BatchFile, refused: RefusedRows) -> bytes | None:
        """Return the request as it stands in the file; None for one that a batch cannot carry."""
        options = merge_options(self._parts.options, request.prompt.options)
        attempt = self._parts.store.columns.tries[request.job] + 1
        name = request_name(self._run, draft.number, request.job, attempt)
        try:
            return draft.service.line(name, as_asked(request.prompt), None, options)
        except Failure as failure:
            refused.add(request.job, failure.message)
            return None

    def _is_covered(self, request: _Request, draft: BatchFile) -> bool:
        """True if the budget, where there is one, has room for the request."""
        reservations = self._parts.reservations
        return not reservations.are_needed or reservations.reserve(request.job, request.prompt, draft.member)

    async def _finished(self, draft: BatchFile) -> SentBatch | None:
        """Put a batch on record, once the first job of its group was answered."""
        if not draft.jobs or not await self._is_answered(draft.group):
            draft.discard()
            self._lending.give_back(draft.jobs)
            return None
        if not draft.service.names_batches:
            self._lending.give_back(draft.differ_from(self._open_sizes(draft.member.endpoint.name)))
        await asyncio.to_thread(draft.complete)
        members = array("I", filter(self._is_member, draft.jobs))
        batch = SentBatch(self._record(draft), self._folder, members, draft.member)
        await self._put_members(batch)
        await self._parts.journal.batch(batch.record)
        await self._lending.move(members, draft.number)
        return batch

    def _is_member(self, job: int) -> bool:
        """True for a job that is still lent, or was cancelled since: its request is in the file all the same,
        and may be paid for.
        """
        is_cancelled = self._parts.store.columns.state[job] == JobState.CANCELLED
        return is_cancelled or self._lending.is_open(job, 0)

    async def _is_answered(self, group: RequestGroup) -> bool:
        """Wait until the first job of a group has ended; True if it was answered."""
        columns = self._parts.store.columns
        probe = self._probes.get(group)
        while probe is not None and group not in self._proven:
            state = JobState(columns.state[probe])
            if state in (JobState.DONE, JobState.INVALID):
                self._proven.add(group)
            elif state.ended:
                del self._probes[group]
                return False
            else:
                await asyncio.sleep(_LOOK_S)
        return True

    def _record(self, draft: BatchFile) -> BatchRecord:
        return BatchRecord(
            batch=draft.number,
            state=BatchState.PLANNED.value,
            endpoint=draft.group.endpoint.name,
            model=draft.group.model,
            key=draft.member.label,
            name=batch_name(self._run, draft.number),
            file=draft.path.name,
            sha=draft.sha,
            bytes=draft.size,
            jobs=len(draft.jobs),
            tokens=draft.tokens,
            planned_at=self._parts.wall_clock(),
        )

    async def _put_members(self, batch: SentBatch) -> None:
        """Count the attempts of the jobs of a batch, and put them on record; they count with the batch."""
        turns, made = Turns(), []
        for job in batch.jobs:
            self._parts.store.columns.tries[job] += 1
            made.append(self._attempt(job, batch.record))
            if len(made) == _MEMBERS:
                await self._parts.journal.members(made)
                made = []
            await turns.pause()
        await self._parts.journal.members(made)

    def _attempt(self, job: int, record: BatchRecord) -> AttemptRecord:
        number = self._parts.store.columns.tries[job]
        at, model = record.planned_at, record.model
        return AttemptRecord(job, number, record.key, "batched", at, model=model, batch=record.batch)
