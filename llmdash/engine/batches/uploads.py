"""Uploads: brings the files of batches to the provider, each once, if that can be known."""

from __future__ import annotations

import time

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.calls import is_refused, is_unknown
from llmdash.engine.batches.forgetting import CLOCKS_S, file_name
from llmdash.engine.batches.refused_batches import lacks_file
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.engine.model.states import BatchState
from llmdash.llms.batches import Batches
from llmdash.llms.wire.failures import Failure

__all__ = ["Uploads"]

_LOOKED_FOR = "its file may be there already: it is looked for"


class Uploads:
    """A file whose upload was not answered is looked for, as often as a batch is, since lists lag; then it is
    uploaded again, which costs nothing, and what is there twice is deleted with the batch.
    """

    def __init__(self, parts: RunnerParts, book: BatchBook, pace: BatchPace) -> None:
        self._parts = parts
        self._book = book
        self._pace = pace
        self._doubted: dict[int, float] = {}
        """Batches whose file may be there, and since when, on the monotonic clock."""
        self._gone: dict[int, str] = {}
        """The file of each batch that the provider does not have any more."""

    def doubt(self, batch: SentBatch) -> None:
        """Note that an earlier start may have uploaded the file of a batch, soon after it was planned."""
        age_s = max(0.0, self._parts.wall_clock() - batch.record.planned_at)
        self._doubted[batch.number] = time.monotonic() - age_s
        batch.may_have_files = True

    async def upload(self, batch: SentBatch, service: Batches) -> None:
        """Bring the file of a batch to the service. Raises Failure where it is refused, or was not sent."""
        file_id = await self._found(batch, service)
        if file_id is None:
            if batch.is_wanted_back:
                return
            try:
                file_id = await service.upload(batch.file, file_name(batch))
            except Failure as failure:
                if not is_unknown(failure):
                    raise
                self._doubted[batch.number], batch.may_have_files = time.monotonic(), True
                return
        self._doubted.pop(batch.number, None)
        await self._book.put(batch, BatchState.UPLOADED, file_id=file_id)

    async def is_due_again(self, batch: SentBatch, refusal: Failure) -> bool:
        """True, and put on record, if a batch was refused since its file is gone, for the first time."""
        file_id = batch.record.file_id
        if file_id is None or batch.number in self._gone or not lacks_file(refusal, file_id):
            return False
        self._gone[batch.number] = file_id
        await self._book.put(batch, BatchState.PLANNED, file_id=None)
        return True

    async def _found(self, batch: SentBatch, service: Batches) -> str | None:
        """Look for the file of a batch that may be at the service, until it is wanted back; None if it is not
        there.
        """
        began = self._doubted.get(batch.number)
        if began is None:
            return None
        file_id, now = None, time.monotonic()
        for at in sorted({max(now, began + after_s) for after_s in self._pace.search}):
            batch.waits_for = _LOOKED_FOR
            while not batch.is_wanted_back and (left_s := at - time.monotonic()) > 0:
                await batch.changed(left_s)
            file_id = None if batch.is_wanted_back else await self._listed(batch, service)
            if batch.is_wanted_back or file_id is not None:
                break
        batch.waits_for = ""
        return file_id

    async def _listed(self, batch: SentBatch, service: Batches) -> str | None:
        try:
            listing = await service.files(batch.record.planned_at - CLOCKS_S)
        except Failure as failure:
            if is_refused(failure):
                return None  # a service without lists: it is uploaded again
            raise
        name, gone = file_name(batch), self._gone.get(batch.number)
        found = (each for each in listing.files if each.name == name and each.bytes == batch.record.bytes)
        return next((each.id for each in found if each.id != gone), None)
