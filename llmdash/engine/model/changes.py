"""What became of a prompt from one run to another: the kinds, and their names."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["CHANGED", "CHANGES", "CHANGE_NAMES", "PairChange"]


class PairChange(enum.IntEnum):
    """What became of a prompt from run A to run B. SAME: neither the outcome nor the text has changed."""

    SAME = 0
    WORSE = 1
    """Right in A, wrong in B."""
    BETTER = 2
    """Wrong in A, right in B."""
    LOST = 3
    """Done in A, failed in B."""
    RECOVERED = 4
    """Failed in A, done in B."""
    BROKEN = 5
    """Done in A, invalid (it breaks its schema) in B."""
    REPAIRED = 6
    """Invalid in A, done in B."""
    TEXT = 7
    """The outcome is the same and the text is not."""
    OTHER = 8
    """Any other two outcomes, such as failed and cancelled."""
    ONLY_A = 9
    """It has ended in A alone."""
    ONLY_B = 10
    """It has ended in B alone."""


CHANGED: Final = frozenset(PairChange) - {PairChange.SAME}
CHANGES: Final = {
    PairChange.SAME: "same",
    PairChange.WORSE: "right → wrong",
    PairChange.BETTER: "wrong → right",
    PairChange.LOST: "done → failed",
    PairChange.RECOVERED: "failed → done",
    PairChange.BROKEN: "done → invalid",
    PairChange.REPAIRED: "invalid → done",
    PairChange.TEXT: "text differs",
    PairChange.OTHER: "other outcome",
    PairChange.ONLY_A: "only in A",
    PairChange.ONLY_B: "only in B",
}
"""What each change is called."""
CHANGE_NAMES: Final = {
    words.replace(" → ", "-").replace(" ", "-").lower(): change for change, words in CHANGES.items()
}
"""The changes by the names that options and JSON have: `right-wrong`, `text-differs`, `only-in-a`."""
