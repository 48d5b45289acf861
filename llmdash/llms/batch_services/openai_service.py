"""OpenAIBatchService: the batch service of OpenAI, and of others that speak alike."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.calls import ServiceCalls, ServiceReply
from llmdash.llms.batch_services.fields import identifier
from llmdash.llms.batch_services.files import lines_of
from llmdash.llms.batch_services.openai_shapes import OpenAIShape
from llmdash.llms.batch_services.openai_wire import answer_of, file_of, status_of
from llmdash.llms.batch_services.pages import ListPage, read_pages
from llmdash.llms.batch_services.request_lines import RequestLines, written_line
from llmdash.llms.batches import (
    BatchAnswer,
    BatchDraft,
    BatchLimits,
    BatchListing,
    BatchStatus,
    FileListing,
    FileStatus,
)
from llmdash.llms.messages import PromptLike
from llmdash.llms.wire.adaptation import Change
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["OpenAIBatchService"]

_PAGE = 100
_OPTIONAL = ("expires_after", "output_expires_after", "metadata")
"""What a server may not know, and a batch can do without."""


class OpenAIBatchService:
    """Batches by `/files` and `/batches`; the requests of a file all name one `url`."""

    limits: BatchLimits
    answers_live: bool
    takes_files = True
    names_batches = True
    opening = b""
    separator = b"\n"
    closing = b"\n"

    def __init__(
        self,
        calls: ServiceCalls,
        requests: RequestLines,
        reading: AnswerReading,
        shape: OpenAIShape,
        url: str,
    ) -> None:
        self.limits = shape.limits
        self.answers_live = shape.answers_live
        self._calls = calls
        self._places = shape.places(calls)
        self._requests = requests
        self._reading = reading
        self._shape = shape
        self._url = url

    def line(
        self, custom_id: str, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> bytes:
        """Return one request as it stands in a file. Raises Failure for what a batch cannot carry."""
        body = self._requests.body(prompt, stop, options)
        return written_line(self._shape.request(custom_id, self._url, body))

    def read(self, line: bytes) -> BatchAnswer:
        """Return what a line of results says; never raises for what is in it."""
        return answer_of(line, self._reading, self._shape.statuses)

    def lines(self, file: Path) -> Iterator[bytes]:
        """Yield the lines of a file of results, in flat memory; one beyond the cap of an answer comes cut."""
        return lines_of(file)

    async def upload(self, file: Path, name: str) -> str:
        """Send a file under `name`, in flat memory. Returns its id there."""
        reply = await self._without_refused(self._shape.uploads, self._shape.form(name), file, name)
        return self._uploaded(reply, reply.document)

    async def files(self, since: float | None = None) -> FileListing:
        """Return the input files at the service, back to `since` in Unix seconds, or one page of them."""

        async def page(number: int, after: str | None) -> ListPage:
            query = self._shape.files_page(number, after, _PAGE)
            return self._listed(await self._places.get("/files", **query))

        return FileListing(*await read_pages(page, self._file, self._back_to(since)))

    async def create(self, draft: BatchDraft) -> BatchStatus:
        """Create a batch."""
        fields = self._shape.creation(draft, self._url)
        return self._status(await self._without_refused(self._shape.jobs, fields))

    async def look(self, since: float | None = None) -> BatchListing:
        """Return the batches at the service, back to `since` in Unix seconds, or one page of them."""

        async def page(number: int, after: str | None) -> ListPage:
            query = self._shape.page(number, after, _PAGE)
            return self._listed(await self._places.get(self._shape.jobs, **query))

        return BatchListing(*await read_pages(page, self._read, self._back_to(since)))

    async def status(self, batch_id: str) -> BatchStatus:
        """Return one batch."""
        return self._status(await self._places.get(f"{self._shape.jobs}/{batch_id}"))

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask for the end of a batch; it goes on until the service says that it has ended."""
        reply = await self._places.post(f"{self._shape.jobs}/{batch_id}{self._shape.cancel}")
        return self._read(reply.document) or await self.status(batch_id)

    async def download(self, source: str, file: Path) -> None:
        """Fetch one of the `results` of a batch to a file, anew, in flat memory."""
        path, query = self._shape.content(source)
        await self._places.download(path, file, **query)

    async def forget(self, status: BatchStatus) -> None:
        """Delete the files of a batch that has ended. What is gone already is no failure."""
        failed: Failure | None = None
        for file_id in (status.file_id, *status.results):
            try:
                if identifier(file_id) is not None:
                    await self._places.delete(f"/files/{file_id}")
            except Failure as failure:
                failed = failure
        if failed is not None:
            raise failed

    def _back_to(self, since: float | None) -> float | None:
        """All the way, where what is old may come first."""
        return since if since is None or self._shape.newest_first else 0.0

    def _status(self, reply: ServiceReply) -> BatchStatus:
        found = self._read(reply.document)
        if found is None:
            raise reply.refused(self._calls.redact)
        return found

    def _read(self, found: Any) -> BatchStatus | None:
        return status_of(self._shape.batch(found), self._calls.redact, self._shape.statuses)

    def _file(self, found: Any) -> FileStatus | None:
        return file_of(self._shape.file(found))

    def _uploaded(self, reply: ServiceReply, found: Any) -> str:
        file = self._file(found)
        if file is None:
            raise reply.refused(self._calls.redact)
        return file.id

    def _listed(self, reply: ServiceReply) -> ListPage:
        return ListPage.of(reply, self._calls.redact, self._shape.listed)

    async def _without_refused(
        self, path: str, fields: dict[str, Any], file: Path | None = None, name: str = ""
    ) -> ServiceReply:
        """The answer to a POST, asked again without what the server does not know: such a refusal has
        created nothing. What was refused is left out from then on, by all keys of the endpoint.
        """
        place = (self._calls.shown(path), "")
        for change in self._calls.learned().get(place, ()):
            change.apply(fields)
        while True:
            try:
                if file is None:
                    return await self._calls.post(path, fields)
                return await self._calls.upload(path, file, *_multipart(fields, name))
            except Failure as failure:
                option = _optional_in(failure, fields)
                if option is None:
                    raise
                change = Change(option)
                change.apply(fields)
                learned = self._calls.learned()
                learned[place] = (*learned.get(place, ()), change)


def _optional_in(refusal: Failure, fields: Mapping[str, Any]) -> str | None:
    """What a refusal names that can be left out."""
    if refusal.status not in (400, 422) or refusal.kind is not FailureKind.REQUEST:
        return None
    said = f"{refusal.param} {refusal.words}"
    named = (option for option in _OPTIONAL if option in fields and re.search(rf"\b{option}\b", said))
    return next(named, None)


def _multipart(fields: Mapping[str, Any], name: str) -> tuple[tuple[bytes, bytes], str]:
    """What is around a file in a form, and its content type (RFC 7578)."""
    mark = uuid.uuid4().hex
    pairs = [pair for field, value in fields.items() for pair in _pairs(field, value)]
    parts = [
        f'--{mark}\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in pairs
    ]
    shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts.append(
        f'--{mark}\r\ncontent-disposition: form-data; name="file"; filename="{shown}"\r\n'
        "content-type: application/jsonl\r\n\r\n"
    )
    around = "".join(parts).encode(), f"\r\n--{mark}--\r\n".encode()
    return around, f"multipart/form-data; boundary={mark}"


def _pairs(field: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [(f"{field}[{name}]", str(one)) for name, one in value.items()]
    return [(field, str(value))]
