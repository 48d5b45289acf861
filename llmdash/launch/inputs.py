"""Finds the prompts of a run, and the run to resume."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from llmdash import locations
from llmdash.engine.journal.belongings import SPOOL
from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.counts import counted
from llmdash.launch.run_input import Input, input_of
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.readers import check_file, open_source
from llmdash.prompts.source import InputError, PromptSource
from llmdash.sanitize import clean_line

__all__ = ["check_there", "earlier_run", "open_input", "show_input", "spool"]


def open_input(given: Input, wires: Collection[str] = ()) -> PromptSource:
    """Open and return the prompts for endpoints that speak these wire formats. Raises InputError."""
    if given.seed is not None:
        return Arithmetic(count=given.limit or 10_000, seed=given.seed)
    if given.path is None:
        raise InputError("no prompts: name a file, or - for standard input")
    return open_source(
        given.path,
        limit=given.limit,
        template=given.template,
        prompt_column=given.prompt_column,
        expected_column=given.expected_column,
        system=given.system,
        send=given.send,
        carry=given.carry,
        data=given.data,
        wires=wires,
        shown="standard input" if given.is_spooled else None,
    )


def check_there(given: Input) -> None:
    """Raise InputError for a file that is none, or is empty; standard input is looked at when it is read."""
    if given.path is not None and str(given.path) != "-":
        with suppress(OSError):  # it is told of when the file is opened
            check_file(given.path, str(given.path))


def show_input(source: PromptSource, *, strict: bool) -> None:
    """Write how the input is read, and the lines left out, to standard error. Raises InputError for these if
    `strict`.
    """
    lines = [f"{source.name}: {source.reading}"] if source.reading else []
    for line in (*lines, *map(str, source.problems)):
        sys.stderr.write(f"llmdash: {clean_line(line)}\n")
    sys.stderr.flush()
    if source.left_out and strict:
        raise InputError(
            f"{counted(source.left_out, 'bad line')}, and --strict was given; fix them, or leave out --strict"
        )


def spool(stream: BinaryIO, folder: Path) -> Path:
    """Copy standard input to a file in `folder`, so that the run can be resumed. Return its path.

    Raises InputError if there is a file of that name.
    """
    path = folder / SPOOL
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise InputError(
            f"{path}: is where standard input would be copied to; name another folder with --run-dir"
        ) from None
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    return path


def earlier_run(folder: Path | None, given: Input) -> tuple[Path, Input, Mapping[str, Any]]:
    """Return the run to resume: its folder, its input, and the facts in its journal.

    Without a folder it is the latest run over the same file, or the latest of all if no file is named. How
    the file is read is as it was, but for what is given now. Raises JournalError if there is none, InputError
    where its file is gone.
    """
    wanted = given.path.absolute() if given.path is not None else None
    for candidate in [folder] if folder is not None else _latest_first():
        facts = JournalReader(candidate).facts()
        known = input_of(facts)
        if folder is None and wanted is not None and known.path != wanted:
            continue
        return candidate, _found(_changed(known, replace(given, path=wanted)), candidate), facts
    about = f"over {wanted}" if wanted is not None else f"in {locations.runs_dir()}"
    raise JournalError(f"no earlier run {about}; leave out --resume, or name its folder with --run-dir")


def _changed(known: Input, given: Input) -> Input:
    """The earlier input with what is given now."""
    reading = ("template", "prompt_column", "expected_column", "system", "send", "carry", "data")
    fields = ("path", "limit", *reading)
    values = {name: getattr(given, name) for name in fields}
    values |= {"allow_bad_lines": given.allow_bad_lines or None}
    return replace(known, **{name: value for name, value in values.items() if value not in (None, ())})


def _found(known: Input, folder: Path) -> Input:
    """The input with its file where it is now: standard input is kept in the folder, which may have moved."""
    path = known.path
    if path is None or locations.is_there(path):
        return known
    kept = folder.absolute() / path.name
    if path.name == SPOOL and locations.is_there(kept):
        return replace(known, path=kept)
    raise InputError(
        f"{path}: is not there any more; name it where it is: llmdash run FILE --resume --run-dir {folder}"
    )


def _latest_first() -> list[Path]:
    runs = locations.runs_dir()
    found = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    changed_at = {folder: at for folder in found if (at := _changed_at(folder)) is not None}
    return sorted(changed_at, key=changed_at.__getitem__, reverse=True)


def _changed_at(folder: Path) -> float | None:
    """When a journal was last changed, in Unix seconds; None if there is none, or none for us to see."""
    try:
        known = (folder / NAME).stat()
    except OSError:
        return None
    return known.st_mtime if stat.S_ISREG(known.st_mode) else None
