"""`/together/v1/files` and `/together/v1/batches`, as Together's published API reference has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from llmdash.simulator.batches.calls import Answered, BatchCall
from llmdash.simulator.batches.held import BatchPhase, BatchRequest, HeldBatch, Rest
from llmdash.simulator.batches.openai_batches import Creation, ServedBatches
from llmdash.simulator.batches.openai_files import ServedFiles
from llmdash.simulator.batches.openai_lines import OpenAIFileShape, ShortLine
from llmdash.simulator.batches.stored_files import StoredFile
from llmdash.simulator.dialects.base import encode
from llmdash.simulator.errors import ServedError
from llmdash.simulator.executions import Executed

__all__ = ["TogetherBatches", "TogetherFileShape", "TogetherFiles"]

_PURPOSE = "batch-api"
_CHAT = "/v1/chat/completions"
_WORDS = {BatchPhase.FINALIZING: "IN_PROGRESS", BatchPhase.CANCELLING: "CANCELING"}


class _Creation(Creation, kw_only=True):
    completion_window: str = "24h"


class _Inside(msgspec.Struct):
    message: str = ""


class _Error(msgspec.Struct):
    error: _Inside


_errors = msgspec.json.Decoder(_Error)


class TogetherFileShape(OpenAIFileShape):
    """Lines with a `body` only. An error in the results has no status, and what never ran has no line."""

    lines = msgspec.json.Decoder(ShortLine)

    def request(self, line: bytes) -> BatchRequest:
        found = self.lines.decode(line)
        return BatchRequest(found.custom_id, _CHAT, bytes(found.body))

    def result(self, request: BatchRequest, answer: Executed) -> bytes:
        line: dict[str, Any] = {"id": f"br_{answer.identity}", "custom_id": request.custom_id}
        if not answer.failed:
            return encode(
                {**line, "response": {"status_code": answer.status, "body": msgspec.Raw(answer.body)}}
            )
        code = "batch_client_error" if answer.status < 500 else "batch_server_error"
        return encode({**line, "error": {"code": code, "message": _errors.decode(answer.body).error.message}})

    def rest(self, request: BatchRequest, rest: Rest, identity: str) -> bytes | None:
        return None


class TogetherFiles(ServedFiles):
    """Files that are sent in one call, which its documentation has beside that with a redirect."""

    async def _upload(self, call: BatchCall) -> Answered:
        form = call.form
        if form is None or form.file is None:
            raise ServedError(400, "Missing required fields: file", "file")
        for name in ("purpose", "file_name"):
            if not form.fields.get(name):
                raise ServedError(400, f"Missing required fields: {name}", name)
        if form.fields["purpose"] != _PURPOSE:
            raise ServedError(400, "purpose must be 'batch-api'", "purpose")
        identity = f"file-{self._service.identity()}"
        file = self._files.add(identity, form.fields["file_name"], "batch", form.file, None)
        return Answered(self.shown(file), identity)

    async def _list(self, call: BatchCall) -> Answered:
        return Answered({"data": [self.shown(file) for file in self._listed()]})

    def shown(self, file: StoredFile) -> dict[str, Any]:
        known = ("id", "object", "bytes", "created_at", "filename")
        told = super().shown(file)
        more = {"purpose": _PURPOSE, "FileType": "jsonl", "LineCount": 0, "Processed": True}
        return {**{name: told[name] for name in known}, **more}


class TogetherBatches(ServedBatches):
    """Jobs: a creation tells one inside an object, a list is a bare array, and nothing is counted."""

    creations = msgspec.json.Decoder(_Creation)
    prefix = ""

    async def _create(self, call: BatchCall) -> Answered:
        batch = self._created(call)
        return Answered({"job": self.shown(batch)}, batch.identity)

    async def _list(self, call: BatchCall) -> Answered:
        return Answered([self.shown(batch) for batch in self._shelf.listed(self.shape)])

    def shown(self, batch: HeldBatch) -> dict[str, Any]:
        told = self.document(batch)
        ended = batch.phase.ended
        found = {
            "id": batch.identity,
            "user_id": "user_simulator",
            "input_file_id": batch.spec.input_file,
            "file_size_bytes": batch.lines.spool.size,
            "status": _WORDS.get(batch.phase, batch.phase.upper()),
            "job_deadline": _moment(told["expires_at"]),
            "created_at": _moment(told["created_at"]),
            "endpoint": batch.spec.endpoint,
            "progress": 100 * (batch.total - batch.unanswered) / (batch.total or 1),
            "model_id": told["model"],
            "output_file_id": batch.output_file,
            "error_file_id": batch.error_file,
            "completed_at": _moment(batch.moments[batch.phase]) if ended else None,
            "error": batch.problems[0]["message"] if batch.phase is BatchPhase.FAILED else None,
        }
        return {name: value for name, value in found.items() if value is not None}


def _moment(unix: float) -> str:
    """A Unix time in the format of RFC 3339, in UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")
