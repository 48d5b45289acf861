"""Has batches go on: validates, executes what is due, and ends them; in slices, between live requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.held import BatchPhase, HeldBatch, Rest
from llmdash.simulator.batches.orders import BatchOrders, OrderBook
from llmdash.simulator.batches.tampering import tampered
from llmdash.simulator.errors import ServedError
from llmdash.simulator.executions import Executed
from llmdash.simulator.service import Service

__all__ = ["BatchWorker"]

# A batch in seconds of the provider.
_VALIDATING_S = 10.0
_EXECUTING_S = 600.0
_FINALIZING_S = 10.0
_CANCELLING_S = 60.0

_SLICE = 16  # requests between two looks at what else there is to do
_CHORES = 128  # lines that are checked or written instead, which takes as long
_BUDGET = 256  # requests that are executed at most before a call is answered
_PAUSES_S = (0.01, 0.25)

Ended = Callable[[HeldBatch], None]


class BatchWorker:
    """Has the batches go on that are not at their end.

    `ended` is called with each that ends, before its end shows. What a batch has done is decided by the
    clock, but never ahead of what was really executed.
    """

    def __init__(self, service: Service, clock: BatchClock, book: OrderBook, ended: Ended) -> None:
        self._service = service
        self._clock = clock
        self._book = book
        self._ended = ended
        self._active: dict[str, HeldBatch] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, batch: HeldBatch) -> None:
        """Take on a batch."""
        self._active[batch.identity] = batch

    def clear(self) -> None:
        """Have no batch go on."""
        self._active.clear()

    def enqueued(self, model: str) -> int:
        """Return the prompt tokens of all batches of a model that are validated and have not ended."""
        phases = (BatchPhase.RUNNING, BatchPhase.FINALIZING, BatchPhase.CANCELLING)
        return sum(b.tokens for b in self._active.values() if b.model == model and b.phase in phases)

    async def catch_up(self) -> None:
        """Have all batches go on to this moment, as far as that is soon done; the rest follows."""
        left = _BUDGET
        busy = True
        while busy and left > 0:
            busy = False
            for batch in list(self._active.values()):
                if await self._step(batch):
                    busy = True
                    left -= _SLICE
        if self._active and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        least, most = _PAUSES_S
        while self._active:
            busy = False
            for batch in list(self._active.values()):
                busy |= await self._step(batch)
                await asyncio.sleep(0)
            if not busy:
                await asyncio.sleep(min(most, max(least, self._clock.lasting(1.0))))

    async def _step(self, batch: HeldBatch) -> bool:
        """Do a slice of what is due. Returns True if something was done, so that there may be more."""
        if batch.phase.ended:
            return False
        if batch.chores is not None:
            if not list(islice(batch.chores, _CHORES)):
                batch.chores = None
            return True
        orders = self._book.of(batch.identity)
        phase = batch.phase
        self._settle(batch, orders)
        due = self._due(batch, orders)
        for _ in range(min(_SLICE, due - batch.begun)):
            await self._execute(batch, orders)
        return due > 0 or batch.phase is not phase or batch.chores is not None

    def _due(self, batch: HeldBatch, orders: BatchOrders) -> int:
        """How many requests should have begun by now; 0 if none is to be begun."""
        runs = batch.phase is BatchPhase.RUNNING or (batch.phase is BatchPhase.CANCELLING and orders.vain)
        if not runs or orders.stuck or batch.end is not None:
            return 0
        passed = min(self._clock.now() - batch.created, self._clock.lasting(batch.spec.window_s))
        took = passed - self._clock.lasting(_VALIDATING_S)
        share = took / self._clock.lasting(_EXECUTING_S * orders.slow)
        due = min(_last(batch, orders), int(batch.total * share + 1e-9))
        return due if due > batch.begun else 0

    def _settle(self, batch: HeldBatch, orders: BatchOrders) -> None:
        """Enter the next phase, if it is time for it."""
        now = self._clock.now()
        since = now - batch.entered
        if batch.end is not None:
            if batch.phase is BatchPhase.CANCELLING or self._passed(since, _FINALIZING_S * orders.slow):
                self._finish(batch, batch.end)
        elif batch.phase is BatchPhase.VALIDATING:
            if self._passed(since, _VALIDATING_S):
                self._judge(batch, orders)
        elif batch.phase is BatchPhase.CANCELLING and not orders.vain:
            if self._passed(since, _CANCELLING_S * orders.slow):
                self._close(batch, BatchPhase.CANCELLED, orders)
        else:
            end = self._outcome(batch, orders, now)
            if end is not None:
                self._finalize(batch, end, orders)

    def _outcome(self, batch: HeldBatch, orders: BatchOrders, now: float) -> BatchPhase | None:
        """How a batch ends, if it ends now.

        What was due before its window closed is executed first, so that no slow machine has it expire.
        """
        if batch.begun >= batch.total and not orders.stuck:
            return BatchPhase.COMPLETED
        if batch.begun >= _last(batch, orders) and not orders.stuck:
            return BatchPhase.EXPIRED
        late = self._passed(now - batch.created, batch.spec.window_s) and not self._due(batch, orders)
        return BatchPhase.EXPIRED if late else None

    def _passed(self, since: float, seconds: float) -> bool:
        return since >= self._clock.lasting(seconds) - 1e-9

    def _judge(self, batch: HeldBatch, orders: BatchOrders) -> None:
        """Let a batch run, or fail it."""
        most = orders.queue_tokens
        if most is not None and self.enqueued(batch.model) + batch.tokens > most:
            batch.problems.append(_queue_problem(batch.model, most))
        elif batch.finds_full:
            batch.problems.append(_queue_problem(batch.model, batch.tokens // 2))
        if batch.problems:
            self._finish(batch, BatchPhase.FAILED)
        else:
            self._enter(batch, BatchPhase.RUNNING)

    def _finalize(self, batch: HeldBatch, end: BatchPhase, orders: BatchOrders) -> None:
        if batch.phase is not BatchPhase.CANCELLING:
            self._enter(batch, BatchPhase.FINALIZING)
        self._close(batch, end, orders)

    def _close(self, batch: HeldBatch, end: BatchPhase, orders: BatchOrders) -> None:
        """Execute nothing more, and have the results written to their end."""
        batch.end = end
        batch.chores = self._closing(batch, end, orders)

    def _closing(self, batch: HeldBatch, end: BatchPhase, orders: BatchOrders) -> Iterator[None]:
        rest: Rest = "expired" if end is BatchPhase.EXPIRED else "cancelled"
        for place in range(batch.begun, batch.total):
            request = batch.shape.request(batch.lines[place])
            line = batch.shape.rest(request, rest, self._service.identity())
            if line is not None:
                batch.errors.add(line)
            yield
        both = batch.errors is batch.results
        batch.results = yield from tampered(batch.results, orders, batch.identity)
        if both:
            batch.errors = batch.results

    def _finish(self, batch: HeldBatch, end: BatchPhase) -> None:
        self._active.pop(batch.identity, None)
        self._ended(batch)
        self._enter(batch, end)

    def _enter(self, batch: HeldBatch, phase: BatchPhase) -> None:
        now = self._clock.now()
        batch.enter(phase, now, self._clock.unix(now))

    def cancel(self, batch: HeldBatch) -> None:
        """Begin to cancel a batch that has not ended."""
        if batch.phase is not BatchPhase.CANCELLING and batch.end is None:
            self._enter(batch, BatchPhase.CANCELLING)

    async def _execute(self, batch: HeldBatch, orders: BatchOrders) -> None:
        place = batch.begun
        batch.begun += 1
        shape = batch.shape
        request = shape.request(batch.lines[place])
        error = _failure(batch, orders, place)
        if error is None:
            answer = await self._service.execute(request.path, batch.spec.key, shape.headers, request.body)
        else:
            identity = self._service.identity()
            answer = Executed(error.status, shape.conventions.error(error, identity), identity)
        batch.take(request, _padded(answer, orders.padding))


def _last(batch: HeldBatch, orders: BatchOrders) -> int:
    """The request behind which nothing more is executed."""
    return batch.total if orders.expired is None else int(batch.total * orders.expired + 1e-9)


def _failure(batch: HeldBatch, orders: BatchOrders, place: int) -> ServedError | None:
    """Why the request at this place fails, if that is ordered; those of a share are spread evenly."""
    if place >= batch.total * orders.credit:
        return batch.shape.out_of_credit()
    share = 1 - orders.partial
    if int((place + 1) * share + 1e-9) > int(place * share + 1e-9):
        return ServedError(orders.partial_status, "The server had an error while processing your request.")
    return None


def _padded(answer: Executed, size: int) -> Executed:
    """A longer answer, so that few of them make a large file."""
    if not size or answer.failed:
        return answer
    return answer._replace(body=answer.body[:-1] + b',"padding":"' + b"x" * size + b'"}')


def _queue_problem(model: str, limit: int) -> dict[str, object]:
    """Why a batch fails whose model has too many tokens enqueued already."""
    text = (
        f"Enqueued token limit reached for {model} in organization org-simulator. Limit: {limit:,} enqueued"
        " tokens. Please try again once some in_progress batches have been completed."
    )
    return {"code": "token_limit_exceeded", "message": text, "param": None, "line": None}
