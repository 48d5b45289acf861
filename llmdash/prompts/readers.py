"""Opens a file of prompts of any kind.

| kind | what is in it |
|---|---|
| jsonl, json | an object a prompt: `prompt`, `messages` or any fields; `id`, `expected`, `options` |
| batch | the requests of an OpenAI or Anthropic batch, one a line: `batch_files` describes them |
| csv, tsv | a table with a header |
| text | a prompt a line, or sections with a line `---` between two of them |
| toml | a prompt set: `toml_set` describes it |

`options` are model options for one prompt, such as {"temperature": 0.2}, and override those of the run.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, Literal

from llmdash.prompts.batch_files import BatchLines, BatchRecipe, is_batch
from llmdash.prompts.formats import SEPARATOR, Format, JsonArray, JsonLines, PlainText, TextSections
from llmdash.prompts.index import open_file
from llmdash.prompts.lines import LineReader
from llmdash.prompts.records import Recipe
from llmdash.prompts.source import InputError, PromptSource
from llmdash.prompts.tables import read_table
from llmdash.prompts.template import Template, name_list
from llmdash.prompts.toml_set import open_set

__all__ = ["KINDS", "Kind", "open_source"]

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
}
"""The kind of a file by the end of its name."""

_COMPLETE: dict[Kind, str] = {
    "toml": "a prompt set has its own template",
    "batch": "a batch file has its own messages",
}
_HEAD = 64 * 1024  # bytes that are read to detect the kind
_STEM = 24  # characters of a file's name that go into a run's name and its ids
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:\{|\]\s*$)")
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*(?:\"|\})")


def open_source(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    template: str | None = None,
    kind: Kind | None = None,
    name: str | None = None,
) -> PromptSource:
    """Return the prompts in the file at `path`, at most the first `limit`.

    The kind of file is detected from its name and its content, or given as `kind`. A `template` makes a
    prompt of the fields of each record; the lines of a batch file are then plain JSON lines. `name` replaces
    the file's own name in ids and messages. Standard input must be written to a file first. Raises
    InputError, with one line that names the file and the fix.
    """
    place = Path(path)
    shown = name or str(place)
    title = _title(name or place.stem)
    recipe = Recipe(Template(template, "the template given") if template is not None else None)
    try:
        _check(place, shown)
        found = kind or _kind_of(place, recipe)
        if template is not None and found in _COMPLETE:
            raise InputError(f"{shown}: {_COMPLETE[found]}; leave the template out")
        if found == "toml":
            return open_set(place, shown=shown, name=title, limit=limit, open_table=_open_table)
        return _open_lines(place, found, BatchRecipe() if found == "batch" else recipe, title, shown, limit)
    except OSError as error:
        failed = shown if error.filename in (None, str(place)) else error.filename
        raise InputError(f"{failed}: cannot be read: {error.strerror}; check its permissions") from None


def _title(name: str) -> str:
    kept = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return kept[:_STEM] or "prompts"


def _check(place: Path, shown: str) -> None:
    """Raises InputError unless there is a regular file that is not empty."""
    try:
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise InputError(f"{shown}: no such file; check the name") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{shown}: a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{shown}: not a regular file; copy it into one, or give it on standard input as -")
    if not found.st_size:
        raise InputError(f"{shown}: empty; write at least one prompt")


def _kind_of(place: Path, recipe: Recipe) -> Kind:
    """The kind of a file: a table or a prompt set by its name, the rest by its content."""
    named = KINDS.get(place.suffix.lower())
    if named in ("csv", "tsv", "toml"):
        return named
    with place.open("rb") as file:
        head = file.read(_HEAD)
    if _ARRAY.match(head):
        return "json"
    if _OBJECT.match(head) or named == "jsonl":
        return "batch" if recipe.template is None and is_batch(place) else "jsonl"
    return named or "text"


def _open_lines(
    place: Path, kind: Kind, recipe: Recipe, title: str, shown: str, limit: int | None
) -> PromptSource:
    with place.open("rb") as file:
        form = _format(file, kind, recipe, shown)
    try:
        return open_file(place, form, recipe, name=title, shown=shown, limit=limit)
    except InputError as error:
        raise _named(error, shown) from None


def _named(error: InputError, shown: str) -> InputError:
    """The same error, with the file's name in front if it is not there."""
    text = str(error)
    if text.startswith(shown):
        return error
    numbered = re.sub(r"^line (\d+): ", r"\1: ", text)
    return InputError(f"{shown}:{numbered}" if numbered != text else f"{shown}: {text}")


def _format(file: BinaryIO, kind: Kind, recipe: Recipe, shown: str) -> Format:
    """The reader for a kind of file; checks a table's header against the recipe."""
    if kind == "json":
        return JsonArray()
    if kind == "jsonl":
        return JsonLines()
    if kind == "batch":
        return BatchLines()
    if kind == "text":
        divided = any(line.data is not None and line.data.strip() == SEPARATOR for line in LineReader(file))
        return TextSections() if divided else PlainText()
    try:
        table = read_table(file, "\t" if kind == "tsv" else None)
        if recipe.template is not None:
            recipe.template.check(table.columns)
        elif "prompt" not in table.columns:
            columns = name_list(table.columns)
            raise InputError(f"no `prompt` column (columns: {columns}); add one, or give a template")
    except InputError as error:
        raise _named(error, shown) from None
    return table


def _open_table(place: Path, recipe: Recipe, title: str) -> PromptSource:
    """The data of a prompt set."""
    shown = str(place)
    _check(place, shown)
    return _open_lines(place, _kind_of(place, recipe), recipe, title, shown, None)
