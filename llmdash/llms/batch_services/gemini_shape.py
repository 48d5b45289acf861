"""Gemini's batches: created by its OpenAI-compatible API, and seen by its own, which has other words.

https://ai.google.dev/gemini-api/docs/openai#batch, https://ai.google.dev/api/batch-api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from llmdash.llms.batch_services.calls import ServiceCalls
from llmdash.llms.batch_services.fields import count_in, mapping, time_of, word_of
from llmdash.llms.batch_services.openai_shapes import OpenAIShape
from llmdash.llms.batch_services.openai_wire import NAME, Statuses
from llmdash.llms.batches import BatchDraft

__all__ = ["COMPATIBLE", "KEY", "GeminiShape"]

COMPATIBLE = "/v1beta/openai"
"""The end of the path that the OpenAI-compatible API is below."""
KEY = b"x-goog-api-key"
"""The header of the key for the API of its own, where a bearer token would be one of OAuth."""

_OWN = "/v1beta"
_FILES = "files/"
_WORDS: Mapping[str, str] = {"succeeded": "completed", "partially_succeeded": "completed"}
_STATUSES: Statuses = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    7: 403,
    8: 429,
    9: 400,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    16: 401,
}
"""HTTP statuses by the codes of google.rpc: https://github.com/googleapis/googleapis google/rpc/code.proto"""


class GeminiShape(OpenAIShape):
    """A batch is an operation whose `metadata` is the batch, and whose results are one file. Ids are names,
    such as `files/abc`, of which only what is behind the `/` is used here. Nothing says in which order lists
    are.
    """

    cancel = ":cancel"
    newest_first = False
    statuses: ClassVar[Statuses] = _STATUSES

    def places(self, calls: ServiceCalls) -> ServiceCalls:
        return calls.beside(COMPATIBLE, _OWN, KEY)

    def creation(self, draft: BatchDraft, url: str) -> dict[str, Any]:
        return {"input_file_id": _FILES + draft.file_id, "endpoint": url, "completion_window": "24h"}

    def batch(self, found: Any) -> Any:
        batch = mapping(found)
        told = batch if "id" in batch else _operation(batch)
        created_at = time_of(told.get("created_at"))
        return {
            **told,
            **{
                name: _own_part(value) for name, value in told.items() if name == "id" or name.endswith("_id")
            },
            "expires_at": created_at and created_at + self.limits.window_s,
        }

    def file(self, found: Any) -> Any:
        file = mapping(found)
        return {
            "id": _own_part(file.get("name")),
            "filename": file.get("displayName"),
            "bytes": count_in(file.get("sizeBytes")),
            "created_at": file.get("createTime"),
        }

    def listed(self, found: Any) -> Any:
        """What is empty is left out: a list without entries is an empty object."""
        page = mapping(found)
        entries = page.get("operations", page.get("files", [] if found == {} else None))
        after = page.get("nextPageToken")
        return {"data": entries, "last_id": after, "has_more": bool(after)}

    def content(self, source: str) -> tuple[str, dict[str, str]]:
        return f"/files/{source}:download", {"alt": "media"}

    def page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        return {"pageSize": str(size)} | ({"pageToken": after} if after else {})

    def files_page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        return self.page(number, after, size)


def _operation(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation says of its batch, in the words of OpenAI."""
    batch = mapping(found.get("metadata"))
    stats, error = mapping(batch.get("batchStats")), found.get("error")
    word = word_of(batch.get("state")).removeprefix("batch_state_").removeprefix("job_state_")
    output = mapping(batch.get("output")) or mapping(found.get("response"))
    return {
        "id": found.get("name"),
        "status": _WORDS.get(word, word),
        "request_counts": {
            "total": count_in(stats.get("requestCount")),
            "completed": count_in(stats.get("successfulRequestCount")) or 0,
            "failed": count_in(stats.get("failedRequestCount")) or 0,
        },
        "created_at": batch.get("createTime"),
        "completed_at": batch.get("endTime"),
        "input_file_id": mapping(batch.get("inputConfig")).get("fileName"),
        "output_file_id": output.get("responsesFile"),
        "metadata": {NAME: batch.get("displayName")},
        "errors": {"data": [error] if error else []},
    }


def _own_part(name: Any) -> Any:
    return name.rpartition("/")[2] if isinstance(name, str) else None
