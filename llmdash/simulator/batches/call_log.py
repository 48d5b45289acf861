"""What calls the batch services were sent: how many of each kind, and the last ones."""

from __future__ import annotations

from collections import Counter, deque

import msgspec

__all__ = ["BatchCallRecord", "CallLog"]

_MOST_CALLS = 10_000


class BatchCallRecord(msgspec.Struct):
    """A call, at a Unix time. `id` is what it was about; `key` the place of its key among the simulator's.

    `status` is None until it is answered, and for good if its answer was cut. An unknown key is None.
    """

    at: float
    kind: str
    id: str
    key: int | None
    status: int | None = None


class CallLog:
    """Counts the calls by kind, and keeps the last 10,000."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.calls = deque[BatchCallRecord](maxlen=_MOST_CALLS)

    def arrived(self, at: float, kind: str, identity: str, key: int | None) -> BatchCallRecord:
        """Count a call. Returns the record of it, for its outcome."""
        self.counts[kind] += 1
        record = BatchCallRecord(at, kind, identity, key)
        self.calls.append(record)
        return record

    def clear(self) -> None:
        """Forget all calls."""
        self.counts.clear()
        self.calls.clear()
