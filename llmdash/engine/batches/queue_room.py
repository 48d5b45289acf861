"""QueueRoom: how many tokens may be with a batch service at once, where the user says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.model.states import BatchState
from llmdash.engine.pool.member import Member

__all__ = ["QueueRoom"]


class QueueRoom:
    """The room in the queues of the models of an endpoint; `batches` returns those of the run."""

    def __init__(self, batches: Callable[[], Sequence[SentBatch]]) -> None:
        self._batches = batches
        self._let_out: set[int] = set()
        """The batches that there was room for: some are not created yet."""

    def takes(self, batch: SentBatch, member: Member) -> bool:
        """True if the tokens of a batch go with those that are out; it counts among them from then on. One
        that is alone always goes.
        """
        most, out = member.endpoint.batch_queue_tokens, self._tokens_out(batch)
        if most is not None and out and out + batch.record.tokens > most:
            return False
        self._let_out.add(batch.number)
        return True

    def _tokens_out(self, batch: SentBatch) -> int:
        """The tokens of the other batches of the same queue."""
        return sum(
            each.record.tokens
            for each in self._batches()
            if each is not batch and self._is_out(each)
            if (each.record.endpoint, each.record.model) == (batch.record.endpoint, batch.record.model)
        )

    def _is_out(self, batch: SentBatch) -> bool:
        is_there = batch.state.may_exist or batch.number in self._let_out
        return batch.state.is_open and batch.state is not BatchState.ENDED and is_there
