"""RefusedBatches: what follows where a service takes a batch not, or not now."""

from __future__ import annotations

import enum
import re
import time

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.engine.model.states import BatchState
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.sanitize import storable

__all__ = ["AfterRefusal", "RefusedBatches", "lacks_file"]

_OF_QUEUE = re.compile(
    r"token_limit_exceeded|enqueued|queue(d)? (token|limit|request)|too many (batch|queued)", re.IGNORECASE
)
_NOT_BATCHABLE = re.compile(
    r"not (be )?(support|avail|enabled|allow)|unsupported|does not exist|not found", re.IGNORECASE
)
_TOO_LARGE = 413
_IS_TOO_LARGE = re.compile(
    r"(file|request|batch)_too_large|\b(file|request|batch)\b.{0,40}(too large|larger than|exceeds the max)",
    re.IGNORECASE,
)
_NOT_THERE = (404, 405, 501)
_OF_FILE = (400, 404, 410, 422)
_A_FILE = re.compile(r"(?<![a-z])files?(?![a-z])", re.IGNORECASE)
_A_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
_IS_GONE = re.compile(
    r"not[ _]?(be )?found|no such|(not|n't) exist|no longer|expired|deleted|unknown|missing"
    r"|invalid\W{0,3}(input[_ ])?file[_ ]?ids?(?![a-z])",
    re.IGNORECASE,
)
_LONGEST = 4.0
_MOST_SPLITS = 64
"""Where a batch of that part of the size is too large, too, it is not the size."""


class AfterRefusal(enum.Enum):
    """What follows from a refusal: the same again later, smaller batches, another key, no batches of this
    model, or its jobs go back.
    """

    LATER = "later"
    SMALLER = "smaller"
    OTHER_KEY = "another key"
    NO_SERVICE = "no service"
    BACK = "back"


def lacks_file(failure: Failure, file_id: str | None) -> bool:
    """True if a creation was refused since the file of its requests is not there, or not any more: by the
    field, the code or the words that name it, in which each provider differs.
    """
    if file_id is None or failure.status not in _OF_FILE or failure.about_model:
        return False
    said = f"{failure.code or ''} {failure.param} {failure.words}"
    if file_id not in said and (_A_FILE.search(said) is None or _A_MODEL.search(said) is not None):
        return False
    return _IS_GONE.search(said) is not None or (file_id in said and failure.status in _NOT_THERE)


class RefusedBatches:
    """A refusal says nothing of the live work of a key, unless the key itself is refused. A queue that is
    full rests, longer each time, and its batches become smaller.
    """

    def __init__(self, pace: BatchPace) -> None:
        self._pace = pace
        self._until: dict[tuple[str, str], float] = {}
        self._rest_s: dict[tuple[str, str], float] = {}
        self._without_file: set[tuple[str, str]] = set()
        """The queues that lost the file of a batch which they had taken."""
        self._too_large: dict[tuple[str, str], int] = {}
        """The tokens of the first batch that was too large for a queue, until that takes a smaller one."""

    def judge(self, batch: SentBatch, failure: Failure) -> AfterRefusal:
        """Return what follows from a refusal of a batch, and let its queue rest where that is full."""
        if lacks_file(failure, batch.record.file_id):
            is_first = _queue(batch) not in self._without_file
            self._without_file.add(_queue(batch))
            was_taken = batch.state is BatchState.ENDED
            return AfterRefusal.LATER if was_taken and is_first else AfterRefusal.BACK
        said = f"{failure.code or ''} {failure.message}"
        if _OF_QUEUE.search(said):
            self._rest(batch, failure)
            return AfterRefusal.SMALLER
        if failure.kind in (FailureKind.AUTH, FailureKind.QUOTA):
            return AfterRefusal.OTHER_KEY
        if batch.record.jobs > 1 and (failure.status == _TOO_LARGE or _IS_TOO_LARGE.search(said) is not None):
            first = self._too_large.setdefault(_queue(batch), batch.record.tokens)
            is_size = batch.record.tokens * _MOST_SPLITS >= first
            return AfterRefusal.SMALLER if is_size else AfterRefusal.NO_SERVICE
        if failure.kind in (FailureKind.REQUEST, FailureKind.CONFIG) and failure.status != 429:
            is_service = failure.status in _NOT_THERE or _NOT_BATCHABLE.search(said) is not None
            return AfterRefusal.NO_SERVICE if is_service else AfterRefusal.BACK
        self._rest(batch, failure)
        return AfterRefusal.LATER

    def rest_s(self, batch: SentBatch) -> float:
        """Return for how many more seconds the queue rests that a batch is for."""
        return max(0.0, self._until.get(_queue(batch), 0.0) - time.monotonic())

    def took(self, batch: SentBatch) -> None:
        """Note that the service took a batch."""
        self._rest_s.pop(_queue(batch), None)
        self._too_large.pop(_queue(batch), None)

    def _rest(self, batch: SentBatch, failure: Failure) -> None:
        queue = _queue(batch)
        rest_s = max(self._rest_s.get(queue, self._pace.full), failure.retry_after or 0.0)
        self._rest_s[queue] = min(self._pace.longest_look * _LONGEST, rest_s * 2)
        self._until[queue] = time.monotonic() + rest_s
        batch.waits_for = storable(f"the queue rests: {failure}")


def _queue(batch: SentBatch) -> tuple[str, str]:
    return batch.record.endpoint, batch.record.model
