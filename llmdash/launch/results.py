"""The results of a run for scripts: a file, and an exit code."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import RunPart
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode
from llmdash.reports import export as exports

__all__ = ["ENDING_CODES", "export", "run_exit_code"]

ENDING_CODES = {
    Ending.NO_KEY: ExitCode.NO_KEY,
    Ending.STORAGE: ExitCode.STORAGE,
    Ending.KILL_SWITCH: ExitCode.KILL_SWITCH,
}
"""The exit codes of endings that decide the code regardless of the jobs."""


def export(folder: Path, out: Path) -> int:
    """Write every ended job of the run in `folder` to `out`. Return their number.

    Raises JournalError where there is nothing to read, ExportError if `out` cannot be written.
    """
    return exports.export(JournalReader(folder).results(), out)


def run_exit_code(session: LocalSession, run: RunPart | None) -> int:
    """Return the exit code of an ended session with its last figures `run`; a run that can be resumed did not
    fail.
    """
    if session.crash is not None:
        return ExitCode.INTERNAL
    if session.ending in ENDING_CODES:
        return ENDING_CODES[session.ending]
    failed = run is not None and run.failed + run.invalid and run.ended == run.jobs
    return ExitCode.FAILED if failed else ExitCode.DONE
