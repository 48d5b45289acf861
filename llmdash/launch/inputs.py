"""Finds the prompts of a run, and the run to resume."""

from __future__ import annotations

import csv
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from llmdash import locations
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource

__all__ = ["Input", "earlier_run", "open_input", "spool"]

_SPOOL = "input"
_HEADER = 64 * 1024  # bytes of a table's first line
_SMALL = 1024 * 1024  # bytes of a prompt set on standard input
_SET_FIELDS = frozenset(("task", "arithmetic", "template", "data", "fields", "prompt"))


@dataclass(frozen=True, slots=True)
class Input:
    """The source of prompts: a file, or arithmetic generated from `seed`; at most `limit` prompts."""

    path: Path | None = None
    limit: int | None = None
    seed: int | None = None


def open_input(given: Input) -> PromptSource:
    """Open and return the prompts. Raises InputError."""
    if given.seed is not None:
        return Arithmetic(count=given.limit or 10_000, seed=given.seed)
    if given.path is None:
        raise InputError("no prompts: name a file, or - for standard input")
    return open_source(given.path, limit=given.limit)


def spool(stream: BinaryIO, folder: Path) -> Path:
    """Copy standard input to a file in `folder`, so that the run can be resumed. Return its path."""
    path = folder / _SPOOL
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    path.chmod(0o600)
    return path.replace(path.with_suffix(_suffix_of(path)))


def _suffix_of(path: Path) -> str:
    """Return the suffix of a format known by its name only: a table with a `prompt` column, a prompt set."""
    with path.open("rb") as file:
        head = file.readline(_HEADER).decode("utf-8-sig", "replace").rstrip("\r\n")
    for suffix, delimiter in ((".tsv", "\t"), (".csv", ","), (".csv", ";")):
        if "prompt" in _cells(head, delimiter):
            return suffix
    if path.stat().st_size <= _SMALL:
        try:
            found = tomllib.loads(path.read_text("utf-8-sig"))
        except (ValueError, RecursionError):  # no TOML, or no text
            return ""
        return ".toml" if _SET_FIELDS & found.keys() else ""
    return ""


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # not a line of a table
        return []


def earlier_run(folder: Path | None, given: Input) -> tuple[Path, Input, Mapping[str, Any]]:
    """Return the run to resume: its folder, its input, and the facts in its journal.

    Without a folder it is the latest run over the same file, or the latest of all if no file is named. Raises
    JournalError if there is none.
    """
    wanted = given.path.absolute() if given.path is not None else None
    for candidate in [folder] if folder is not None else _latest_first():
        facts = JournalReader(candidate).facts()
        path = locations.from_record(facts["path"]) if facts.get("path") else None
        if folder is None and wanted is not None and path != wanted:
            continue
        limit = given.limit if given.limit is not None else facts.get("limit")
        return candidate, Input(wanted or path, limit, facts.get("seed")), facts
    about = f"over {wanted}" if wanted is not None else f"in {locations.runs_dir()}"
    raise JournalError(f"no earlier run {about}; leave out --resume, or name its folder with --run-dir")


def _latest_first() -> list[Path]:
    runs = locations.runs_dir()
    found = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    with_journal = [folder for folder in found if (folder / "journal.sqlite").exists()]
    return sorted(with_journal, key=lambda folder: (folder / "journal.sqlite").stat().st_mtime, reverse=True)
