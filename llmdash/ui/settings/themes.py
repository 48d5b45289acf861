"""Themes from TOML files: read, checked, and read again when they change.

A theme file holds `name`, `dark`, a table `[colors]` (`primary` at least) and, optionally, a table
`[variables]` that overrides single variables of Textual's stylesheets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from llmdash.lean_dataclass import dataclass
from llmdash.ui.settings.toml_lines import key_lines

if TYPE_CHECKING:
    from textual.css.stylesheet import Stylesheet

__all__ = [
    "DEFAULT_THEME",
    "ThemeError",
    "ThemeFile",
    "ThemeLibrary",
    "check_variables",
    "first_theme",
    "read_theme",
]

DEFAULT_THEME = "deep-harbor"
_LIGHT_THEME = "morning-mist"

_LIGHT_GROUNDS = ("7", "15")
_COLORS = (
    "primary",
    "secondary",
    "accent",
    "success",
    "warning",
    "error",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
)
_KEYS = frozenset({"name", "dark", "colors", "variables"})
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_VARIABLE = re.compile(r"[a-z][a-z0-9-]*")
_TOML_PLACE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_BIGGEST_FILE = 64 * 1024


def first_theme(environment: Mapping[str, str]) -> str:
    """Return the theme of who has not chosen one: a light one where the terminal says that its ground is.

    `COLORFGBG` is what rxvt, Konsole and iTerm2 set, such as "0;15": the ground comes last, of 16 colours.
    """
    ground = environment.get("COLORFGBG", "").rpartition(";")[2]
    return _LIGHT_THEME if ground in _LIGHT_GROUNDS else DEFAULT_THEME


class ThemeError(Exception):
    """A theme file that cannot be used. The text names file, line, key and fix."""

    def __init__(self, path: Path, line: int, key: str, problem: str) -> None:
        subject = f"{key} " if key else ""
        super().__init__(f"{path.name}:{line}: {subject}{problem}")
        self.line = line
        self.key = key


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme and its file; `lines` has the line of each variable."""

    path: Path
    theme: Theme
    lines: Mapping[str, int]


def read_theme(path: Path) -> ThemeFile:
    """Read one theme file. Raises ThemeError, also if the file cannot be opened."""
    text = _text_of(path)
    values = _parsed(path, text)
    lines = dict(key_lines(text))
    for key in values.keys() - _KEYS:
        raise ThemeError(path, lines.get(key, 1), key, f"is not known; one of {', '.join(sorted(_KEYS))}")
    colors = _table(path, values, "colors", lines)
    variables = _table(path, values, "variables", lines)
    parts: dict[str, Any] = {
        "name": _name(path, values, lines),
        "dark": _dark(path, values, lines),
        "variables": _variables(path, variables, lines),
        **_colors(path, colors, lines),
    }
    return ThemeFile(path, Theme(**parts), lines)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_BIGGEST_FILE + 1)
        if len(content) > _BIGGEST_FILE:
            raise ThemeError(path, 1, "", "the file is larger than 64 KiB; a theme needs about 40 lines")
        return content.decode("utf-8")
    except OSError as error:
        raise ThemeError(path, 1, "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ThemeError(path, 1, "", "is not UTF-8; save it as UTF-8") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        problem = _TOML_PLACE.sub("", str(error)).strip()
        raise ThemeError(path, line, "", f"is not TOML: {problem}") from error


def _table(path: Path, values: Mapping[str, Any], name: str, lines: Mapping[str, int]) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise ThemeError(
            path, lines.get(name, 1), name, f"must be a table; write [{name}] on a line of its own"
        )
    return table


def _name(path: Path, values: Mapping[str, Any], lines: Mapping[str, int]) -> str:
    name = values.get("name", path.stem)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problem = "must be lower-case letters, digits and hyphens, 40 at most"
        raise ThemeError(path, lines.get("name", 1), "name", problem)
    return name


def _dark(path: Path, values: Mapping[str, Any], lines: Mapping[str, int]) -> bool:
    dark = values.get("dark", True)
    if not isinstance(dark, bool):
        raise ThemeError(path, lines.get("dark", 1), "dark", "must be true or false")
    return dark


def _colors(path: Path, colors: Mapping[str, Any], lines: Mapping[str, int]) -> dict[str, str]:
    for key, value in colors.items():
        line = lines.get(f"colors.{key}", 1)
        if key not in _COLORS:
            raise ThemeError(path, line, key, f"is not a colour of a theme; one of {', '.join(_COLORS)}")
        if not _is_plain_color(value):
            raise ThemeError(path, line, key, f"{value!r} is not a colour; write it as #rrggbb")
    if "primary" not in colors:
        raise ThemeError(path, lines.get("colors", 1), "primary", "is missing; add it to [colors]")
    return dict(colors)


def _is_plain_color(value: Any) -> bool:
    """Whether `value` names a colour that blends; the terminal's own 16 colours and `auto` do not."""
    if not isinstance(value, str):
        return False
    try:
        color = Color.parse(value)
    except ColorParseError:
        return False
    return color.ansi is None and not color.auto


def _variables(path: Path, variables: Mapping[str, Any], lines: Mapping[str, int]) -> dict[str, str]:
    for key, value in variables.items():
        line = lines.get(f"variables.{key}", 1)
        if not _VARIABLE.fullmatch(key):
            raise ThemeError(path, line, key, "is not a variable; use lower-case letters, digits and hyphens")
        if not isinstance(value, str) or not value.isprintable() or set(value) & set("$;{}"):
            raise ThemeError(path, line, key, "must be a text without $ ; { } such as '#a0b0c0 40%'")
    return dict(variables)


def check_variables(file: ThemeFile, stylesheet: Stylesheet, defaults: Mapping[str, str]) -> None:
    """Parse a copy of `stylesheet` with the theme's variables. Raises ThemeError with the one that is wrong.

    A bad value would otherwise end the program at the first stylesheet that uses it.
    """
    plain = {**defaults, **file.theme.to_color_system().generate()}
    variables = file.theme.variables
    if _parses(stylesheet, {**plain, **variables}):
        return
    for key, value in variables.items():
        if not _parses(stylesheet, {**plain, key: value}):
            problem = f"{value!r} does not fit where it is used; write a colour such as '#a0b0c0'"
            raise ThemeError(file.path, file.lines.get(f"variables.{key}", 1), key, problem)
    raise ThemeError(file.path, file.lines.get("variables", 1), "variables", "do not fit together")


def _parses(stylesheet: Stylesheet, variables: dict[str, str]) -> bool:
    from textual.css.errors import StylesheetError
    from textual.css.stylesheet import StylesheetParseError
    from textual.css.tokenizer import TokenError

    draft = stylesheet.copy()
    draft.set_variables(variables)
    try:
        draft.parse()
    except (StylesheetError, StylesheetParseError, TokenError):
        return False
    return True


class ThemeLibrary:
    """The theme files of several folders; those of later folders override earlier ones."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._seen: dict[Path, tuple[int, int]] = {}

    def changes(self, names: Container[str] | None = None) -> Iterator[ThemeFile | ThemeError]:
        """Read the files that are new or changed since the last call; one `stat` a file for the others.

        With `names` only files of these names, without their `.toml`: what was not read yet is new still.
        """
        for path in self._paths():
            if names is not None and path.stem not in names:
                continue
            try:
                facts = path.stat()
            except OSError:
                continue
            stamp = (facts.st_mtime_ns, facts.st_size)
            if self._seen.get(path) == stamp:
                continue
            self._seen[path] = stamp
            try:
                yield read_theme(path)
            except ThemeError as error:
                yield error

    def _paths(self) -> list[Path]:
        return [path for folder in self._folders for path in sorted(folder.glob("*.toml")) if path.is_file()]
