"""What a checkup of a run says: findings, each with its fix, and the sums of what is on record."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Checkup", "Finding", "Known", "Level", "Sums"]


class Level(enum.StrEnum):
    """How bad a finding is. A WARNING is what a crash leaves behind, or what may turn bad."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a checkup: how bad, what of, what, and the fix. `fixable` if a repair does that."""

    level: Level
    what: str
    text: str
    fix: str = ""
    fixable: bool = False


class Known(NamedTuple):
    """What the input of a run says of itself, read anew."""

    fingerprint: str
    jobs: int


class Sums(NamedTuple):
    """What is on record: jobs (None where that is lost) by how they ended; attempts by what became of them.

    `unknown` attempts are those of pending jobs that may be paid twice.
    """

    jobs: int | None
    done: int
    failed: int
    cancelled: int
    attempts: int
    unknown: int

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.cancelled

    @property
    def pending(self) -> int:
        """Jobs still to be done; 0 where their number is lost."""
        return max(0, (self.jobs or 0) - self.ended)


@dataclass(frozen=True, slots=True)
class Checkup:
    """All that was found in one folder. `holder` is the process that works on the run, if one does."""

    folder: Path
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] | None = None
    sums: Sums | None = None
    holder: str | None = None

    def count(self, level: Level) -> int:
        """How many findings are of a level."""
        return sum(finding.level is level for finding in self.findings)

    @property
    def sound(self) -> bool:
        """True if there is no problem; there may be warnings."""
        return not self.count(Level.PROBLEM)

    @property
    def fixable(self) -> bool:
        """True if a repair would change something."""
        return any(finding.fixable for finding in self.findings)
