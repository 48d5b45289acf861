"""Finds the runs for the doctor to check, and checks their input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.doctor.check import check
from llmdash.doctor.findings import Checkup, Finding, Known, Level
from llmdash.doctor.repair import repair
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.counts import counted
from llmdash.launch.inputs import open_input
from llmdash.launch.resuming import practice_settings
from llmdash.launch.run_input import Input, input_of
from llmdash.prompts.source import InputError

__all__ = ["RunUnderCheck", "every_run", "newest_run"]


def every_run() -> list[Path]:
    """Return the folders of all runs in the data folder, the most recently changed first."""
    runs = locations.runs_dir()
    found = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    return sorted(found, key=_last_touched, reverse=True)


def newest_run() -> Path:
    """Return the most recently changed run. Raises JournalError if there is none."""
    runs = every_run()
    if not runs:
        raise JournalError(f"no run in {locations.runs_dir()}; name the folder of one")
    return runs[0]


def _last_touched(folder: Path) -> tuple[float, str]:
    try:
        times = [path.stat().st_mtime for path in (folder, *folder.glob("journal.sqlite*"))]
    except OSError:
        times = []
    return max(times, default=0.0), folder.name


class RunUnderCheck:
    """A run to check and repair. Its input is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: Input | None = None
        self._known: Known | None = None
        self._trouble = ""

    def check(self) -> Checkup:
        """Return the findings; changes nothing."""
        return self._with_input(check(self._folder, self._known_of))

    def repair(self) -> tuple[list[str], Checkup]:
        """Repair what can be repaired. Return the repairs made, and the findings afterwards.

        Raises LockedError while a process works on the run, RepairError if the disk does not allow it.
        """
        done, checkup = repair(self._folder, self._known_of)
        return done, self._with_input(checkup)

    def _known_of(self, facts: Mapping[str, Any]) -> Known | None:
        given = _input_of(facts)
        if given is not None and given != self._asked:
            self._asked, self._known, self._trouble = given, None, ""
            try:
                source = open_input(given)
                self._known = Known(source.fingerprint, len(source))
            except InputError as error:
                self._trouble = str(error)
            except (OSError, ValueError, OverflowError) as error:  # a damaged path or number
                self._trouble = f"{given.path}: {getattr(error, 'strerror', None) or error}"
        return self._known

    def _with_input(self, checkup: Checkup) -> Checkup:
        """Return `checkup` with a finding on whether the run can be resumed over its input."""
        if checkup.facts is None or checkup.sums is None:
            return checkup
        findings = [*checkup.findings, self._of_input(checkup)]
        if _simulator_is_lost(checkup.facts):
            text = "the simulator settings of this run are damaged"
            findings.append(Finding(Level.PROBLEM, "facts", text, "resume with keys, or with --simulate"))
        return replace(checkup, findings=tuple(findings))

    def _of_input(self, checkup: Checkup) -> Finding:
        facts, sums = checkup.facts or {}, checkup.sums
        level = Level.PROBLEM if sums is None or sums.pending or sums.jobs is None else Level.WARNING
        known = self._known_of(facts)
        given = _input_of(facts)
        if given is None:
            return Finding(level, "input", "its path is lost", "a resume needs it: --run-dir DIR FILE")
        name = str(given.path) if given.path is not None else f"arithmetic of seed {given.seed}"
        if known is None:
            fix = "put it back, or name the same text elsewhere: llmdash run --resume --run-dir DIR FILE"
            return Finding(level, "input", f"cannot be read ({self._trouble}); a resume needs it", fix)
        if known.fingerprint != facts.get("fingerprint"):
            text = f"{name}: is not what the run was begun with; a resume will refuse it"
            return Finding(level, "input", text, "put the old text back, or begin a new run")
        return Finding(Level.OK, "input", f"{name}, {counted(known.jobs, 'job')}, unchanged")


def _input_of(facts: Mapping[str, Any]) -> Input | None:
    path, limit, seed = facts.get("path"), facts.get("limit"), facts.get("seed")
    whole = all(value is None or isinstance(value, int) for value in (limit, seed))
    if not whole or (not isinstance(path, str) and seed is None):
        return None
    try:
        return input_of(facts)
    except (TypeError, ValueError):  # a damaged list
        return None


def _simulator_is_lost(facts: Mapping[str, Any]) -> bool:
    try:
        practice_settings(facts)
    except (TypeError, ValueError, KeyError, AttributeError):
        return True
    return False
