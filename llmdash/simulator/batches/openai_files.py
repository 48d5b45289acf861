"""`/v1/files`, as OpenAI's published API reference has it."""

from __future__ import annotations

from typing import Any

from llmdash.simulator.batches.calls import Answered, BatchCall, Handler, behind, expiry, page_of, page_size
from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.orders import CallKind, OrderBook
from llmdash.simulator.batches.spool import Spool
from llmdash.simulator.batches.stored_files import FileShelf, StoredFile, missing_file
from llmdash.simulator.errors import ServedError
from llmdash.simulator.service import Service

__all__ = ["KEPT_S", "ServedFiles"]

KEPT_S = 30 * 86_400.0
"""How long files of batches are kept that nobody asked to expire, in seconds."""

_PAGE = (10_000, 10_000)  # usual and largest


class ServedFiles:
    """Answers the calls about files, which are on a shelf of all shapes."""

    results = "file-"
    """How the id of a file of results begins."""

    def __init__(self, service: Service, clock: BatchClock, book: OrderBook, files: FileShelf) -> None:
        self._service = service
        self._clock = clock
        self._book = book
        self._files = files
        self.handlers: dict[CallKind, Handler] = {
            "upload": self._upload,
            "files": self._list,
            "file": self._look,
            "download": self._download,
            "delete": self._delete,
        }

    def find(self, identity: str) -> StoredFile:
        """Return a file. Raises ServedError (404) if there is none of this id."""
        return self._files.find(identity)

    def add_results(self, name: str, spool: Spool, kept_s: float, batch: str) -> str:
        """Keep results of a batch, and return the id of their file."""
        identity = f"{self.results}{self._service.identity()}"
        self._files.add(identity, name, "batch_output", spool, kept_s, batch)
        return identity

    async def _upload(self, call: BatchCall) -> Answered:
        form = call.form
        if form is None or form.file is None:
            raise ServedError(400, "'file' is a required property", "file")
        purpose = form.fields.get("purpose", "")
        if purpose not in ("batch", "user_data"):
            raise ServedError(
                400, f"'{purpose[:50]}' is not one of ['batch', 'user_data'] - 'purpose'", "purpose"
            )
        kept_s = KEPT_S if purpose == "batch" else None
        if any(name.startswith("expires_after[") for name in form.fields):
            anchor, seconds = (form.fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds"))
            kept_s = expiry(anchor, seconds, "expires_after")
        identity = f"file-{self._service.identity()}"
        file = self._files.add(identity, form.filename, purpose, form.file, kept_s)
        return Answered(self.shown(file), identity)

    def _listed(self) -> list[StoredFile]:
        """The files that lists show already, oldest first."""
        shown = self._clock.now() - self._book.general.lag_s
        return [file for file in self._files.every() if file.created <= shown]

    async def _list(self, call: BatchCall) -> Answered:
        purpose = call.query.get("purpose")
        found = [file for file in self._listed() if purpose is None or file.purpose == purpose]
        if call.query.get("order", "desc") != "asc":
            found.reverse()
        rest = behind(found, call.query.get("after"), lambda file: file.identity)
        return Answered(page_of(rest, page_size(call.query, *_PAGE), self.shown))

    async def _look(self, call: BatchCall) -> Answered:
        file = self._files.find(call.target.identity)
        if file.created > self._clock.now() - self._book.general.unseen_s:
            raise missing_file(file.identity)
        return Answered(self.shown(file), file.identity)

    def shown(self, file: StoredFile) -> dict[str, Any]:
        """Return a file as the provider describes it."""
        return file.document(self._clock)

    async def _download(self, call: BatchCall) -> Answered:
        file = self._files.find(call.target.identity)
        if file.batch and self._book.of(file.batch).gone:
            raise missing_file(file.identity)
        return Answered(file.spool, file.identity)

    async def _delete(self, call: BatchCall) -> Answered:
        identity = call.target.identity
        self._files.delete(identity)
        return Answered({"id": identity, "object": "file", "deleted": True}, identity)
