"""Drafts: the files of batches that are being written, one for each group of requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from llmdash.engine.batches.batch_file import BatchFile, BatchRoom, RequestGroup
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.pool.member import Endpoint

__all__ = ["Drafting", "Drafts", "sweep"]


_PREFIX = ".llmdash-batch-"


def sweep(folder: Path, wanted: Collection[str]) -> None:
    """Remove the files of batches that a process which was killed has left; those of the `wanted` ones, named
    by their file of requests, stay.
    """
    kept = {Path(name).stem for name in wanted}
    for file in folder.glob(f"{_PREFIX}*"):
        if f".{file.name.split('.')[1]}" not in kept:
            with suppress(OSError):
                file.unlink()


class Drafting:
    """Begins drafts, with the key and the number of each."""

    def __init__(self, carriers: Carriers, terms: BatchTerms, folder: Path) -> None:
        self._carriers = carriers
        self._terms = terms
        self._folder = folder
        self.next_number = 1
        self.most_tokens: dict[tuple[Endpoint, str], int] = {}
        """The most tokens of a batch of a model, as the provider told by refusing a larger one."""

    def begin(self, group: RequestGroup) -> BatchFile | None:
        """Begin the file of a batch; None if no key can send it. Raises OSError."""
        member = self._carriers.next_member(group.endpoint, group.model)
        service = None if member is None else self._carriers.service(member)
        if member is None or service is None:
            return None
        told = self.most_tokens.get((group.endpoint, group.model))
        limits = (told, self._terms.most_tokens, group.endpoint.batch_queue_tokens)
        tokens = min((each for each in limits if each is not None), default=None)
        room = BatchRoom.at(service, self._terms.most_jobs, tokens)
        number = self.next_number
        file = self._folder / f"{_PREFIX}{number}.jsonl"
        draft = BatchFile(number, group, member, service, room, file)
        self.next_number += 1
        return draft


class Drafts:
    """Those of one plan; `begin` begins the draft of a group."""

    def __init__(self, begin: Callable[[RequestGroup], BatchFile | None]) -> None:
        self._begin = begin
        self._of: dict[RequestGroup, BatchFile] = {}

    def __iter__(self) -> Iterator[BatchFile]:
        return iter(tuple(self._of.values()))

    def __bool__(self) -> bool:
        return bool(self._of)

    def of(self, group: RequestGroup) -> BatchFile | None:
        """Return the draft of a group, a new one if need be; None if no key can send it. Raises OSError."""
        draft = self._of.get(group) or self._begin(group)
        if draft is not None:
            self._of[group] = draft
        return draft

    def drop(self, draft: BatchFile) -> None:
        """Forget a draft; its file stays."""
        del self._of[draft.group]

    def discard(self) -> list[int]:
        """Remove all of them, with their files. Return the jobs that were in them."""
        jobs = [job for draft in self for job in draft.jobs]
        for draft in self:
            draft.discard()
        self._of.clear()
        return jobs
