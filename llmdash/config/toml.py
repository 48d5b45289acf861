"""Reads `llmdash.toml`: settings, and a table for each endpoint, every value with its line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.config.connection import PATHS
from llmdash.config.dotenv import read_text
from llmdash.config.extras import EXTRAS, SHARED, TIMEOUTS
from llmdash.config.sources import ENDPOINT, KEYS, KEYS_FROM, Entry, Layer
from llmdash.config.values import ConfigError, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["ENDPOINT_FIELDS", "LIMITS", "TABLES", "Table", "from_toml"]

TABLES = "[[endpoint]]"
"""The name under which a layer holds its endpoint tables; no setting can have it."""

ENDPOINT_FIELDS = (
    "name",
    "dialect",
    "base_url",
    "model",
    KEYS_FROM,
    "weight",
    "rpm",
    "tpm",
    "concurrency",
    "limit",
    "target",
    "promptlayer_api_key_env",
    "promptlayer_base_url",
    "terminal",
    "allow_insecure",
    "models",
    "batch",
    "options",
    *EXTRAS,
    *SHARED,
    *TIMEOUTS,
)
"""The fields of an `[[endpoint]]`."""

_KEY_NAMES = frozenset({KEYS, "api_keys", "key", "keys", "openai_api_key", "anthropic_api_key"})
_TABLE_FIX = "write a table for each, under a line [[endpoint]]"


@dataclass(frozen=True, slots=True)
class Table:
    """One `[[endpoint]]` or limit of a file: its fields, and the place to name where one is missing."""

    fields: Layer
    place: str


PRICES = "prices"

LIMITS = "limits"
"""The name under which a layer holds its limits: a Table for each name."""

_NAME = r"(?:\"(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s\"'=.\[\]]+))[ \t]*[=.\]]"
_SETS = re.compile(rf"^[ \t]*(?:\[+[ \t]*)?{_NAME}", re.MULTILINE)
"""A line that sets something, as a key or as a table."""
_SETS_FIELD = re.compile(rf"^[ \t]*(?:\[[ \t]*[\"']?endpoint[\"']?[ \t]*\.[ \t]*)?{_NAME}", re.MULTILINE)
"""A line that sets a field of an endpoint, as a key or as a table."""

_LIMIT_FIELDS = ("rate", "tpm")


def from_toml(path: Path, name: str, known: Collection[str]) -> Layer:
    """Return the settings of a TOML file; no file, no settings. Errors call it `name`.

    Its `[[endpoint]]` tables are under `TABLES`, as a tuple of Table, its limits under `LIMITS`, by name;
    `[prices]` is read by `prices`. Raises ConfigError for invalid TOML, for unknown names, and for an API key
    in the file.
    """
    text = read_text(path, name)
    if text is None:
        return {}
    allowed = [setting for setting in known if setting != KEYS] + [KEYS_FROM]
    layer: dict[str, Entry] = {}
    for setting, value in _document(text, name).items():
        if setting == PRICES:
            continue
        place = f"{name}:{_line_of(text, setting)}: {shown(setting)[1:-1]}"
        if setting == LIMITS:
            layer[LIMITS] = Entry(_limits(value, text, name, place), place)
            continue
        if setting not in allowed:
            raise ConfigError(f"{place}: {_unknown(setting, allowed, 'setting')}")
        if setting == ENDPOINT and _holds_tables(value, place):
            layer[TABLES] = Entry(_tables(value, text, name, path.parent), place)
        else:
            layer[setting] = Entry(_placed(setting, value, path.parent), place)
    return layer


def _placed(setting: str, value: object, folder: Path) -> object:
    """A value; the path of a file is completed by the folder of the settings file."""
    if setting in PATHS and isinstance(value, str) and value.strip() and "\0" not in value:
        return str(folder / Path(value.strip()).expanduser())
    return value


def _document(text: str, name: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(name, str(error), text)) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or brackets nested as deep
        raise ConfigError(f"{name}: holds a value too big to be a setting; remove it") from None


def _unknown(setting: str, allowed: Collection[str], kind: str) -> str:
    if setting.lower() in _KEY_NAMES:
        return (
            f"keys do not belong in this file; put them in .env, or name their variable: {KEYS_FROM} = 'NAME'"
        )
    near = difflib.get_close_matches(setting.lower(), allowed, 1, 0.5)
    fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(allowed))}"
    return f"is not a {kind}; {fix}"


def _syntax_error(name: str, message: str, text: str) -> str:
    """tomllib ends its message with `(at line 3, column 5)` or `(at end of document)`."""
    what, _, where = message.partition(" (at ")
    found = re.search(r"line (\d+)", where)
    line = int(found[1]) if found else text.count("\n") + 1
    return (
        f"{name}:{line}: this is not TOML ({shown(what)[1:-1]}); write lines such as: model = 'gpt-4o-mini'"
    )


def _holds_tables(value: object, place: str) -> bool:
    """True for tables, False for names to pick; ConfigError for what is neither one nor the other."""
    if isinstance(value, dict):
        raise ConfigError(f"{place}: has one bracket on each side; write [[endpoint]] with two")
    if not isinstance(value, list) or not any(isinstance(each, dict) for each in value):
        return False
    if not all(isinstance(each, dict) for each in value):
        raise ConfigError(f"{place}: holds something other than tables; {_TABLE_FIX}")
    return True


def _tables(value: Sequence[Mapping[str, Any]], text: str, name: str, folder: Path) -> tuple[Table, ...]:
    sections = _sections(text, len(value))
    return tuple(
        _table(fields, text, section, name, folder) for fields, section in zip(value, sections, strict=True)
    )


def _table(fields: Mapping[str, Any], text: str, section: tuple[int, int], name: str, folder: Path) -> Table:
    found: dict[str, Entry] = {}
    for field, value in fields.items():
        place = f"{name}:{_line_in(text, field, section)}: {shown(field)[1:-1]}"
        if field not in ENDPOINT_FIELDS:
            raise ConfigError(f"{place}: {_unknown(field, ENDPOINT_FIELDS, 'field of an endpoint')}")
        found[field] = Entry(_placed(field, value, folder), place)
    return Table(found, f"{name}:{_line_at(text, section[0])}: [[endpoint]]")


def _limits(value: object, text: str, name: str, place: str) -> Mapping[str, Table]:
    """The tables of limits by name, each with the line of its header."""
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise ConfigError(
            f'{place}: holds something other than tables; write a line [limits."NAME"] for each'
        )
    return {limit: _limit(limit, fields, text, name) for limit, fields in value.items()}


def _limit(limit: str, fields: Mapping[str, Any], text: str, name: str) -> Table:
    quoted = rf"[\"']?{re.escape(limit)}[\"']?"
    header = re.compile(rf"^[ \t]*\[[ \t]*limits[ \t]*\.[ \t]*{quoted}[ \t]*\]", re.MULTILINE).search(text)
    start = header.start() if header else _start_of(text, LIMITS)
    following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, header.end()) if header else None
    section = (start, following.start() if following else len(text))
    found: dict[str, Entry] = {}
    for field, value in fields.items():
        place = f"{name}:{_line_in(text, field, section)}: {shown(field)[1:-1]}"
        if field not in _LIMIT_FIELDS:
            raise ConfigError(f"{place}: {_unknown(field, _LIMIT_FIELDS, 'field of a limit')}")
        found[field] = Entry(value, place)
    return Table(found, f"{name}:{_line_at(text, start)}: [limits.{shown(limit)}]")


def _sections(text: str, count: int) -> list[tuple[int, int]]:
    """The start and end of each table in the text.

    Tables written in an unusual way (inline, or with a header inside of a string) all get the position of the
    first mention.
    """
    header = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?endpoint[\"']?[ \t]*\]\]", re.MULTILINE)
    found = list(header.finditer(text))
    if len(found) != count:
        start = _start_of(text, ENDPOINT)
        return [(start, start)] * count
    following = re.compile(r"^[ \t]*\[(?![ \t]*[\"']?endpoint[\"']?[ \t]*\.)", re.MULTILINE)
    ends = [following.search(text, match.end()) for match in found]
    return [
        (match.start(), end.start() if end else len(text)) for match, end in zip(found, ends, strict=True)
    ]


def _line_in(text: str, field: str, section: tuple[int, int]) -> int:
    """The line that sets `field` inside of a section; else the section's first."""
    found = (match.start() for match in _SETS_FIELD.finditer(text, *section) if _named(match) == field)
    return _line_at(text, next(found, section[0]))


def _line_of(text: str, setting: str) -> int:
    return _line_at(text, _start_of(text, setting))


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _start_of(text: str, setting: str) -> int:
    """Where `setting` is set, as a key or as a table; 0 if it is written in an unusual way."""
    return next((match.start() for match in _SETS.finditer(text) if _named(match) == setting), 0)


def _named(match: re.Match[str]) -> str:
    return match["double"] or match["single"] or match["bare"] or ""
