"""What is deleted at a provider once it is of no use any more."""

from __future__ import annotations

from contextlib import suppress

from llmdash.engine.batches.batch import SentBatch
from llmdash.llms.batches import Batches, BatchStatus
from llmdash.llms.wire.failures import Failure

__all__ = ["CLOCKS_S", "file_name", "forget"]

CLOCKS_S = 600.0
"""Seconds by which the clock of a provider may differ from ours: lists are read that much further back."""


def file_name(batch: SentBatch) -> str:
    """Return what the file of a batch is called at the provider; no other has that name."""
    return f"{batch.record.name}.jsonl"


async def forget(batch: SentBatch, service: Batches, status: BatchStatus | None = None) -> None:
    """Delete what the service keeps of a batch, by its `status` where there is one; also a second file of it,
    which is there since the answer to an upload was lost. What cannot be deleted expires by itself.
    """
    known = status or BatchStatus("", "", file_id=batch.record.file_id)
    if known.id or known.file_id is not None:
        with suppress(Failure):
            await service.forget(known)
    if service.takes_files and batch.may_have_files:
        with suppress(Failure):
            listing = await service.files(batch.record.planned_at - CLOCKS_S)
            twins = [each.id for each in listing.files if each.name == file_name(batch)]
            for file_id in twins:
                if file_id != known.file_id:
                    await service.forget(BatchStatus("", "", file_id=file_id))
