"""What a run leaves to scripts: its results in a file, and an exit code."""

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
"""The codes of endings that decide it, whatever became of the jobs."""


def export(folder: Path, out: Path) -> int:
    """Write every ended job of the run in `folder` to `out`; gives their number.

    Raises JournalError where there is nothing to read, ExportError if `out` cannot be written.
    """
    return exports.export(JournalReader(folder).results(), out)


def run_exit_code(session: LocalSession, run: RunPart | None) -> int:
    """The exit code of a session that ended, with these figures at last; one that can go on did not fail."""
    if session.crash is not None:
        return ExitCode.INTERNAL
    if session.ending in ENDING_CODES:
        return ENDING_CODES[session.ending]
    failed = run is not None and run.failed and run.ended == run.jobs
    return ExitCode.FAILED if failed else ExitCode.DONE
