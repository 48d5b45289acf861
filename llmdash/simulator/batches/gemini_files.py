"""Files of Gemini's own API: https://ai.google.dev/api/files"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from llmdash.simulator.batches.calls import Answered, BatchCall
from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.openai_files import ServedFiles
from llmdash.simulator.batches.orders import OrderBook
from llmdash.simulator.batches.spool import Spool
from llmdash.simulator.batches.stored_files import FileShelf, StoredFile
from llmdash.simulator.dialects.base import decode
from llmdash.simulator.errors import ServedError
from llmdash.simulator.service import Service

__all__ = ["GeminiFiles", "google_moment", "google_page"]

_KEPT_S = 2 * 86_400.0
_PAGE = (10, 100)  # usual and largest
_COMMAND = b"x-goog-upload-command"
_STATUS = b"x-goog-upload-status"


class _Named(msgspec.Struct):
    display_name: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    displayName: Annotated[str, msgspec.Meta(max_length=512)] | None = None  # noqa: N815 - as it is sent


class _Begin(msgspec.Struct):
    file: _Named = msgspec.field(default_factory=_Named)


_begins = msgspec.json.Decoder(_Begin)


class GeminiFiles(ServedFiles):
    """Files that are sent in steps: the first tells an address for the others. They are kept for 48 hours."""

    results = "batch-"

    def __init__(self, service: Service, clock: BatchClock, book: OrderBook, files: FileShelf) -> None:
        super().__init__(service, clock, book, files)
        self._begun: dict[str, tuple[str, Spool]] = {}
        self.handlers["begin"] = self._begin

    async def _begin(self, call: BatchCall) -> Answered:
        if (
            call.headers.get(_COMMAND) != "start"
            or call.headers.get(b"x-goog-upload-protocol") != "resumable"
        ):
            raise ServedError(400, "Only resumable uploads are simulated, and this call starts none.")
        body = call.body.read(0, call.body.size) if call.body is not None else b""
        named: _Named = decode(_begins, body or b"{}", ("file",)).file
        identity = self._service.identity()
        self._begun[identity] = named.displayName or named.display_name or "", Spool()
        address = f"{call.root}/upload/v1beta/files?upload_id={identity}&upload_protocol=resumable"
        return Answered({}, "", [(b"x-goog-upload-url", address.encode()), (_STATUS, b"active")])

    async def _upload(self, call: BatchCall) -> Answered:
        identity = call.query.get("upload_id", "")
        commands = {word.strip() for word in call.headers.get(_COMMAND, "").split(",")}
        if identity not in self._begun or "upload" not in commands:
            raise ServedError(400, "There is no such upload.")
        name, spool = self._begun[identity]
        if call.headers.get(b"x-goog-upload-offset", "0") != str(spool.size):
            raise ServedError(400, "The upload does not go on at this offset.")
        for piece in call.body.pieces() if call.body is not None else ():
            spool.write(piece)
        if "finalize" not in commands:
            return Answered({}, "", [(_STATUS, b"active")])
        del self._begun[identity]
        file = self._files.add(identity, name, "batch", spool, _KEPT_S)
        return Answered({"file": self.shown(file)}, identity, [(_STATUS, b"final")])

    async def _list(self, call: BatchCall) -> Answered:
        return Answered(google_page("files", [self.shown(file) for file in self._listed()], call, _PAGE))

    async def _delete(self, call: BatchCall) -> Answered:
        self._files.delete(call.target.identity)
        return Answered({}, call.target.identity)

    def shown(self, file: StoredFile) -> dict[str, Any]:
        created = google_moment(self._clock.unix(file.created))
        expires = {} if file.expires is None else {"expirationTime": self._clock.unix(file.expires)}
        return {
            "name": f"files/{file.identity}",
            "displayName": file.name,
            "mimeType": "application/jsonl",
            "sizeBytes": str(file.spool.size),
            "createTime": created,
            "updateTime": created,
            **{name: google_moment(moment) for name, moment in expires.items()},
            "state": "ACTIVE",
            "source": "GENERATED" if file.batch else "UPLOADED",
        }


def google_moment(unix: float) -> str:
    """Return a Unix time as Google writes it: in UTC, with nanoseconds."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def google_page(name: str, entries: list[Any], call: BatchCall, sizes: tuple[int, int]) -> dict[str, Any]:
    """Return a page of a list; what is empty is left out. `sizes` are the usual one and the largest.

    Raises ServedError for a size or a token that cannot be one.
    """
    size, token = call.query.get("pageSize", str(sizes[0])), call.query.get("pageToken") or "0"
    if not size.isdecimal() or not token.isdecimal():
        raise ServedError(400, "pageSize and pageToken are those of a list.")
    begin, end = int(token), int(token) + min(int(size) or sizes[0], sizes[1])
    page: dict[str, Any] = {name: entries[begin:end]} if entries[begin:end] else {}
    return {**page, "nextPageToken": str(end)} if end < len(entries) else page
