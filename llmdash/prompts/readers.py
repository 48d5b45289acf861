"""Opens a file of prompts of any kind.

| kind | what is in it |
|---|---|
| jsonl, json | an object a prompt (`rows` says which), or a text |
| batch | the requests of an OpenAI or Anthropic batch, one a line: `batch_files` describes them |
| csv, tsv | a table with a header |
| text | a prompt a line, or sections with a line `---` between two of them |
| toml | a prompt set: `toml_set` describes it |

Any of them may be compressed, and in UTF-16; a Parquet file is read as JSON lines (`plain_file`).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import BinaryIO

from llmdash.prompts.data_rows import PROMPT_FIELDS
from llmdash.prompts.formats import Format, JsonArray, JsonLines, PlainText, TextSections
from llmdash.prompts.index import open_file
from llmdash.prompts.kinds import KINDS, PROMPT_NAMES, Kind, is_divided, kind_of
from llmdash.prompts.plain_file import COMPRESSED, plain_file
from llmdash.prompts.records import Recipe
from llmdash.prompts.source import InputError, PromptSource
from llmdash.prompts.tables import DelimitedText, read_table
from llmdash.prompts.template import Template, name_list, one_line
from llmdash.prompts.toml_set import SetPlace, open_set

__all__ = ["KINDS", "NOTHING", "Kind", "check_file", "open_source"]

NOTHING = "none"
"""What `carry` holds so that nothing is carried."""

_COMPLETE: dict[Kind, str] = {
    "toml": "a prompt set has its own template",
    "batch": "a batch file has its own messages",
}
_STEM = 24  # characters of a file's name that go into a run's name and its ids


def open_source(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    template: str | None = None,
    prompt_column: str | None = None,
    expected_column: str | None = None,
    system: str | None = None,
    send: Collection[str] = (),
    carry: Collection[str] = (),
    data: Path | None = None,
    wires: Collection[str] = (),
    kind: Kind | None = None,
    name: str | None = None,
    shown: str | None = None,
) -> PromptSource:
    """Return the prompts in the file at `path`, at most the first `limit`.

    The kind of file is detected from its name and its content, or given as `kind`. A `template` makes a
    prompt of the fields of each record, `prompt_column` names the field that is one; the lines of a batch
    file are then plain JSON lines. `system` goes above conversations without a system message. The fields in
    `send` are sent, those in `carry` are carried into the results, or with `none` nothing is. `wires` are the
    wire formats of the endpoints, which decide what of a request row is sent; without them the row does.
    `expected_column` names the field with the expected answer, else it is `expected`. `data` is the table of
    a prompt set. `name` replaces the file's own name in ids and messages, `shown` its path in messages alone.
    Raises InputError, with one line that names the file and the fix.
    """
    place = Path(path)
    shown = shown or name or str(place)
    recipe = _recipe(template, prompt_column, expected_column, system, send, carry, wires)
    try:
        return _Opening(shown, limit, kind, data).open(place, recipe, _title(name or _bare(place).stem))
    except OSError as error:
        failed = shown if error.filename in (None, str(place)) else error.filename
        raise InputError(f"{failed}: cannot be read: {error.strerror}; check its permissions") from None


def _recipe(
    template: str | None,
    prompt_column: str | None,
    expected_column: str | None,
    system: str | None,
    send: Collection[str],
    carry: Collection[str],
    wires: Collection[str],
) -> Recipe:
    if template is not None and prompt_column is not None:
        raise InputError("both --template and --prompt-column; keep one of them")
    for text in (template, prompt_column, expected_column, system, *send, *carry):
        if text is not None and text != text.encode(errors="replace").decode():
            raise InputError(f"{one_line(text)}: not UTF-8; write it as UTF-8 text")
    if both := frozenset(send) & frozenset(carry):
        raise InputError(f"{one_line(min(both))}: both in --send and in --carry; keep one of them")
    return Recipe(
        Template(template, "the template given") if template is not None else None,
        system,
        prompt_column,
        frozenset(send),
        frozenset(carry) - {NOTHING},
        NOTHING not in carry,
        frozenset(wires),
        expected_column=expected_column,
    )


def _bare(place: Path) -> Path:
    """The name without the ends that say how a file is compressed: `a.jsonl` for `a.jsonl.gz`."""
    while place.suffix.lower() in COMPRESSED and place.stem:
        place = place.with_suffix("")
    return place


def _title(name: str) -> str:
    kept = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return kept[:_STEM] or "prompts"


class _Opening:
    """Opens one file: what is asked of it, apart from the recipe."""

    def __init__(self, shown: str, limit: int | None, kind: Kind | None, data: Path | None) -> None:
        self._shown = shown
        self._limit = limit
        self._kind = kind
        self._data = data

    def open(self, place: Path, recipe: Recipe, title: str) -> PromptSource:
        shown = self._shown
        check_file(place, shown)
        plain = plain_file(place, shown)
        with plain.file as file:
            kind = self._kind or _kind(file, place, recipe, shown)
            if recipe.is_data and kind in _COMPLETE:
                option = "template" if recipe.template is not None else "prompt column"
                raise InputError(f"{shown}: {_COMPLETE[kind]}; leave the {option} out")
            if kind == "toml":
                where = SetPlace(place, shown, title, self._data)
                return open_set(file, where, recipe, limit=self._limit, open_table=_open_table)
            if self._data is not None:
                raise InputError(f"{shown}: only a prompt set takes --data; leave it out")
            return _open_lines(file, kind, recipe, title, shown, self._limit, plain.taken)


def _kind(file: BinaryIO, place: Path, recipe: Recipe, shown: str) -> Kind:
    try:
        return kind_of(file, _bare(place).suffix.lower(), recipe)
    except InputError as error:
        raise _named(error, shown) from None


def check_file(place: Path, shown: str) -> None:
    """Raise InputError, which names the file as `shown`, unless there is a regular file that is not empty."""
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


def _open_lines(
    file: BinaryIO, kind: Kind, recipe: Recipe, title: str, shown: str, limit: int | None, taken: str
) -> PromptSource:
    try:
        form, words = _format(file, kind, recipe)
        recipe = replace(recipe, from_text=form.from_text)
        said = ", ".join(part for part in (taken, words) if part)
        return open_file(file, form, recipe, name=title, shown=shown, limit=limit, taken=said)
    except InputError as error:
        raise _named(error, shown) from None


def _named(error: InputError, shown: str) -> InputError:
    """The same error, with the file's name in front if it is not there."""
    text = str(error)
    if text.startswith((shown, "--")):
        return error
    numbered = re.sub(r"^line (\d+): ", r"\1: ", text)
    return InputError(f"{shown}:{numbered}" if numbered != text else f"{shown}: {text}")


def _format(file: BinaryIO, kind: Kind, recipe: Recipe) -> tuple[Format, str]:
    """The reader for a kind of file, and what it is called; checks a table's header against the recipe."""
    if kind == "json":
        return JsonArray(), "JSON array"
    if kind == "jsonl":
        return JsonLines(), "JSON lines"
    if kind == "batch":
        return JsonLines("batch"), "batch requests"
    if kind == "text":
        form = TextSections() if is_divided(file) else PlainText()
        return form, "text" if recipe.is_data else ""
    table = read_table(file, "\t" if kind == "tsv" else None)
    _check_columns(table, recipe)
    number = len(table.columns)
    return table, f"table of {number:,} column{'s' if number != 1 else ''}"


def _check_columns(table: DelimitedText, recipe: Recipe) -> None:
    """Raises InputError unless the columns of a table hold prompts."""
    if recipe.template is not None:
        recipe.template.check(table.columns)
    elif recipe.prompt_column is not None:
        if recipe.prompt_column not in table.columns:
            column = one_line(recipe.prompt_column, 80)
            near = {name.lower(): name for name in table.columns}.get(recipe.prompt_column.lower())
            meant = f"; did you mean {one_line(near)}?" if near is not None else ""
            raise InputError(f"no column {column!r}; columns here: {name_list(table.columns)}{meant}")
    elif not any(name in table.columns for name in PROMPT_FIELDS):
        columns = name_list(table.columns)
        likely = next((name for name in table.columns if name.lower() in PROMPT_NAMES), table.columns[0])
        fix = f"--prompt-column {quote(one_line(likely))}"
        raise InputError(
            f"no `prompt` column (columns: {columns}); name the one that is the prompt, as in {fix}, or give "
            "a --template '...{{column}}...'"
        )


def _open_table(place: Path, recipe: Recipe, title: str) -> PromptSource:
    """The data of a prompt set."""
    shown = str(place)
    check_file(place, shown)
    plain = plain_file(place, shown)
    with plain.file as file:
        kind = _kind(file, place, recipe, shown)
        return _open_lines(file, kind, recipe, title, shown, None, plain.taken)
