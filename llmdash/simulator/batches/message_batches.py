"""`/v1/messages/batches`, as Anthropic's published API reference has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from llmdash.simulator.batches.calls import Answered, BatchCall, Handler, behind, page_size
from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.held import BatchPhase, BatchSpec, HeldBatch
from llmdash.simulator.batches.message_lines import MessagesShape, read_requests
from llmdash.simulator.batches.orders import CallKind, OrderBook
from llmdash.simulator.batches.shelf import BatchShelf
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.service import Service

__all__ = ["ServedMessageBatches"]

_PAGE = (20, 1_000)  # usual and largest
_WINDOW_S = 86_400.0
_KEPT_S = 29 * 86_400.0
_QUEUE_FULL = "Number of batch requests in the processing queue would exceed the limit of your organization."


class ServedMessageBatches:
    """Answers the calls of Anthropic's shape."""

    def __init__(self, service: Service, clock: BatchClock, book: OrderBook, shelf: BatchShelf) -> None:
        self._service = service
        self._clock = clock
        self._book = book
        self._shelf = shelf
        self.shape = MessagesShape()
        self.handlers: dict[CallKind, Handler] = {
            "create": self._create,
            "list": self._list,
            "look": self._look,
            "cancel": self._cancel,
            "download": self._results,
            "delete": self._delete,
        }

    async def _create(self, call: BatchCall) -> Answered:
        if self._book.uses("throttled"):
            raise Throttled(1.0, "requests")
        if self._book.uses("queue_full"):
            raise ServedError(429, _QUEUE_FULL)
        if call.body is None:
            raise ServedError(400, "The request has no body.")
        identity = f"msgbatch_{self._service.identity()}"
        orders = self._book.claim(identity)
        lines, model, tokens = await read_requests(call.body, orders)
        if orders.queue_tokens is not None and self._shelf.enqueued(model) + tokens > orders.queue_tokens:
            raise ServedError(429, _QUEUE_FULL)
        if orders.invalid:
            raise ServedError(400, "requests.0.params: this create was ordered to be invalid")
        spec = BatchSpec(identity, call.key, "/v1/messages", "24h", _WINDOW_S, _KEPT_S)
        batch = HeldBatch(spec, self.shape, lines, self._clock.now())
        batch.phase = BatchPhase.RUNNING
        batch.model = model
        batch.tokens = tokens
        self._shelf.add(batch)
        return Answered(self.document(batch, call.root), identity)

    async def _list(self, call: BatchCall) -> Answered:
        limit = page_size(call.query, *_PAGE)
        found: Sequence[HeldBatch] = self._shelf.listed(self.shape)
        before = call.query.get("before_id")
        if before:
            # The page that ends where that one begins: nearest to it, newest first still.
            rest = behind(found[::-1], before, _name)
            page = rest[:limit][::-1]
        else:
            rest = behind(found, call.query.get("after_id"), _name)
            page = rest[:limit]
        return Answered(
            {
                "data": [self.document(batch, call.root) for batch in page],
                "has_more": len(rest) > limit,
                "first_id": page[0].identity if page else None,
                "last_id": page[-1].identity if page else None,
            }
        )

    async def _look(self, call: BatchCall) -> Answered:
        batch = self._find(call)
        return Answered(self.document(batch, call.root), batch.identity)

    async def _cancel(self, call: BatchCall) -> Answered:
        batch = self._find(call)
        if not batch.phase.ended:
            self._shelf.cancel(batch)
        return Answered(self.document(batch, call.root), batch.identity)

    async def _results(self, call: BatchCall) -> Answered:
        batch = self._find(call)
        if not batch.phase.ended:
            raise ServedError(404, f"The results of {batch.identity} are not available before it has ended.")
        if self._archived(batch) or self._book.of(batch.identity).gone:
            raise ServedError(404, f"The results of {batch.identity} are no longer available.")
        return Answered(batch.results.spool, batch.identity)

    async def _delete(self, call: BatchCall) -> Answered:
        batch = self._find(call)
        if not batch.phase.ended:
            raise ServedError(400, "A batch that is in progress cannot be deleted; cancel it first.")
        self._shelf.delete(batch)
        return Answered({"id": batch.identity, "type": "message_batch_deleted"}, batch.identity)

    def _find(self, call: BatchCall) -> HeldBatch:
        return self._shelf.find(call.target.identity, self.shape)

    def _archived(self, batch: HeldBatch) -> bool:
        return self._clock.now() >= batch.created + self._clock.lasting(batch.spec.kept_s)

    def keep_results(self, batch: HeldBatch) -> None:
        """They are kept with their batch."""

    def document(self, batch: HeldBatch, root: str = "") -> dict[str, Any]:
        """Return a batch as Anthropic describes it; its results are below `root`."""
        created = self._clock.unix(batch.created)
        ended = batch.phase.ended
        kept_until = created + self._clock.lasting(batch.spec.kept_s)
        results = f"{root}/v1/messages/batches/{batch.identity}/results"
        return {
            "id": batch.identity,
            "type": "message_batch",
            "processing_status": _status(batch),
            "request_counts": _counts(batch),
            "created_at": _moment(created),
            "expires_at": _moment(created + self._clock.lasting(batch.spec.window_s)),
            "ended_at": _moment(batch.moments[batch.phase]) if ended else None,
            "cancel_initiated_at": _moment(batch.moments.get(BatchPhase.CANCELLING)),
            "archived_at": _moment(kept_until) if self._archived(batch) else None,
            "results_url": results if ended and not self._archived(batch) else None,
        }


def _name(batch: HeldBatch) -> str:
    return batch.identity


def _status(batch: HeldBatch) -> str:
    if batch.phase.ended:
        return "ended"
    return "canceling" if batch.phase is BatchPhase.CANCELLING else "in_progress"


def _counts(batch: HeldBatch) -> dict[str, int]:
    """The counts: all but those in progress are 0 until the end."""
    ended = batch.phase.ended
    rest = batch.unanswered if ended else 0
    return {
        "processing": 0 if ended else batch.total,
        "succeeded": batch.succeeded if ended else 0,
        "errored": batch.failed if ended else 0,
        "canceled": rest if batch.phase is BatchPhase.CANCELLED else 0,
        "expired": rest if batch.phase is BatchPhase.EXPIRED else 0,
    }


def _moment(unix: float | None) -> str | None:
    """A Unix time in the format of RFC 3339, in UTC."""
    return None if unix is None else datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")
