"""GeminiBatchService: batches of Gemini's OpenAI-compatible API, which leaves files to the API of its own."""

from __future__ import annotations

from pathlib import Path

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.calls import ServiceCalls, body_of
from llmdash.llms.batch_services.fields import mapping
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from llmdash.llms.batch_services.openai_shapes import OpenAIShape
from llmdash.llms.batch_services.request_lines import RequestLines
from llmdash.llms.wire.dialect import Header

__all__ = ["COMPATIBLE", "GeminiBatchService"]

COMPATIBLE = "/v1beta/openai"
"""The end of the path that the OpenAI-compatible API is below."""

_OWN = "/v1beta"
_UPLOADS = "/upload/v1beta"
_KEY = b"x-goog-api-key"
_BEGIN: tuple[Header, ...] = (
    (b"x-goog-upload-protocol", b"resumable"),
    (b"x-goog-upload-command", b"start"),
    (b"x-goog-upload-header-content-type", b"application/jsonl"),
)
_SEND_ALL: tuple[Header, ...] = (
    (b"x-goog-upload-offset", b"0"),
    (b"x-goog-upload-command", b"upload, finalize"),
)


class GeminiBatchService(OpenAIBatchService):
    """What the OpenAI-compatible API documents is the creation of a batch; its files, and the list of all
    batches, are those of Gemini's own API.
    """

    def __init__(
        self,
        calls: ServiceCalls,
        requests: RequestLines,
        reading: AnswerReading,
        shape: OpenAIShape,
        url: str,
    ) -> None:
        super().__init__(calls, requests, reading, shape, url)
        self._places = calls.beside(COMPATIBLE, _OWN, _KEY)
        self._uploads = calls.beside(COMPATIBLE, _UPLOADS, _KEY)

    async def upload(self, file: Path, name: str) -> str:
        """Send a file under `name`, in flat memory. Returns its id there.

        Nothing is kept of a file before all of it has arrived.
        """
        body = body_of(file)
        size = (b"x-goog-upload-header-content-length", b"%d" % len(body))
        begun = await self._uploads.post("/files", {"file": {"display_name": name}}, (*_BEGIN, size))
        address = begun.headers.get("x-goog-upload-url")
        if not address:
            raise begun.refused(self._calls.redact)
        reply = await self._uploads.upload_at(address, body, _SEND_ALL)
        return self._uploaded(reply, mapping(reply.document).get("file"))
