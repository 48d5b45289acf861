"""What the attempts in a journal come to: by key, model and worker, with an outcome and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from llmdash.engine.journal.query import querying
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.model.amounts import LONG_REQUEST

__all__ = ["AttemptSums", "KeyTotals", "whole"]


class KeyTotals(NamedTuple):
    """Sums over the attempts of one key; `cut` counts those with an unknown outcome."""

    sent: int
    ok: int
    throttled: int
    errors: int
    cut: int
    input_tokens: int
    output_tokens: int


_TOTALS = """
SELECT key, COUNT(*), SUM(state = 'ok' OR (state = 'failed' AND failure IS 'invalid')),
    SUM(state = 'failed' AND failure IS 'throttle'),
    SUM(state = 'failed' AND failure IS NOT 'throttle' AND failure IS NOT 'invalid'),
    SUM(state IN ('cut', 'unknown', 'sent')),
    SUM(COALESCE(input_tokens, 0)), SUM(COALESCE(output_tokens, 0))
FROM attempts WHERE state NOT IN ('unsent', 'batched') GROUP BY key
"""

_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
_SPENT = """
SELECT key, COALESCE(model, ''), TOTAL(input_tokens), TOTAL(output_tokens), TOTAL(cached_tokens),
    TOTAL(cache_write_tokens), TOTAL(reasoning_tokens), SUM(COALESCE(input_tokens, 0) > ?1)
FROM (SELECT {} FROM attempts WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
WHERE (batch IS NOT NULL) = ?2 GROUP BY 1, 2, COALESCE(input_tokens, 0) > ?1
"""

_USED = """
SELECT job, key, COALESCE(model, ''), COALESCE(input_tokens, 0), COALESCE(output_tokens, 0),
    COALESCE(cached_tokens, 0), COALESCE(cache_write_tokens, 0), COALESCE(reasoning_tokens, 0)
FROM (SELECT {} FROM attempts WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL) ORDER BY job
"""
_OPEN_ENDED = "SELECT job, key FROM attempts WHERE state IN ('unknown', 'sent', 'cut')"
_UNKNOWN = """
SELECT COUNT(*) FROM attempts
WHERE state IN ('unknown', 'sent', 'cut') AND job NOT IN (SELECT job FROM results)
"""

_LOST = """
SELECT worker, COUNT(*) FROM (SELECT {} FROM attempts WHERE state = 'unknown') WHERE worker IS NOT NULL
GROUP BY worker
"""

_SENDS = """
SELECT key, sent_at, COALESCE(input_tokens, 0) + COALESCE(output_tokens, 0) FROM (SELECT {} FROM attempts)
WHERE state <> 'unsent' AND batch IS NULL AND sent_at > ? ORDER BY sent_at
"""


def whole(counts: Sequence[float]) -> tuple[int, int, int, int, int]:
    """Return five sums of SQLite as integers."""
    asked, said, cached, written, reasoning = map(int, counts)
    return asked, said, cached, written, reasoning


class AttemptSums:
    """Reads the journal at `path`, as its reader does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def attempt_counts(self) -> Iterator[tuple[int, int]]:
        """Yield (job, number of its last attempt) for each job with attempts."""
        with querying(self._path) as db:
            yield from db.execute(
                "SELECT job, MAX(attempt) FROM attempts WHERE state <> 'unsent' GROUP BY job"
            )

    def key_totals(self) -> dict[str, KeyTotals]:
        """Return the sums of each key, by its label."""
        totals: dict[str, KeyTotals] = {}
        with querying(self._path) as db:
            for key, *counts in db.execute(_TOTALS):
                totals[key] = KeyTotals(*counts)
        return totals

    def spent(
        self, *, in_batches: bool = False
    ) -> list[tuple[str, str, tuple[int, int, int, int, int], int]]:
        """Return (key, model, tokens, long requests) of all answered attempts that were sent one by one, or
        `in_batches`; those of long requests are in rows of their own, with their number.

        Tokens are input, output, cached, written to a cache, of reasoning. The model is empty in journals of
        earlier versions.
        """
        with querying(self._path) as db:
            columns = columns_of(db, "attempts", ("key", "model", *_COUNTS, "batch"))
            rows = db.execute(_SPENT.format(columns), (LONG_REQUEST, in_batches)).fetchall()
        return [(key, model, whole(counts), long) for key, model, *counts, long in rows]

    def used(self) -> list[tuple[int, str, str, tuple[int, int, int, int, int]]]:
        """Return (job, key, model, tokens) of each answered attempt, job by job; tokens as in `spent`."""
        with querying(self._path) as db:
            columns = columns_of(db, "attempts", ("job", "key", "model", *_COUNTS))
            rows = db.execute(_USED.format(columns)).fetchall()
        return [(job, key, model, (a, b, c, d, e)) for job, key, model, a, b, c, d, e in rows]

    def without_outcome(self) -> list[tuple[int, str]]:
        """Return (job, key) of each attempt whose outcome is unknown."""
        with querying(self._path) as db:
            return db.execute(_OPEN_ENDED).fetchall()

    def lost_by(self) -> dict[str, int]:
        """Return how many attempts were lost with each worker."""
        with querying(self._path) as db:
            return dict(db.execute(_LOST.format(columns_of(db, "attempts", ("worker",)))))

    def sends_since(self, at: float) -> list[tuple[str, float, int]]:
        """Return (key, when it was sent in Unix seconds, tokens) of each attempt since `at`, oldest first;
        without those in batches, which have limits of their own.
        """
        with querying(self._path) as db:
            names = ("key", "state", "sent_at", "input_tokens", "output_tokens", "batch")
            return db.execute(_SENDS.format(columns_of(db, "attempts", names)), (at,)).fetchall()

    def count_unknown(self) -> int:
        """Count attempts with an unknown outcome whose job is to be sent again."""
        with querying(self._path) as db:
            return int(db.execute(_UNKNOWN).fetchone()[0])
