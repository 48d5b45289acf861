"""In what the services that speak like OpenAI's differ: a class for each shape, and the table of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from llmdash.llms.batch_services.calls import ServiceCalls
from llmdash.llms.batch_services.fields import identifier, mapping, mappings, word_of
from llmdash.llms.batch_services.openai_wire import NAME, Statuses
from llmdash.llms.batches import BatchDraft, BatchLimits

__all__ = ["MistralShape", "OpenAIShape", "TogetherShape"]

_HOUR_S = 3_600.0
_WEEK_S = 604_800
_URLS = {"chat": "/v1/chat/completions", "completions": "/v1/completions", "responses": "/v1/responses"}


class OpenAIShape:
    """OpenAI's own shape. `urls` are what requests name, by wire format: one that is not there has no
    batches. `kept_s` is how long files are asked to be kept at most, in seconds; None where that cannot be
    asked. `answers_live` is False where models for batches answer no other calls.
    """

    jobs = "/batches"
    """The path of all batches."""
    uploads = "/files"
    """Where files are sent."""
    cancel = "/cancel"
    """What is behind the path of a batch to cancel it."""
    newest_first = True
    """True if lists are known to be in this order."""
    statuses: ClassVar[Statuses] = {}

    def __init__(
        self,
        *,
        urls: Mapping[str, str] = _URLS,
        requests: int = 50_000,
        megabytes: int = 200,
        kept_s: int | None = _WEEK_S,
        hours: int = 24,
        calls_a_minute: float = 60.0,
        answers_live: bool = True,
    ) -> None:
        self.urls = urls
        self.answers_live = answers_live
        self.limits = BatchLimits(requests, megabytes * 1_000_000, hours * _HOUR_S, calls_a_minute)
        self._kept = None if kept_s is None else {"anchor": "created_at", "seconds": kept_s}

    def places(self, calls: ServiceCalls) -> ServiceCalls:
        """Return the calls for what is there already: files, and all of a batch but its creation."""
        return calls

    def request(self, custom_id: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request as a line has it."""
        return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}

    def form(self, name: str) -> dict[str, Any]:
        """Return the fields that go with a file of this name."""
        kept = {} if self._kept is None else {"expires_after": dict(self._kept)}
        return {"purpose": "batch", **kept}

    def creation(self, draft: BatchDraft, url: str) -> dict[str, Any]:
        """Return the body that creates a batch."""
        kept = {} if self._kept is None else {"output_expires_after": dict(self._kept)}
        return {
            "input_file_id": draft.file_id,
            "endpoint": url,
            "completion_window": "24h",
            "metadata": {NAME: draft.name},
            **kept,
        }

    def batch(self, found: Any) -> Any:
        """Return a batch in the words of OpenAI."""
        return found

    def file(self, found: Any) -> Any:
        """Return a file in the words of OpenAI."""
        return found

    def listed(self, found: Any) -> Any:
        """Return a page of a list in the words of OpenAI, but for what is in it."""
        return found

    def content(self, source: str) -> tuple[str, dict[str, str]]:
        """Return the path, and the query, of what is in a file."""
        return f"/files/{source}/content", {}

    def files_page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        """Return what asks for a page of the files, as `page`."""
        return {"purpose": "batch", **self.page(number, after, size)}

    def page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        """Return what asks for a page of a list: the first is number 0, the others come `after` an id."""
        return {"limit": str(size)} | ({"after": after} if after else {})


class MistralShape(OpenAIShape):
    """Mistral's jobs: https://docs.mistral.ai/api/#tag/batch. Files are as OpenAI's, pages have numbers."""

    jobs = "/batch/jobs"
    newest_first = False
    _WORDS: Mapping[str, str] = {
        "success": "completed",
        "timeout_exceeded": "expired",
        "cancellation_requested": "cancelling",
    }

    def request(self, custom_id: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"custom_id": custom_id, "body": body}

    def creation(self, draft: BatchDraft, url: str) -> dict[str, Any]:
        return {
            "input_files": [draft.file_id],
            "endpoint": url,
            "model": draft.model,
            "metadata": {NAME: draft.name},
            "timeout_hours": 24,
        }

    def batch(self, found: Any) -> Any:
        job = mapping(found)
        word = word_of(job.get("status"))
        files = job.get("input_files")
        return {
            **job,
            "status": self._WORDS.get(word, word),
            "request_counts": {
                "total": job.get("total_requests"),
                "completed": job.get("succeeded_requests"),
                "failed": job.get("failed_requests"),
            },
            "input_file_id": next(filter(identifier, files), None) if isinstance(files, list) else None,
            "output_file_id": job.get("output_file"),
            "error_file_id": job.get("error_file"),
            "errors": {"data": list(mappings(job.get("errors")))},
        }

    def page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        return {"page": str(number), "page_size": str(size)}


class TogetherShape(OpenAIShape):
    """Together's jobs: https://docs.together.ai/docs/inference/batch/overview.

    A file is sent to where no answer redirects to other storage. A creation tells the job inside an object,
    lists have no pages, and nothing is counted: only the results say what failed. Of an error in them the
    service says whose fault it was.
    """

    uploads = "/files/upload"
    statuses: ClassVar[Statuses] = {"batch_client_error": 400, "batch_server_error": 500}

    def request(self, custom_id: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"custom_id": custom_id, "body": body}

    def form(self, name: str) -> dict[str, Any]:
        return {"purpose": "batch-api", "file_name": name}

    def creation(self, draft: BatchDraft, url: str) -> dict[str, Any]:
        return {"input_file_id": draft.file_id, "endpoint": url, "completion_window": "24h"}

    def batch(self, found: Any) -> Any:
        job = mapping(found)
        job = mapping(job.get("job", job))
        return {
            **job,
            "expires_at": job.get("job_deadline"),
            "errors": {"data": [{"message": job["error"]}] if job.get("error") else []},
        }

    def listed(self, found: Any) -> Any:
        entries = found if isinstance(found, list) else mapping(found).get("data")
        return {"data": entries, "has_more": False}

    def page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        return {}

    def files_page(self, number: int, after: str | None, size: int) -> dict[str, str]:
        return {}
