"""The totals of a run, as its journal keeps them: what a list of runs shows, without reading their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from llmdash.engine.model.frame import RunPart, Score
from llmdash.prompts.verdict import Verdict

__all__ = ["Counted", "Totals", "count_results", "recounted_facts", "totals_facts", "totals_in"]

_TOTALS = "totals"
"""The name of the fact that holds the totals of a run."""

_COUNTS = """
SELECT TRUE, state, verdict, COUNT(*), 0, 0 FROM results GROUP BY state, verdict
UNION ALL
SELECT FALSE, NULL, NULL, COUNT(*), COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0)
FROM attempts WHERE state NOT IN ('unsent', 'batched')
"""
"""One statement, so that all is of one moment: a living run may write between two."""

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]


class Totals(msgspec.Struct, frozen=True):
    """Where a run is: `state` is the value of a RunState, `at` when that was so, in Unix seconds.

    `right` of the `scored` answers are the expected ones; `cost` is in dollars, None where no price is known,
    `cost_uncertain` what of it is for requests without an outcome; `elapsed_s` are the seconds at work.
    """

    state: str
    at: _Amount
    jobs: _Count
    done: _Count = 0
    failed: _Count = 0
    invalid: _Count = 0
    cancelled: _Count = 0
    right: _Count = 0
    scored: _Count = 0
    cost: _Amount | None = None
    cost_uncertain: _Amount = 0.0
    attempts: _Count = 0
    input_tokens: _Count = 0
    output_tokens: _Count = 0
    cached_tokens: _Count = 0
    reasoning_tokens: _Count = 0
    elapsed_s: _Amount = 0.0

    @property
    def ended(self) -> int:
        """The jobs that have ended."""
        return self.done + self.failed + self.invalid + self.cancelled


def totals_facts(run: RunPart, at: float) -> dict[str, str]:
    """Return the fact of the journal that holds the totals of `run`."""
    score = run.score or Score()
    totals = Totals(
        state=run.state.value,
        at=round(at, 3),
        jobs=run.jobs,
        done=run.done,
        failed=run.failed,
        invalid=run.invalid,
        cancelled=run.cancelled,
        right=score.right,
        scored=score.total,
        cost=run.cost,
        cost_uncertain=run.cost_uncertain,
        attempts=run.attempts,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        cached_tokens=run.cached_tokens,
        reasoning_tokens=run.reasoning_tokens,
        elapsed_s=round(run.elapsed_s, 3),
    )
    return {_TOTALS: msgspec.json.encode(totals).decode()}


def totals_in(facts: Mapping[str, Any]) -> Totals | None:
    """Return the totals in the facts of a run; None where they are missing or damaged."""
    text = facts.get(_TOTALS)
    try:
        return msgspec.json.decode(text, type=Totals) if isinstance(text, str | bytes) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


class Counted(NamedTuple):
    """The jobs of a run that have ended, by state, how many of the `scored` ones are `right`, and what all of
    its attempts come to.
    """

    done: int = 0
    failed: int = 0
    invalid: int = 0
    cancelled: int = 0
    right: int = 0
    scored: int = 0
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def count_results(db: sqlite3.Connection) -> Counted:
    """Count the results and attempts in a journal, row by row. Raises sqlite3.Error."""
    by_state: dict[object, int] = {}
    right = scored = 0
    sums = (0, 0, 0)
    for is_result, state, verdict, number, *tokens in db.execute(_COUNTS):
        if not is_result:
            sums = (number, *tokens)
            continue
        by_state[state] = by_state.get(state, 0) + number
        if state in ("done", "invalid"):
            right += number if verdict == Verdict.RIGHT else 0
            scored += number if verdict != Verdict.UNSCORED else 0
    done, failed, invalid, cancelled = (
        by_state.get(state, 0) for state in ("done", "failed", "invalid", "cancelled")
    )
    return Counted(done, failed, invalid, cancelled, right, scored, *sums)


def recounted_facts(db: sqlite3.Connection, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the fact of the totals with the results counted anew; none where there were no totals."""
    totals = totals_in(facts)
    if totals is None:
        return {}
    counted = msgspec.structs.replace(totals, **count_results(db)._asdict())
    return {_TOTALS: msgspec.json.encode(counted).decode()}
