"""The outcome of a prompt in two runs as one small number, and what change that is."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from llmdash.engine.model.changes import PairChange

__all__ = ["ANSWERED", "PairOutcome", "change_of", "codes_of", "decoded", "outcome_sql"]


class PairOutcome(enum.IntEnum):
    """How a prompt ended in one run. NONE: it has not, or is not one of its prompts."""

    NONE = 0
    RIGHT = 1
    WRONG = 2
    DONE = 3
    INVALID = 4
    FAILED = 5
    CANCELLED = 6

    @property
    def answered(self) -> bool:
        return self in (PairOutcome.RIGHT, PairOutcome.WRONG, PairOutcome.DONE)


_ENDS = {
    PairOutcome.FAILED: (PairChange.LOST, PairChange.RECOVERED),
    PairOutcome.INVALID: (PairChange.BROKEN, PairChange.REPAIRED),
}
_EVERY = range(len(PairOutcome) * 16)


def outcome_sql(side: str) -> str:
    """Return the SQL for the outcome of a row named `side`."""
    return (
        f"CASE {side}.state WHEN 'done' THEN CASE {side}.verdict WHEN 0 THEN 3 WHEN 1 THEN 1 ELSE 2 END "
        f"WHEN 'invalid' THEN 4 WHEN 'failed' THEN 5 ELSE 6 END"
    )


def decoded(code: int) -> tuple[PairOutcome, PairOutcome, bool]:
    """Return the outcomes in A and in B, and whether the texts differ, of 16 A + 2 B + differ."""
    return PairOutcome(code >> 4), PairOutcome(code >> 1 & 7), bool(code & 1)


def change_of(code: int) -> PairChange:
    """Return the change that a code is."""
    a, b, differs = decoded(code)
    if PairOutcome.NONE in (a, b):
        return PairChange.ONLY_B if a is PairOutcome.NONE else PairChange.ONLY_A
    if (a, b) == (PairOutcome.RIGHT, PairOutcome.WRONG):
        return PairChange.WORSE
    if (a, b) == (PairOutcome.WRONG, PairOutcome.RIGHT):
        return PairChange.BETTER
    if a.answered and b.answered:
        return PairChange.TEXT if differs else PairChange.SAME
    if a.answered and b in _ENDS:
        return _ENDS[b][0]
    if b.answered and a in _ENDS:
        return _ENDS[a][1]
    if a is not b:
        return PairChange.OTHER
    return PairChange.TEXT if differs else PairChange.SAME


def _known(code: int) -> bool:
    return code >> 1 & 7 in PairOutcome.__members__.values()


def codes_of(changes: Iterable[PairChange]) -> tuple[int, ...]:
    """Return the codes that are one of these changes."""
    wanted = frozenset(changes)
    return tuple(code for code in _EVERY if _known(code) and change_of(code) in wanted)


ANSWERED = tuple(code for code in _EVERY if _known(code) and all(side.answered for side in decoded(code)[:2]))
"""The codes of prompts that were answered in both runs."""
