"""AnthropicBatchService: the message batches of Anthropic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.anthropic_wire import answer_of, status_of
from llmdash.llms.batch_services.calls import ServiceCalls, ServiceReply
from llmdash.llms.batch_services.files import lines_of
from llmdash.llms.batch_services.pages import ListPage, read_pages
from llmdash.llms.batch_services.request_lines import RequestLines, written_line
from llmdash.llms.batches import (
    BatchAnswer,
    BatchDraft,
    BatchLimits,
    BatchListing,
    BatchStatus,
    FileListing,
)
from llmdash.llms.messages import PromptLike

__all__ = ["AnthropicBatchService"]

_PATH = "/messages/batches"
_PAGE = 1000


class AnthropicBatchService:
    """Batches by `/v1/messages/batches`: all requests are sent with the creation, and no name is kept."""

    limits = BatchLimits(requests=100_000, bytes=256_000_000, window_s=86_400.0, calls_a_minute=50.0)
    takes_files = False
    names_batches = False
    answers_live = True
    opening = b'{"requests":['
    separator = b","
    closing = b"]}"

    def __init__(self, calls: ServiceCalls, requests: RequestLines, reading: AnswerReading) -> None:
        self._calls = calls
        self._requests = requests
        self._reading = reading

    def line(
        self, custom_id: str, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> bytes:
        """Return one request as it stands in a file. Raises Failure for what a batch cannot carry."""
        params = self._requests.body(prompt, stop, options)
        return written_line({"custom_id": custom_id, "params": params})

    def read(self, line: bytes) -> BatchAnswer:
        """Return what a line of results says; never raises for what is in it."""
        return answer_of(line, self._reading)

    def lines(self, file: Path) -> Iterator[bytes]:
        """Yield the lines of a file of results, in flat memory; one beyond the cap of an answer comes cut."""
        return lines_of(file)

    async def upload(self, file: Path, name: str) -> str:
        """Return no id: the file is sent by `create`."""
        return ""

    async def files(self, since: float | None = None) -> FileListing:
        """Return no files: the service keeps none."""
        return FileListing(())

    async def create(self, draft: BatchDraft) -> BatchStatus:
        """Create a batch."""
        return self._status(await self._calls.upload(_PATH, draft.file))

    async def look(self, since: float | None = None) -> BatchListing:
        """Return the batches at the service, back to `since` in Unix seconds, or one page of them."""

        async def page(_: int, after: str | None) -> ListPage:
            query = {"limit": str(_PAGE)} | ({"after_id": after} if after else {})
            return ListPage.of(await self._calls.get(_PATH, **query), self._calls.redact)

        return BatchListing(
            *await read_pages(page, lambda found: status_of(found, self._calls.redact), since)
        )

    async def status(self, batch_id: str) -> BatchStatus:
        """Return one batch."""
        return self._status(await self._calls.get(f"{_PATH}/{batch_id}"))

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask for the end of a batch; it goes on until the service says that it has ended."""
        return self._status(await self._calls.post(f"{_PATH}/{batch_id}/cancel"))

    async def download(self, source: str, file: Path) -> None:
        """Fetch one of the `results` of a batch to a file, anew, in flat memory."""
        await self._calls.download_at(source, file)

    async def forget(self, status: BatchStatus) -> None:
        """Delete a batch that has ended, with its results. What is gone already is no failure."""
        if status.id:
            await self._calls.delete(f"{_PATH}/{status.id}")

    def _status(self, reply: ServiceReply) -> BatchStatus:
        found = status_of(reply.document, self._calls.redact)
        if found is None:
            raise reply.refused(self._calls.redact)
        return found
