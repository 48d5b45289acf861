"""The result of a checkup: findings, each with its fix, and the sums of jobs and attempts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llmdash.lean_dataclass import dataclass

__all__ = ["Checkup", "Finding", "Known", "Level", "Sums"]


class Level(enum.StrEnum):
    """The severity of a finding. A WARNING is what a crash leaves behind, or what may become a problem."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a checkup: level, subject, text and fix. `fixable` if a repair does the fix."""

    level: Level
    what: str
    text: str
    fix: str = ""
    fixable: bool = False


class Known(NamedTuple):
    """What the input of a run says, read again."""

    fingerprint: str
    jobs: int


class Sums(NamedTuple):
    """Counts in the journal: jobs (None where that is lost) by final state; attempts by outcome.

    `unknown` attempts are those of pending jobs that may be paid twice.
    """

    jobs: int | None
    done: int
    invalid: int
    failed: int
    cancelled: int
    attempts: int
    unknown: int

    @property
    def ended(self) -> int:
        return self.done + self.invalid + self.failed + self.cancelled

    @property
    def pending(self) -> int:
        """Jobs that have not ended; 0 where the number of jobs is lost."""
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
        """Return the number of findings of a level."""
        return sum(finding.level is level for finding in self.findings)

    @property
    def sound(self) -> bool:
        """True if there is no problem; there may be warnings."""
        return not self.count(Level.PROBLEM)

    @property
    def fixable(self) -> bool:
        """True if a repair would change something."""
        return any(finding.fixable for finding in self.findings)
