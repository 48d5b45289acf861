"""The results of a run for scripts: a file, and an exit code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llmdash import locations
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.keeping import Keep
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import RunPart
from llmdash.exit_codes import ExitCode
from llmdash.prompts.source import InputError
from llmdash.reports import export as exports

if TYPE_CHECKING:
    from llmdash.engine.plan import RunPlan

__all__ = [
    "ENDING_CODES",
    "EndedSession",
    "check_output",
    "export",
    "export_here",
    "facts_of",
    "is_exported",
    "is_own",
    "results_file",
    "run_exit_code",
]

_MOST_COLUMNS = 1_000
"""Carried fields that get columns of their own; where there are more, they are in `input` alone."""

ENDING_CODES = {
    Ending.NO_KEY: ExitCode.NO_KEY,
    Ending.NO_WORKER: ExitCode.NO_KEY,
    Ending.STORAGE: ExitCode.STORAGE,
    Ending.KILL_SWITCH: ExitCode.KILL_SWITCH,
    Ending.HELD: ExitCode.HELD,
    Ending.BATCHED: ExitCode.BATCHED,
}
"""The exit codes of endings that decide the code regardless of the jobs."""


def check_output(out: Path, prompts: Path | None, facts: Mapping[str, Any], *, overwrite: bool) -> None:
    """Check that results written to `out` destroy nothing: neither the `prompts`, which a resume needs, nor
    a file that another run adds to, nor, without `overwrite`, one that the `facts` of this run do not name.

    Raises InputError or TakenError.
    """
    if prompts is not None and out.exists() and prompts.exists() and out.samefile(prompts):
        raise InputError(f"--out {out} is the file of prompts; name another one")
    if is_own(out, facts):
        return
    exports.check_unused(out)
    if not overwrite:
        exports.check_free(out)


def is_own(out: Path, facts: Mapping[str, Any]) -> bool:
    """Return True if `out` is the file that a run with these facts writes its results to."""
    named = facts.get("out")
    return isinstance(named, str) and locations.from_record(named).resolve() == out.resolve()


def export(folder: Path, out: Path, *, reasoning: bool = False, jobs: Collection[int] = ()) -> int:
    """Write every ended job of the run in `folder`, or those of these `jobs` where there are some, to `out`:
    with `reasoning`, or if the run was asked for it, what the models thought, too. Return their number.

    Raises JournalError where there is nothing to read, ExportError if `out` cannot be written.
    """
    journal = JournalReader(folder)
    facts = journal.facts()
    if facts.get("keep") == Keep.NONE.value and is_own(out, facts):
        return sum(1 for _ in journal.ended())  # the file alone has the texts, and is in order
    exports.check_unused(out)  # two runs that began at once may both have found it free
    thought = reasoning or bool(facts.get("reasoning"))
    results = journal.results(reasoning=thought)
    if jobs:
        results = (result for result in results if result.index in jobs)
    return exports.export(results, out, lambda: _more_columns(journal, reasoning=thought))


def is_exported(plan: RunPlan, out: Path) -> bool:
    """Return True if `out` has every result of the run of a plan already."""
    return plan.live is not None and plan.live.is_complete and out.is_file()


def export_here(folder: Path, jobs: Collection[int] = ()) -> Path:
    """Write the results of the run in `folder`, or of these `jobs`, into a new file of this folder, and
    return that.

    Raises JournalError and ExportError, as `export` does, and ExportError where none of the jobs has ended.
    """
    numbers = (f"-{number}" if number > 1 else "" for number in count(1))
    stem = f"{folder.name}-marked" if jobs else folder.name
    names = (Path(f"{stem}{number}.jsonl") for number in numbers)
    out = next(path for path in names if not path.exists())
    if not export(folder, out, jobs=jobs) and jobs:
        out.unlink()
        raise exports.ExportError("none of the marked jobs has ended: there is no result to write")
    return out


def _more_columns(journal: JournalReader, *, reasoning: bool) -> tuple[str, ...]:
    """The columns that a table of this run has beside those of any."""
    names = journal.carried_names(_MOST_COLUMNS)
    carried = (exports.INPUT,) if names is None else tuple(exports.CARRIED + name for name in names)
    own = {exports.REASONING: reasoning, exports.WORKER: journal.names_workers()}
    return (*(name for name, used in own.items() if used), *carried)


def facts_of(folder: Path) -> Mapping[str, Any]:
    """Return the facts of the run in `folder`; none where its journal cannot be read."""
    try:
        return JournalReader(folder).facts()
    except JournalError:
        return {}


def results_file(folder: Path) -> Path | None:
    """Return the file that the run in `folder` writes its results to, from here where it is below this
    folder; None if it has none.
    """
    named = facts_of(folder).get("out")
    if not isinstance(named, str):
        return None
    out = locations.from_record(named)
    with suppress(ValueError, OSError):  # it is elsewhere, or this folder is gone
        return out.relative_to(Path.cwd())
    return out


class EndedSession(Protocol):
    """What is known of a session that has ended, wherever it was."""

    @property
    def crash(self) -> BaseException | None:
        """What broke the run, if anything."""

    @property
    def ending(self) -> Ending | None:
        """How the run ended; None where nobody knows."""

    @property
    def allows_bad_lines(self) -> bool:
        """True if a run that left input lines out counts as complete."""


def run_exit_code(session: EndedSession, run: RunPart | None) -> int:
    """Return the exit code of an ended session with its last figures `run`; a run that can be resumed did not
    fail.
    """
    if session.crash is not None:
        return ExitCode.INTERNAL
    if session.ending in ENDING_CODES:
        return ENDING_CODES[session.ending]
    if run is None or run.ended < run.jobs:
        return ExitCode.BATCHED if run is not None and run.batched else ExitCode.DONE
    if run.failed + run.invalid:
        return ExitCode.FAILED
    return ExitCode.LEFT_OUT if run.left_out and not session.allows_bad_lines else ExitCode.DONE
