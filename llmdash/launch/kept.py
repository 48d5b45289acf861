"""Kept runs in front of and after others: room for a new one, and results written at any time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.config.kept import KeptSettings
from llmdash.engine.journal.file import StorageError
from llmdash.engine.model.counts import counted
from llmdash.launch.results import check_output, export, facts_of, is_own
from llmdash.reports.export import TakenError, check_writable
from llmdash.reports.output import Output
from llmdash.runs.catalogue import entry_of, kept_bytes, kept_runs
from llmdash.runs.pruning import PruneOrder, Spared, chosen, prune
from llmdash.runs.show import removed_line, size
from llmdash.sanitize import clean_line

__all__ = ["export_kept", "make_room", "report_room"]


def export_kept(folder: Path, out: Path, *, overwrite: bool, reasoning: bool) -> Iterator[str]:
    """Write the results of a run to `out`, and yield what there is to say of it.

    Raises ExportError, InputError or JournalError.
    """
    facts, entry = facts_of(folder), entry_of(folder)
    if entry.alive and is_own(out, facts):
        raise TakenError(f"{out}: the run writes it itself, and is at work; name another file")
    check_output(out, _prompts_of(facts), facts, overwrite=overwrite)
    check_writable(out)
    written = export(folder, out, reasoning=reasoning)
    yield f"{counted(written, 'result')} written to {out}"
    if entry.keep == "none":
        yield "The run keeps no texts (--keep none): ids, states, times and tokens are all there is."


def _prompts_of(facts: Mapping[str, Any]) -> Path | None:
    """The file of prompts, where the facts name one."""
    path = facts.get("path")
    return locations.from_record(path) if isinstance(path, str) else None


def make_room(settings: KeptSettings) -> Iterator[str]:
    """Yield what there is to say of the room that kept runs take, once a new one has begun.

    Where the user has asked for it, finished runs are deleted, the oldest first, if their results are in a
    file that is still there. That is for a run that holds its lock: one that is refused takes no room.
    """
    try:
        yield from _made_room(settings)
    except StorageError as error:  # the run has begun, and needs no other
        yield str(error)


def report_room(settings: KeptSettings) -> None:
    """Make room, and write what there is to say of it to standard error."""
    output = Output(sys.stderr)
    for line in make_room(settings):
        output.line(f"llmdash: {clean_line(line)}")


def _made_room(settings: KeptSettings) -> Iterator[str]:
    if settings.most_bytes is None or kept_bytes() <= settings.most_bytes:
        return
    if settings.prune_to is not None:
        order = PruneOrder(keep_bytes=settings.prune_to, exported=True)
        runs = chosen(list(kept_runs()), order, time.time())
        yield from (end.why if isinstance(end, Spared) else removed_line(end) for end in prune(runs, order))
    taken = kept_bytes()
    if taken > settings.most_bytes:
        most = size(settings.most_bytes)
        command = f"llmdash runs prune --keep-bytes {settings.most_bytes}"
        yield f"kept runs take {size(taken)}, kept_bytes allows {most}; make room: {command}"
