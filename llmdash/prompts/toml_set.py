"""Prompt sets in TOML.

A set says in exactly one way where its prompts come from:

    task = "arithmetic"         # scored sums; [arithmetic] holds `count` (10000) and `seed` (1)

    template = "Say {{word}}."  # with a table beside it (path relative to this file) ...
    data = "words.csv"
    template = "Say {{word}}."  # ... or with rows in place
    [[fields]]
    word = "sea"
    expected = "sea"            # `id` and `expected` mean what they mean elsewhere

    [[prompt]]                  # or prompts one by one: `text`, or `messages` as in JSON lines
    text = "Hello, how are you?"

Further keys, all optional: `name` (the file's name otherwise), `description`, `system` (a system message
for every prompt), `repeat` (how many times to go through the prompts), and `[options]` for the server, such
as `model`, `temperature`, `max_tokens`, `top_p`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.options import OptionError, read_options
from llmdash.prompts.records import Recipe, RecordError
from llmdash.prompts.sets import Arranged, listed
from llmdash.prompts.source import InputError, InputProblem, Prompt, PromptSource
from llmdash.prompts.template import Template, one_line

__all__ = ["open_set"]

_LARGEST = 64 * 1024 * 1024
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_PATH = re.compile(r"`\$\.([A-Za-z_]+)")

_ELSEWHERE = ("stream", "stream_options")

Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A table whose keys are all known."""


class _Arithmetic(_Strict):
    count: Count = 10_000
    seed: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31)] = 1


class _Entry(_Strict):
    text: str | None = None
    messages: list[dict[str, Any]] | None = None
    id: str | int | None = None
    expected: str | int | float | None = None


class _Set(_Strict):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    description: str | None = None
    task: Literal["arithmetic"] | None = None
    arithmetic: _Arithmetic | None = None
    template: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    data: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    fields: list[dict[str, Any]] | None = None
    prompt: list[_Entry] | None = None
    system: str | None = None
    repeat: Count = 1
    options: dict[str, Any] = {}


OpenTable = Callable[[Path, Recipe, str], PromptSource]
"""Opens the table at a path with a recipe, under a name."""


def open_set(path: Path, *, shown: str, name: str, limit: int | None, open_table: OpenTable) -> PromptSource:
    """Return the prompts of the TOML set at `path`. Raises InputError that names file, line and fix."""
    text = _read(path, shown)
    found = _parse(text, shown)
    title = found.name or name
    source = _Builder(found, text, path, shown, title, open_table).source()
    options = _options(found.options, text, shown)
    return Arranged(source, title, found.repeat, limit, options)


def _options(given: dict[str, Any], text: str, shown: str) -> dict[str, Any]:
    """The options for the server. Raises InputError for one that cannot be sent."""
    for name, value in given.items():
        try:
            json.dumps(value, allow_nan=False)
            if name in _ELSEWHERE:
                raise OptionError(f"`{name}` is set by --no-stream")
            read_options({name: value})
        except OptionError as error:
            raise InputError(f"{shown}:{_line_of(name, text)}: {error}") from None
        except (TypeError, ValueError, RecursionError):
            place = f"{shown}:{_line_of(name, text)}: `{one_line(name)}`"
            raise InputError(f"{place} cannot be sent as JSON; write dates as text") from None
    return read_options(given)


def _read(path: Path, shown: str) -> str:
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{shown}: more than 64 MB; put the rows into a CSV and name that as `data`")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown}:{line}: not UTF-8; save it as UTF-8") from None


def _parse(text: str, shown: str) -> _Set:
    try:
        return msgspec.convert(tomllib.loads(text), _Set)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise InputError(f"{shown}:{line}: not TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{shown}: nested too deeply") from None
    except msgspec.ValidationError as error:
        raise InputError(_explain(str(error), text, shown)) from None


def _explain(fault: str, text: str, shown: str) -> str:
    """A validation error, with the line of its key."""
    unknown = _UNKNOWN_FIELD.search(fault)
    place = unknown or _PATH.search(fault)
    line = _line_of(place[1], text) if place else 1
    if unknown:
        return f"{shown}:{line}: unknown key `{one_line(unknown[1])}`; remove it or fix its spelling"
    text = one_line(fault[:1].lower() + fault[1:].replace("$.", ""), 200)
    return f"{shown}:{line}: {text}"


def _line_of(key: str, text: str) -> int:
    """The line where `key` is set or opened as a table; 1 if that cannot be seen."""
    match = re.search(rf"^[ \t]*(?:\[*[ \t]*)[\"']?{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


class _Builder:
    """Makes the prompt source of a set."""

    def __init__(
        self, found: _Set, text: str, path: Path, shown: str, title: str, open_table: OpenTable
    ) -> None:
        self._set = found
        self._text = text
        self._path = path
        self._shown = shown
        self._title = title
        self._open_table = open_table

    def source(self) -> PromptSource:
        self._check_ways()
        if self._set.task is not None:
            settings = self._set.arithmetic or _Arithmetic()
            return Arithmetic(settings.count, settings.seed)
        if self._set.prompt is not None:
            return self._in_place(
                Recipe(None, self._set.system), "prompt", list(map(_plain, self._set.prompt))
            )
        template = Template(self._set.template or "", f"the template in {self._shown}")
        recipe = Recipe(template, self._set.system)
        if self._set.data is not None:
            return self._open_table(self._path.parent / self._set.data, recipe, self._title)
        return self._in_place(recipe, "fields", self._set.fields or [{}])

    def _check_ways(self) -> None:
        """Raises InputError unless the set says in exactly one way where its prompts come from."""
        ways = [way for way in ("task", "template", "prompt") if getattr(self._set, way) is not None]
        if not ways:
            fix = 'add [[prompt]] entries, a `template`, or task = "arithmetic"'
            raise InputError(f"{self._shown}: no prompts; {fix}")
        if len(ways) > 1:
            raise self._fault(ways[1], f"both `{ways[0]}` and `{ways[1]}`; keep one of them")
        if self._set.data is not None and self._set.fields is not None:
            raise self._fault("fields", "both `data` and [[fields]]; keep one of them")
        for key, needed in (("data", "template"), ("fields", "template"), ("arithmetic", "task")):
            if getattr(self._set, key) is not None and getattr(self._set, needed) is None:
                raise self._fault(key, f"`{key}` without `{needed}`; add `{needed}` or remove it")
        if self._set.task is not None and self._set.system is not None:
            raise self._fault("system", "the arithmetic task has prompts of its own; remove `system`")

    def _fault(self, key: str, message: str) -> InputError:
        return InputError(f"{self._shown}:{_line_of(key, self._text)}: {message}")

    def _in_place(self, recipe: Recipe, key: str, rows: list[dict[str, Any]]) -> PromptSource:
        """The prompts in the set itself; a wrong one raises InputError, as the set is small."""
        lines = self._lines_of(key)
        prompts: list[Prompt] = []
        problems: list[InputProblem] = []
        taken: set[str] = set()
        for number, row in enumerate(rows, start=1):
            line = lines[number - 1] if number <= len(lines) else 1
            try:
                prompt = recipe.build(row, f"{self._title}-{number}")
                if prompt.id in taken:
                    raise RecordError(f"id {prompt.id!r} is taken; give each its own")
            except RecordError as error:
                problems.append(InputProblem(self._shown, line, str(error)))
                continue
            taken.add(prompt.id)
            prompts.append(prompt)
        if not prompts:
            empty = f"{self._shown}: no prompts in it; write at least one"
            raise InputError(str(problems[0]) if problems else empty)
        return listed(self._title, prompts, problems)

    def _lines_of(self, key: str) -> list[int]:
        """The lines of the `[[key]]` headings."""
        headings = re.finditer(rf"^[ \t]*\[\[[ \t]*{key}[ \t]*\]\]", self._text, re.MULTILINE)
        return [self._text.count("\n", 0, heading.start()) + 1 for heading in headings]


def _plain(entry: _Entry) -> dict[str, Any]:
    """An entry as the fields of a record."""
    row: dict[str, Any] = {"id": entry.id, "expected": entry.expected}
    if entry.messages is not None:
        row["messages"] = entry.messages
    elif entry.text is not None:
        row["prompt"] = entry.text
    return row
