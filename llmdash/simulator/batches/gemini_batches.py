"""Batches of Gemini: created by its OpenAI-compatible API, and seen by its own as well.

https://ai.google.dev/gemini-api/docs/openai#batch, https://ai.google.dev/api/batch-api
"""

from __future__ import annotations

from typing import Any

from llmdash.simulator.batches.calls import Answered, BatchCall, Handler
from llmdash.simulator.batches.gemini_files import google_moment, google_page
from llmdash.simulator.batches.held import BatchPhase, BatchRequest, HeldBatch, Rest
from llmdash.simulator.batches.openai_batches import ServedBatches
from llmdash.simulator.batches.openai_lines import OpenAIFileShape
from llmdash.simulator.batches.orders import CallKind
from llmdash.simulator.batches.stored_files import StoredFile

__all__ = ["GeminiBatches", "GeminiFileShape"]

_PAGE = (10, 100)  # usual and largest
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
_INTERNAL, _CANCELLED, _EXHAUSTED, _ARGUMENT = 13, 1, 8, 3  # codes of google.rpc
_STATES = {
    BatchPhase.VALIDATING: "PENDING",
    BatchPhase.FAILED: "FAILED",
    BatchPhase.COMPLETED: "SUCCEEDED",
    BatchPhase.EXPIRED: "EXPIRED",
    BatchPhase.CANCELLED: "CANCELLED",
}


class GeminiFileShape(OpenAIFileShape):
    """OpenAI's lines; all results are in one file, without what never ran."""

    def __init__(self) -> None:
        super().__init__()
        self.separates_errors = False

    def rest(self, request: BatchRequest, rest: Rest, identity: str) -> bytes | None:
        return None


class GeminiBatches(ServedBatches):
    """Operations. What expired after 48 hours has no results."""

    prefix = ""
    window_s = 2 * 86_400.0

    @property
    def compatible(self) -> dict[CallKind, Handler]:
        """The calls of the OpenAI-compatible API."""
        return {"create": self._create_compatible, "look": self._look_compatible}

    def keep_results(self, batch: HeldBatch) -> None:
        if batch.end is not BatchPhase.EXPIRED and len(batch.results):
            name, kept_s = f"{batch.identity}.jsonl", batch.spec.kept_s
            batch.output_file = self._files.add_results(name, batch.results.spool, kept_s, batch.identity)

    def _input(self, identity: str) -> StoredFile:
        return super()._input(identity.removeprefix("files/"))

    async def _create_compatible(self, call: BatchCall) -> Answered:
        batch = self._created(call)
        return Answered(self._compatible(batch), batch.identity)

    async def _look_compatible(self, call: BatchCall) -> Answered:
        batch = self._shelf.find(call.target.identity, self.shape)
        return Answered(self._compatible(batch), batch.identity)

    async def _list(self, call: BatchCall) -> Answered:
        found = [self.shown(batch) for batch in self._shelf.listed(self.shape)]
        return Answered(google_page("operations", found, call, _PAGE))

    async def _cancel(self, call: BatchCall) -> Answered:
        batch = self._shelf.find(call.target.identity, self.shape)
        if not batch.phase.ended:
            self._shelf.cancel(batch)
        return Answered({}, batch.identity)

    def _compatible(self, batch: HeldBatch) -> dict[str, Any]:
        """A batch as the OpenAI-compatible API describes it."""
        files = {"input_file_id": batch.spec.input_file, "output_file_id": batch.output_file}
        named = {name: identity and f"files/{identity}" for name, identity in files.items()}
        return {**self.document(batch), "id": f"batches/{batch.identity}", **named, "metadata": None}

    def shown(self, batch: HeldBatch) -> dict[str, Any]:
        """Return a batch as the operation that it is; a cancel shows only once it is done."""
        name, ended = f"batches/{batch.identity}", batch.phase.ended
        output = {"responsesFile": f"files/{batch.output_file}"} if batch.output_file else {}
        counts = {
            "requestCount": batch.total,
            "successfulRequestCount": batch.succeeded,
            "failedRequestCount": batch.failed,
            "pendingRequestCount": batch.unanswered,
        }
        facts = {
            "@type": _TYPE,
            "model": f"models/{batch.model}",
            "inputConfig": {"fileName": f"files/{batch.spec.input_file}"},
            **({"output": output} if output else {}),
            "createTime": google_moment(self._clock.unix(batch.created)),
            **({"endTime": google_moment(batch.moments[batch.phase])} if ended else {}),
            "updateTime": google_moment(self._clock.unix(batch.entered)),
            "batchStats": {counted: str(count) for counted, count in counts.items() if count},
            "state": f"BATCH_STATE_{_STATES.get(batch.phase, 'RUNNING')}",
            "name": name,
        }
        found: dict[str, Any] = {"name": name, "metadata": facts}
        if ended:
            found["done"] = True
            found.update({"response": output} if output else {"error": _error(batch)})
        return found


def _error(batch: HeldBatch) -> dict[str, Any]:
    """Why an operation has no results."""
    if batch.phase is BatchPhase.FAILED:
        problem = batch.problems[0]
        code = _EXHAUSTED if problem["code"] == "token_limit_exceeded" else _ARGUMENT
        return {"code": code, "message": problem["message"]}
    code = _CANCELLED if batch.phase is BatchPhase.CANCELLED else _INTERNAL
    return {"code": code, "message": f"The batch is {batch.phase}."}
