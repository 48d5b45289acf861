"""Rule: an invariant of a journal, and the repair of each violation."""

from __future__ import annotations

from llmdash.lean_dataclass import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`view` has a row, with its `job`, for each violation; `repairs` are the SQL that fixes all of them.

    `one` and `several` say what is wrong with one row or more; `repaired` says what a repair makes of them.
    `usual` marks what a crash or the user brings about; everything else is damage. `asks_again` marks what
    may have been paid for, and will be sent again.
    """

    view: str
    one: str
    several: str
    repaired: str
    repairs: tuple[str, ...]
    usual: bool = False
    asks_again: bool = False

    def words(self, number: int) -> str:
        """Say what is wrong with a number of rows."""
        return f"{number:,} {self.one if number == 1 else self.several}"
