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
for every prompt), `check` (how answers are compared), `repeat` (how many times to go through the prompts),
and `[options]` with any model options, such as `model` and `temperature`.

The table is in the folder of the set, or below it: a set that somebody else made reads nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.checks import CheckError, parse_check
from llmdash.prompts.options import OptionError, read_options
from llmdash.prompts.reading import Reading
from llmdash.prompts.records import Recipe, RecordError
from llmdash.prompts.rows import build_prompt
from llmdash.prompts.sets import Arranged, listed
from llmdash.prompts.source import InputError, InputProblem, Prompt, PromptSource
from llmdash.prompts.template import Template, one_line

__all__ = ["SetPlace", "open_set"]

_LARGEST = 64 * 1024 * 1024
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_PATH = re.compile(r"`\$\.([A-Za-z_]+)")


Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A table whose keys are all known."""


class _Arithmetic(_Strict):
    count: Count = 10_000
    seed: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31)] = 1


class _Entry(_Strict):
    text: str | None = None
    messages: list[dict[str, Any]] | None = None
    id: str | int | float | None = None
    expected: Any = None
    check: str | None = None
    system: str | None = None
    options: dict[str, Any] | None = None


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
    check: str | None = None
    options: dict[str, Any] = {}


OpenTable = Callable[[Path, Recipe, str], PromptSource]
"""Opens the table at a path with a recipe, under a name."""


@dataclass(frozen=True, slots=True)
class SetPlace:
    """Where a set is, what it is called in messages and by default, and the table given for it, if any."""

    path: Path
    shown: str
    name: str
    data: Path | None = None


def open_set(
    file: BinaryIO, place: SetPlace, recipe: Recipe, *, limit: int | None, open_table: OpenTable
) -> PromptSource:
    """Return the prompts of the TOML set in `file`. Raises InputError that names file, line and fix."""
    text = _read(file, place.shown)
    found = _parse(text, place.shown)
    builder = _Builder(found, text, place, recipe, open_table)
    source, options, check = builder.source(), builder.options(), builder.check()
    return Arranged(source, builder.title, found.repeat, limit, options, check)


def _read(file: BinaryIO, shown: str) -> str:
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise InputError(f"{shown}: more than 64 MB; put the rows into a CSV and name that as `data`")
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
        self, found: _Set, text: str, place: SetPlace, recipe: Recipe, open_table: OpenTable
    ) -> None:
        self._set = found
        self._text = text
        self._place = place
        self._shown = place.shown
        self._recipe = recipe if found.system is None else replace(recipe, system=found.system)
        self._open_table = open_table
        self.title = found.name or place.name

    def source(self) -> PromptSource:
        self._check_ways()
        if self._set.task is not None:
            settings = self._set.arithmetic or _Arithmetic()
            return Arithmetic(settings.count, settings.seed)
        if self._set.prompt is not None:
            return self._in_place(self._recipe, "prompt", list(map(_plain, self._set.prompt)))
        recipe = replace(
            self._recipe, template=Template(self._set.template or "", f"the template in {self._shown}")
        )
        if (data := self._data()) is not None:
            return self._open_table(data, recipe, self.title)
        return self._in_place(recipe, "fields", self._set.fields or [{}])

    def options(self) -> Mapping[str, Any]:
        """Return the model options of the set. Raises InputError for one that cannot be meant."""
        try:
            msgspec.json.encode(self._set.options)
            return read_options(self._set.options)
        except (OptionError, TypeError, ValueError) as error:
            raise self._fault("options", f"[options]: {error}") from None

    def check(self) -> str | None:
        """Return how the answers of the set are compared. Raises InputError for an unknown way."""
        try:
            return parse_check(self._set.check) if self._set.check is not None else None
        except CheckError as error:
            raise self._fault("check", f"`check`: {error}") from None

    def _data(self) -> Path | None:
        """The table of the set: the one given, or `data`, which is in the folder of the set."""
        if self._place.data is not None:
            return self._place.data
        if self._set.data is None:
            return None
        folder, named = self._place.path.parent, self._set.data
        try:
            inside = (folder / named).resolve().is_relative_to(folder.resolve())
        except ValueError:  # a NUL in the name
            return folder / named
        except (OSError, RuntimeError):  # links that go round
            inside = False
        if not inside:
            shown = one_line(named, 200)
            raise self._fault(
                "data",
                f"`data` is outside the folder of the set; give it with --data {shown}, if you want it",
            )
        return folder / named

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
        if self._place.data is not None and (self._set.template is None or self._set.fields is not None):
            raise InputError(f"{self._shown}: takes no table; leave --data out")
        for key, needed in (("data", "template"), ("fields", "template"), ("arithmetic", "task")):
            if getattr(self._set, key) is not None and getattr(self._set, needed) is None:
                raise self._fault(key, f"`{key}` without `{needed}`; add `{needed}` or remove it")
        if self._set.task is not None and self._recipe.system is not None:
            raise self._fault("system", "the arithmetic task has prompts of its own; remove `system`")

    def _fault(self, key: str, message: str) -> InputError:
        return InputError(f"{self._shown}:{_line_of(key, self._text)}: {message}")

    def _in_place(self, recipe: Recipe, key: str, rows: list[dict[str, Any]]) -> PromptSource:
        """The prompts in the set itself; a wrong one raises InputError, as the set is small."""
        lines, reading = self._lines_of(key), Reading(recipe, "prompt set")
        prompts: list[Prompt] = []
        problems: list[InputProblem] = []
        taken: set[str] = set()
        for number, row in enumerate(rows, start=1):
            line = lines[number - 1] if number <= len(lines) else 1
            try:
                reading.add(row, build_prompt(row, "", replace(recipe, carries=True)))
                prompt = build_prompt(row, f"{self.title}-{number}", recipe)
                if prompt.id in taken:
                    raise RecordError(f"id {one_line(prompt.id)!r} is taken; give each its own")
            except RecordError as error:
                problems.append(InputProblem(self._shown, line, str(error)))
                continue
            taken.add(prompt.id)
            prompts.append(prompt)
        if not prompts:
            empty = f"{self._shown}: no prompts in it; write at least one"
            raise InputError(str(problems[0]) if problems else empty)
        return replace(
            listed(self.title, prompts, problems), reading=reading.text() if reading.carries else ""
        )

    def _lines_of(self, key: str) -> list[int]:
        """The lines of the `[[key]]` headings."""
        headings = re.finditer(rf"^[ \t]*\[\[[ \t]*{key}[ \t]*\]\]", self._text, re.MULTILINE)
        return [self._text.count("\n", 0, heading.start()) + 1 for heading in headings]


def _plain(entry: _Entry) -> dict[str, Any]:
    """An entry as the fields of a record."""
    given = {"check": entry.check, "system": entry.system, "options": entry.options}
    row: dict[str, Any] = {"id": entry.id, "expected": entry.expected}
    row |= {name: value for name, value in given.items() if value is not None}
    if entry.messages is not None:
        row["messages"] = entry.messages
    elif entry.text is not None:
        row["prompt"] = entry.text
    return row
