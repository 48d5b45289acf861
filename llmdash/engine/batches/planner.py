"""Planner: writes pending jobs into the files of batches, and puts each batch on record before it is sent."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from llmdash.engine.batches.batch import SentBatch, batch_name, request_name
from llmdash.engine.batches.batch_file import BatchFile, RequestGroup
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.coverage import Coverage
from llmdash.engine.batches.disk_waits import DiskWaits
from llmdash.engine.batches.drafts import Drafting, Drafts
from llmdash.engine.batches.group_proofs import GroupProofs, option_names
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.refusals import RefusedRows
from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.records import AttemptRecord, BatchRecord
from llmdash.engine.model.states import BatchState
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import InputError, Prompt

__all__ = ["Planner"]

_NO_ROOM = "the budget has no room for it"
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

    One job of each group goes first, live, unless one was answered before: a wrong model name costs one call,
    not a day. While the disk refuses a file nothing is on record of its batch, and its jobs stay lent.
    """

    def __init__(
        self,
        parts: RunnerParts,
        drafting: Drafting,
        lending: Lending,
        carriers: Carriers,
        folder: Path,
        run: str,
        open_sizes: Callable[[str], set[int]],
        disk: DiskWaits,
    ) -> None:
        self._parts = parts
        self._drafting = drafting
        self._lending = lending
        self._carriers = carriers
        self._folder = folder
        self._run = run
        self._open_sizes = open_sizes
        self._disk = disk
        self._proofs = GroupProofs(parts, folder)
        self._recording = asyncio.Lock()
        """Held while a batch is put on record: a job that is in two drafts is in no more than one batch."""
        self.coverage = Coverage(parts, lending)

    async def plan(self, jobs: Sequence[int], *, probe: bool = True) -> AsyncGenerator[SentBatch, None]:
        """Yield batches of these lent jobs, each once it is on record. What cannot go is given back."""
        refused = RefusedRows(self._parts)
        drafts, left, turns = Drafts(self._drafting.begin), self._but_first(jobs), Turns()
        is_made = False
        if probe:
            await self._proofs.look()
        try:
            while left or drafts:
                await turns.pause()
                try:
                    if left:
                        batch = await self._placed(left, drafts, refused, probe=probe)
                    else:
                        batch = await self._finished(next(iter(drafts)), drafts, left, probe=probe)
                except OSError as error:
                    needs = sum(draft.size for draft in drafts)
                    self._take_out(drafts, left)
                    if not await self._disk.outlast(error, needs=needs):
                        self._lending.give_back(left)
                        left.clear()
                    continue
                if batch is not None:
                    is_made = True
                    yield batch
        finally:
            drafts.discard()
            if self._parts.queue.withholds and not is_made:
                for job in self.coverage.left_out:
                    refused.add(job, _NO_ROOM)
            refused.report()

    def _but_first(self, jobs: Sequence[int]) -> deque[int]:
        """Return jobs without those that go first, which go out again: a batch would wait for itself."""
        awaited = self._proofs.awaited()
        for job in awaited.intersection(jobs):
            if self._lending.is_open(job, 0):
                self._lending.give_out_first(job)
        return deque(job for job in jobs if job not in awaited)

    def _take_out(self, drafts: Drafts, left: deque[int]) -> None:
        """Give the disk its room back: what is in drafts is written anew, later."""
        jobs = drafts.discard()
        for job in jobs:
            self._parts.reservations.give_back(job)
        left.extendleft(reversed(jobs))

    async def _placed(
        self, left: deque[int], drafts: Drafts, refused: RefusedRows, *, probe: bool
    ) -> SentBatch | None:
        """Write the first job that is left into the draft of its group. If that is full, put its batch on
        record instead; the job is left for the next one. Raises OSError; the job is still left then.
        """
        job = left[0]
        request = self._request(job, refused) if self._lending.is_open(job, 0) else None
        draft = None if request is None else drafts.of(request.group)
        line = None if request is None or draft is None else self._line(request, draft, refused)
        if request is None or draft is None or line is None:
            self._lending.give_back((job,))
        elif probe and draft.service.answers_live and self._proofs.lacks_first(request.group):
            self._send_first(request, draft)
        elif not draft.takes(line, request.tokens):
            return await self._finished(draft, drafts, left, probe=probe)
        elif self.coverage.covers(request.job, request.prompt, draft):
            draft.add(job, line, request.tokens)
        else:
            self.coverage.leave_out(job)
        left.popleft()
        return None

    def _send_first(self, request: _Request, draft: BatchFile) -> None:
        """Have a job go first, with its part of the budget: there may be no room beside those that wait for
        it. One that there is no room for now is not waited for.
        """
        if self.coverage.covers(request.job, request.prompt, draft):
            self._proofs.begin(request.group, request.job)
            self._lending.give_out_first(request.job)
        else:
            self.coverage.leave_out(request.job)

    def _request(self, job: int, refused: RefusedRows) -> _Request | None:
        try:
            prompt = self._parts.source.prompt(job)
        except InputError:
            return None  # the attempt will say so
        place = self._carriers.endpoint_for(prompt)
        if isinstance(place, str):
            refused.add(job, place)
            return None
        return _Request(job, prompt, RequestGroup(*place, option_names(prompt)), prompt_tokens(prompt))

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

    async def _finished(
        self, draft: BatchFile, drafts: Drafts, left: deque[int], *, probe: bool
    ) -> SentBatch | None:
        """Put a batch on record, once the first job of its group was answered. Raises OSError; nothing is on
        record then.
        """
        if draft.jobs and probe and not await self._is_proven(draft):
            if self._proofs.is_refuted(draft.group):
                self._discard(draft, drafts)
            else:
                self._write_again(draft, drafts, left)
            return None
        async with self._recording:
            return await self._recorded(draft, drafts, left)

    async def _recorded(self, draft: BatchFile, drafts: Drafts, left: deque[int]) -> SentBatch | None:
        """Put a batch of what is still lent on record. Raises OSError."""
        await self.coverage.cut(draft)
        if not all(map(self._lending.is_of_draft, draft.jobs)):
            self._write_again(draft, drafts, left)
            return None
        if not draft.jobs or not self._differs(draft, left):
            self._discard(draft, drafts)
            return None
        await asyncio.to_thread(draft.complete)
        drafts.drop(draft)
        self._disk.is_well()
        members = array("I", filter(self._lending.is_of_draft, draft.jobs))
        batch = SentBatch(self._record(draft), self._folder, members, draft.member)
        await self._put_members(batch)
        await self._parts.journal.batch(batch.record)
        await self._lending.move(members, draft.number)
        return batch

    def _discard(self, draft: BatchFile, drafts: Drafts) -> None:
        """Give the jobs of a draft back."""
        drafts.drop(draft)
        draft.discard()
        self.coverage.give_back(draft.jobs)

    def _write_again(self, draft: BatchFile, drafts: Drafts, left: deque[int]) -> None:
        """Begin a draft anew with what is still lent: the job that went first was cancelled, so that another
        one goes, or one was cancelled and retried, so that it would be sent twice.
        """
        drafts.drop(draft)
        draft.discard()
        jobs = [job for job in draft.jobs if self._lending.is_of_draft(job)]
        for job in jobs:
            self._parts.reservations.give_back(job)
        left.extendleft(reversed(jobs))

    async def _is_proven(self, draft: BatchFile) -> bool:
        """Wait until the first job of a draft's group has ended, where one goes first; False if it was not
        answered.
        """
        while (first := self._proofs.first_of(draft.group)) is not None:
            self.coverage.keep_room(first, draft)
            await asyncio.sleep(_LOOK_S)
        return not draft.service.answers_live or self._proofs.is_proven(draft.group)

    def _differs(self, draft: BatchFile, left: deque[int]) -> bool:
        """Where batches have no names, see to it that this one has another number of requests than the open
        ones: what is too many is left for the next. False for a rest of which no number would be its own.
        """
        if draft.service.names_batches:
            return True
        size = draft.size_beside(self._open_sizes(draft.member.endpoint.name))
        if not size:
            return draft.is_full  # more of them than numbers: it has to wait for its turn to be sent
        over = draft.shorten(size)
        for job in over:
            self._parts.reservations.give_back(job)
        left.extendleft(reversed(over))
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
