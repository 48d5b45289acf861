"""The batch services behind their addresses: who may call, what is lost on the way, and what was called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from llmdash.simulator.batches.call_log import CallLog
from llmdash.simulator.batches.calls import Answered, BatchCall, Handler, Target, read_call, target_of
from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.gemini_batches import GeminiBatches, GeminiFileShape
from llmdash.simulator.batches.gemini_files import GeminiFiles
from llmdash.simulator.batches.held import HeldBatch
from llmdash.simulator.batches.message_batches import ServedMessageBatches
from llmdash.simulator.batches.openai_batches import ServedBatches
from llmdash.simulator.batches.openai_files import ServedFiles
from llmdash.simulator.batches.orders import BatchOrders, CallKind, OrderBook
from llmdash.simulator.batches.shelf import BatchShelf
from llmdash.simulator.batches.spool import Spool
from llmdash.simulator.batches.stored_files import FileShelf
from llmdash.simulator.batches.together_batches import TogetherBatches, TogetherFiles, TogetherFileShape
from llmdash.simulator.batches.worker import BatchWorker
from llmdash.simulator.connection import WIRE, ClientGoneError, Connection, Receive, Scope, Send
from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.base import Conventions, encode
from llmdash.simulator.dialects.google_conventions import GoogleConventions
from llmdash.simulator.dialects.openai import OpenAIConventions
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.service import Service

__all__ = ["SimulatedBatches"]

_LINES = b"application/x-jsonl"
_BY_ADDRESS = ("gemini", "upload")
"""The call that needs no key: it is allowed to who knows its address."""


class SimulatedBatches:
    """Serves the batch services of OpenAI and Anthropic, and below paths of their own those of Together and
    Gemini; orders have it err.

    Files and batches belong to one project, which is that of every key.
    """

    def __init__(
        self, service: Service, clock: Callable[[], float], wall: Callable[[], float], speed: float
    ) -> None:
        self._service = service
        self._clock = BatchClock(clock, wall, speed)
        self._book = OrderBook()
        self._worker = BatchWorker(service, self._clock, self._book, self._keep_results)
        self._shelf = BatchShelf(self._clock, self._book, self._worker)
        self._files = FileShelf(self._clock)
        parts, files = (service, self._clock, self._book), (service, self._clock, self._book, self._files)
        openai = ServedBatches(*parts, self._shelf, ServedFiles(*files))
        messages = ServedMessageBatches(*parts, self._shelf)
        together = TogetherBatches(*parts, self._shelf, TogetherFiles(*files), TogetherFileShape())
        gemini = GeminiBatches(*parts, self._shelf, GeminiFiles(*files), GeminiFileShape())
        self._served: tuple[ServedBatches | ServedMessageBatches, ...] = (openai, messages, together, gemini)
        self._log = CallLog()
        self._conventions: dict[str, Conventions] = {
            "openai": OpenAIConventions(),
            "anthropic": AnthropicConventions(),
            "together": OpenAIConventions(),
            "compatible": OpenAIConventions(),
            "gemini": GoogleConventions(),
        }
        self._handlers: dict[str, dict[CallKind, Handler]] = {
            "openai": openai.handlers,
            "anthropic": messages.handlers,
            "together": together.handlers,
            "compatible": gemini.compatible,
            "gemini": gemini.handlers,
        }

    def order(self, orders: Mapping[str, Any], batch: str | None = None) -> BatchOrders:
        """Change orders (see BatchOrders), for all batches or for one. Raises ValueError."""
        return self._book.order(orders, batch)

    def reset(self) -> None:
        """Have everything go right again."""
        self._book.reset()

    def forget(self) -> None:
        """Forget all batches, files, calls and orders, as if nothing had been asked yet."""
        self.reset()
        self._log.clear()
        self._shelf.clear()
        self._files.clear()

    async def report(self, *, calls: bool = False) -> dict[str, Any]:
        """Return the calls counted, all batches and files, oldest first, and the orders.

        With `calls` the last calls too.
        """
        await self._worker.catch_up()
        return {
            "calls": self._log.counts,
            **({"log": list(self._log.calls)} if calls else {}),
            "batches": [self._document(batch) for batch in self._shelf.every()],
            "files": [file.document(self._clock) for file in self._files.every()],
            "orders": self._book.general,
        }

    def _document(self, batch: HeldBatch) -> dict[str, Any]:
        found = {"executed": batch.succeeded, "usage": msgspec.structs.asdict(batch.used)}
        return {**self._serving(batch).document(batch), **found}

    def _keep_results(self, batch: HeldBatch) -> None:
        self._serving(batch).keep_results(batch)

    def _serving(self, batch: HeldBatch) -> ServedBatches | ServedMessageBatches:
        return next(each for each in self._served if each.shape is batch.shape)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve a request if it is for a batch service; returns False if it is not."""
        query = scope.get("query_string", b"").decode("latin-1")
        target = target_of(scope["method"], scope["path"], query)
        if target is None:
            return False
        conventions = self._conventions[target.shape]
        identity = self._service.identity()
        headers = [(conventions.identity_header, f"req_{identity}".encode())]
        connection = Connection(receive, send, headers, scope.get("extensions", {}).get(WIRE))
        key = conventions.key(scope["headers"])
        place = self._service.place(key)
        at = self._clock.unix(self._clock.now())
        record = self._log.arrived(at, target.kind or "unknown", target.identity, place)
        try:
            call = await read_call(scope, receive, target, key)
            try:
                answered = await self._answered(call, target, conventions, scope)
                record.id = answered.identity or record.id
                connection.headers.extend(answered.headers)
                await self._send(scope, connection, target.kind, answered)
                record.status = 200
            except ServedError as error:
                if isinstance(error, Throttled):
                    connection.headers.extend(conventions.rest(error.seconds))
                await connection.whole(error.status, conventions.error(error, identity))
                record.status = error.status
        except ClientGoneError:
            pass
        finally:
            connection.close()
        return True

    async def _answered(
        self, call: BatchCall | ServedError, target: Target, conventions: Conventions, scope: Scope
    ) -> Answered:
        orders = self._book.general
        if target.kind is not None and self._book.uses_up("unheard", target.kind):
            _cut(scope)
        if target.kind is None or orders.absent:
            raise ServedError(404, "Invalid URL", code="unknown_url")
        if isinstance(call, ServedError):
            raise call
        gate = self._service.gates.get(call.key)
        if (gate is None or gate.refused) and (target.shape, target.kind) != _BY_ADDRESS:
            raise conventions.unknown_key(call.key)
        status = orders.failing.get(target.kind)
        if status is not None:
            raise ServedError(status, "This call was ordered to fail.")
        await self._worker.catch_up()
        answered = await self._handlers[target.shape][target.kind](call)
        await self._worker.catch_up()
        return answered

    async def _send(
        self, scope: Scope, connection: Connection, kind: CallKind | None, answered: Answered
    ) -> None:
        content = answered.content
        if kind is not None:
            await connection.until(time.monotonic() + self._book.general.late_s.get(kind, 0.0))
            if self._book.uses_up("lost", kind):
                _cut(scope)
        if not isinstance(content, Spool):
            await connection.whole(200, encode(content))
            return
        cut = self._book.cut()
        await connection.start(200, [(b"content-type", _LINES), (b"content-length", b"%d" % content.size)])
        left = content.size if cut is None else min(cut, content.size)
        for piece in content.pieces():
            if left <= 0:
                break
            await connection.part(piece[:left])
            left -= len(piece)
        if cut is not None and cut < content.size:
            _cut(scope)
        await connection.part(b"", last=True)


def _cut(scope: Scope) -> NoReturn:
    """Close the connection when what was sent so far is through, and send nothing more."""
    wire = scope.get("extensions", {}).get(WIRE)
    if wire is not None:
        wire.close()
    raise ClientGoneError
