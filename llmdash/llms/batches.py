"""Batches: what a provider's batch service takes and tells, in one vocabulary for all of them.

A service takes a file of requests, answers them when it has room, at a lower price, and keeps the results to
be fetched. Nothing here is repeated by itself: a request whose answer was lost may have been carried out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from llmdash.llms.messages import Delta, PromptLike
from llmdash.llms.wire.failures import Failure

__all__ = [
    "BatchAnswer",
    "BatchDraft",
    "BatchEnd",
    "BatchLimits",
    "BatchListing",
    "BatchStatus",
    "Batches",
    "FileListing",
    "FileStatus",
]


class BatchEnd(enum.Enum):
    """How a batch ended; NOT_YET while it may still answer a request.

    Whatever the end, there may be results: of a batch that expired or was cancelled those that were ready.
    INVALID means that the service refused the file after it had taken it: no request was answered.
    """

    NOT_YET = "not yet"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INVALID = "invalid"


class BatchStatus(NamedTuple):
    """What a service says of a batch. Times are Unix seconds by its own clock.

    `word` is its own word for the state. `done` and `failed` are None where it tells no counts before the
    end. `file_id` is the input file, `name` what the batch was named when it was created; None where the
    service keeps no such thing. `results` are what `Batches.download` fetches, empty before the end and where
    there are none. `problem` is why the whole batch was refused.
    """

    id: str
    word: str
    end: BatchEnd = BatchEnd.NOT_YET
    is_cancelling: bool = False
    requests: int | None = None
    done: int | None = None
    failed: int | None = None
    created_at: float | None = None
    expires_at: float | None = None
    ended_at: float | None = None
    file_id: str | None = None
    name: str | None = None
    results: tuple[str, ...] = ()
    problem: Failure | None = None


class BatchListing(NamedTuple):
    """The batches that a key sees, newest first. `at` is the service's own time (Unix seconds) when it told
    them; None where it does not say. `is_whole` is False if there are older ones.
    """

    batches: Sequence[BatchStatus]
    at: float | None = None
    is_whole: bool = True


class FileStatus(NamedTuple):
    """A file at the service; `created_at` in Unix seconds."""

    id: str
    name: str
    bytes: int
    created_at: float | None = None


class FileListing(NamedTuple):
    """The input files that a key sees, newest first."""

    files: Sequence[FileStatus]
    at: float | None = None
    is_whole: bool = True


class BatchLimits(NamedTuple):
    """The most that one batch may hold, and how the service may be used.

    `window_s` is how long a batch lives at most, in seconds; `calls_a_minute` all calls to the service.
    """

    requests: int
    bytes: int
    window_s: float
    calls_a_minute: float


class BatchDraft(NamedTuple):
    """A batch that is to be created: its file on disk, as `Batches.line` has made it, and its name.

    `file_id` is that of the file at the service, empty where requests are sent with the creation itself.
    """

    file: Path
    name: str
    model: str
    requests: int
    file_id: str = ""


class BatchAnswer(NamedTuple):
    """A line of results: the answer to one request, as the Deltas of a call, or why there is none.

    `custom_id` is None for a line that cannot be read; `ran` is False where the request was never carried
    out, and so is not paid for: it expired, or was cancelled.
    """

    custom_id: str | None
    deltas: Sequence[Delta] = ()
    failure: Failure | None = None
    ran: bool = True


class Batches(Protocol):
    """The batch service of one endpoint, used with one key. Calls raise Failure; none is repeated.

    A file is `opening`, then lines joined by `separator`, then `closing`.
    """

    limits: BatchLimits
    takes_files: bool
    """True if the file is uploaded first; False if `create` sends it."""
    names_batches: bool
    """True if the service keeps what tells a batch from others: its name, or the id of its file."""
    answers_live: bool
    """False if the models that it serves answer no call one by one."""
    opening: bytes
    separator: bytes
    closing: bytes

    def line(
        self, custom_id: str, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> bytes:
        """Return one request as it stands in a file. Raises Failure for what a batch cannot carry."""
        ...

    def read(self, line: bytes) -> BatchAnswer:
        """Return what a line of results says; never raises for what is in it."""
        ...

    def lines(self, file: Path) -> Iterator[bytes]:
        """Yield the lines of a file of results, in flat memory; one beyond the cap of an answer comes cut."""
        ...

    async def upload(self, file: Path, name: str) -> str:
        """Send a file under `name`, in flat memory. Returns its id there."""
        ...

    async def files(self, since: float | None = None) -> FileListing:
        """Return the input files at the service, back to `since` in Unix seconds, or one page of them."""
        ...

    async def create(self, draft: BatchDraft) -> BatchStatus:
        """Create a batch."""
        ...

    async def look(self, since: float | None = None) -> BatchListing:
        """Return the batches at the service, back to `since` in Unix seconds, or one page of them."""
        ...

    async def status(self, batch_id: str) -> BatchStatus:
        """Return one batch."""
        ...

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask for the end of a batch; it goes on until the service says that it has ended."""
        ...

    async def download(self, source: str, file: Path) -> None:
        """Fetch one of the `results` of a batch to a file, anew, in flat memory."""
        ...

    async def forget(self, status: BatchStatus) -> None:
        """Delete what the service keeps of a batch that has ended: its files, its results. What is gone
        already is no failure.
        """
        ...
