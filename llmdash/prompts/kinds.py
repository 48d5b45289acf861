"""The kind of a file of prompts: one decision for files, standard input, and names that say nothing."""

from __future__ import annotations

import re
import tomllib
from typing import BinaryIO, Literal

from llmdash.prompts.batch_files import is_batch
from llmdash.prompts.data_rows import PROMPT_FIELDS
from llmdash.prompts.formats import SEPARATOR
from llmdash.prompts.lines import BOM, LineReader
from llmdash.prompts.records import Recipe
from llmdash.prompts.source import InputError
from llmdash.prompts.tables import looks_like_table

__all__ = ["KINDS", "PROMPT_NAMES", "Kind", "is_divided", "kind_of"]

Kind = Literal["jsonl", "json", "batch", "csv", "tsv", "text", "toml"]

KINDS: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "text",
    ".md": "text",
    ".prompts": "text",
    ".toml": "toml",
    ".parquet": "jsonl",
}
"""The kind of a file by the end of its name."""

_OTHERS = {".yaml": "YAML", ".yml": "YAML", ".xml": "XML", ".html": "HTML", ".htm": "HTML"}
"""Formats of text whose lines are no prompts, by the end of a name."""

_HEAD = 64 * 1024  # bytes that are read to detect the kind
_SMALL = 1024 * 1024  # bytes of a prompt set that has no name of its own
PROMPT_NAMES = frozenset((*PROMPT_FIELDS, "question", "query", "text"))
"""Names that the column of a prompt mostly has, in lower case."""

_TEXT = rb'"(?:[^"\\]|\\.)*+'
_ARRAY = re.compile(rb"\s*\[\s*(?:\{|\]\s*$|" + _TEXT + rb'(?:"\s*(?:[,\]]|$)|$))', re.DOTALL)
_PAGE = re.compile(rb"\s*<(?:!doctype|\?xml|html)\b", re.IGNORECASE)
_OBJECT = re.compile(rb"\s*\{\s*(?:\"|\})")


def kind_of(file: BinaryIO, suffix: str, recipe: Recipe) -> Kind:
    """Return the kind of the plain text in `file`, whose name ends in `suffix`; `file` is at its start again.

    A table or a prompt set is known by its name, the rest by its content; where the name says nothing, the
    content decides alone, so that a file reads the same under any name.

    Raises InputError for a format whose lines are no prompts.
    """
    named = KINDS.get(suffix)
    if named in ("csv", "tsv", "toml"):
        return named
    file.seek(0)
    head = file.read(_HEAD).lstrip(BOM)
    file.seek(0)
    if _ARRAY.match(head):
        return "json"
    if _OBJECT.match(head) or named == "jsonl":
        found = not recipe.is_data and is_batch(file)
        file.seek(0)
        return "batch" if found else "jsonl"
    if named == "text":
        return "tsv" if _is_named_table(head) else "text"
    if named is not None:
        return named
    other = _OTHERS.get(suffix) or ("HTML or XML" if _PAGE.match(head) else None)
    if other is not None:
        raise InputError(f"{other}, of which the lines are no prompts; make it JSON lines, CSV or text")
    if _is_toml(file):
        return "toml"
    return "csv" if looks_like_table(head, _known(recipe)) else "text"


def _known(recipe: Recipe) -> frozenset[str]:
    """The names of columns that a prompt stands in."""
    asked = {recipe.prompt_column.lower()} if recipe.prompt_column is not None else set()
    return PROMPT_NAMES | asked | {name.lower() for name in recipe.inserted}


def _is_named_table(head: bytes) -> bool:
    """True for a text file that is a table with tabs, as Excel saves its "Unicode text"."""
    first = head.splitlines()[0] if head.splitlines() else b""
    return b"\t" in first and looks_like_table(head, ())


def _is_toml(file: BinaryIO) -> bool:
    """True if the file is TOML, as a prompt set is."""
    data = file.read(_SMALL + 1)
    file.seek(0)
    if len(data) > _SMALL or not (b"=" in data or b"[" in data):
        return False
    try:
        return bool(tomllib.loads(data.decode("utf-8-sig")))
    except (ValueError, RecursionError):  # no TOML, or no text
        return False


def is_divided(file: BinaryIO) -> bool:
    """True if a text has lines of `---` between its prompts; `file` is at its start again."""
    divided = any(line.data is not None and line.data.strip() == SEPARATOR for line in LineReader(file))
    file.seek(0)
    return divided
