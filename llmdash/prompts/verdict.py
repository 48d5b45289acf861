"""The verdict on an answer: four values."""

from __future__ import annotations

import enum

__all__ = ["Verdict"]


class Verdict(enum.IntEnum):
    """How an answer compares with what was expected."""

    UNSCORED = 0
    RIGHT = 1
    NOT_EQUAL = 2
    NOT_PARSEABLE = 3
