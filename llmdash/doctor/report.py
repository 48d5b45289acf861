"""A checkup as text for people and as objects for scripts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from llmdash.doctor.findings import Checkup, Finding, Level
from llmdash.engine.model.counts import counted
from llmdash.reports.wording import count, resume_command
from llmdash.sanitize import clean_line

__all__ = ["as_lines", "as_records", "summary_line"]

_WIDTH = len(Level.PROBLEM)


def as_lines(checkup: Checkup, done: Sequence[str], *, repaired: bool) -> Iterator[str]:
    """Yield what was done, then a line for each finding and its fix, then the verdict; safe to show."""
    for action in done:
        yield clean_line(f"{'fixed':{_WIDTH}}  {action}")
    for finding in checkup.findings:
        yield clean_line(f"{finding.level:{_WIDTH}}  {finding.what}: {finding.text}")
        if finding.fix:
            how = "--repair: " if finding.fixable else "fix: "
            yield clean_line(f"{'':{_WIDTH}}    {how}{finding.fix}")
    yield clean_line(_verdict(checkup, repaired=repaired))


def _verdict(checkup: Checkup, *, repaired: bool) -> str:
    said = "Sound" if checkup.sound else _counted(checkup, Level.PROBLEM)
    if checkup.count(Level.WARNING):
        said += f", {_counted(checkup, Level.WARNING)}"
    if checkup.holder is not None:
        return f"{said}. Process {checkup.holder} works on it."
    if checkup.fixable and not repaired:
        return f"{said}. Fix it with: llmdash doctor {shlex.quote(str(checkup.folder))} --repair"
    if checkup.sound and checkup.sums is not None and checkup.sums.pending:
        return f"{said}. Resume it with: {resume_command(checkup.folder)}"
    return f"{said}."


def _counted(checkup: Checkup, level: Level) -> str:
    return counted(checkup.count(level), level.value)


def summary_line(checkup: Checkup, done: Sequence[str]) -> str:
    """Return one line for a run: the worst level, its sums, the worst finding; safe to show."""
    worst = max((finding for finding in checkup.findings), key=_badness, default=None)
    sums = checkup.sums
    parts = [f"{worst.level if worst is not None else Level.OK:{_WIDTH}}  {checkup.folder.name}"]
    if sums is not None:
        parts.append(f"{count(sums.ended)}/{'?' if sums.jobs is None else count(sums.jobs)} ended")
    if done:
        parts.append(f"fixed: {count(len(done))}")
    if worst is not None and worst.level is not Level.OK:
        parts.append(f"{worst.what}: {worst.text}")
    return clean_line("  ".join(parts))


def _badness(finding: Finding) -> int:
    return list(Level).index(finding.level)


def as_records(checkup: Checkup, done: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield an object for each action and finding, and last the summary of the run."""
    folder = clean_line(str(checkup.folder))
    for action in done:
        yield {"type": "repaired", "folder": folder, "text": clean_line(action)}
    for finding in checkup.findings:
        yield {
            "type": "finding",
            "folder": folder,
            "level": finding.level.value,
            "what": finding.what,
            "text": clean_line(finding.text),
            "fix": clean_line(finding.fix) or None,
            "fixable": finding.fixable,
        }
    sums = checkup.sums
    yield {
        "type": "summary",
        "folder": folder,
        "sound": checkup.sound,
        "problems": checkup.count(Level.PROBLEM),
        "warnings": checkup.count(Level.WARNING),
        "repaired": len(done),
        "jobs": None if sums is None else sums.jobs,
        "done": None if sums is None else sums.done,
        "invalid": None if sums is None else sums.invalid,
        "failed": None if sums is None else sums.failed,
        "cancelled": None if sums is None else sums.cancelled,
        "pending": None if sums is None or sums.jobs is None else sums.pending,
        "attempts": None if sums is None else sums.attempts,
        "possibly_paid_twice": None if sums is None else sums.unknown,
    }
