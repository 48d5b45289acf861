"""The results of a run for scripts: a file, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import RunPart
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode
from llmdash.prompts.source import InputError
from llmdash.reports import export as exports

__all__ = ["ENDING_CODES", "check_output", "export", "facts_of", "run_exit_code"]

_MOST_COLUMNS = 1_000
"""Carried fields that get columns of their own; where there are more, they are in `input` alone."""

ENDING_CODES = {
    Ending.NO_KEY: ExitCode.NO_KEY,
    Ending.NO_WORKER: ExitCode.NO_KEY,
    Ending.STORAGE: ExitCode.STORAGE,
    Ending.KILL_SWITCH: ExitCode.KILL_SWITCH,
}
"""The exit codes of endings that decide the code regardless of the jobs."""


def check_output(out: Path, prompts: Path | None, facts: Mapping[str, Any], *, overwrite: bool) -> None:
    """Check that results written to `out` destroy nothing: neither the `prompts`, which a resume needs, nor,
    without `overwrite`, a file that is not named in the `facts` of this run.

    Raises InputError or TakenError.
    """
    if prompts is not None and out.exists() and prompts.exists() and out.samefile(prompts):
        raise InputError(f"--out {out} is the file of prompts; name another one")
    if not overwrite and not _is_own(out, facts):
        exports.check_free(out)


def _is_own(out: Path, facts: Mapping[str, Any]) -> bool:
    named = facts.get("out")
    return isinstance(named, str) and locations.from_record(named).resolve() == out.resolve()


def export(folder: Path, out: Path) -> int:
    """Write every ended job of the run in `folder` to `out`. Return their number.

    Raises JournalError where there is nothing to read, ExportError if `out` cannot be written.
    """
    journal = JournalReader(folder)
    return exports.export(journal.results(), out, lambda: _more_columns(journal))


def _more_columns(journal: JournalReader) -> tuple[str, ...]:
    """The columns that a table of this run has beside those of any."""
    carried = (exports.CARRIED + name for name in journal.carried_names(_MOST_COLUMNS))
    own = {exports.REASONING: journal.facts().get("reasoning"), exports.WORKER: journal.names_workers()}
    return (*(name for name, used in own.items() if used), *carried)


def facts_of(folder: Path) -> Mapping[str, Any]:
    """Return the facts of the run in `folder`; none where its journal cannot be read."""
    try:
        return JournalReader(folder).facts()
    except JournalError:
        return {}


def run_exit_code(session: LocalSession, run: RunPart | None) -> int:
    """Return the exit code of an ended session with its last figures `run`; a run that can be resumed did not
    fail.
    """
    if session.crash is not None:
        return ExitCode.INTERNAL
    if session.ending in ENDING_CODES:
        return ENDING_CODES[session.ending]
    if run is None or run.ended < run.jobs:
        return ExitCode.DONE
    if run.failed + run.invalid:
        return ExitCode.FAILED
    return ExitCode.LEFT_OUT if run.left_out and not session.allows_bad_lines else ExitCode.DONE
