"""GeminiBatchService: batches of Gemini's OpenAI-compatible API, which leaves files to the API of its own."""

from __future__ import annotations

from pathlib import Path

from llmdash.llms.batch_services.calls import body_of
from llmdash.llms.batch_services.fields import mapping
from llmdash.llms.batch_services.gemini_shape import COMPATIBLE, KEY
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from llmdash.llms.wire.dialect import Header

__all__ = ["GeminiBatchService"]

_UPLOADS = "/upload/v1beta"
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

    async def upload(self, file: Path, name: str) -> str:
        """Send a file under `name`, in flat memory. Returns its id there.

        Nothing is kept of a file before all of it has arrived.
        """
        body, calls = body_of(file), self._calls.beside(COMPATIBLE, _UPLOADS, KEY)
        size = (b"x-goog-upload-header-content-length", b"%d" % len(body))
        begun = await calls.post("/files", {"file": {"display_name": name}}, (*_BEGIN, size))
        address = begun.headers.get("x-goog-upload-url")
        if not address:
            raise begun.refused(self._calls.redact)
        reply = await calls.upload_at(address, body, _SEND_ALL)
        return self._uploaded(reply, mapping(reply.document).get("file"))
