"""The sources of settings: command line, environment, `.env`; each read into named entries."""

from __future__ import annotations

import difflib
import io
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from llmdash.config.values import ConfigError, shown

__all__ = [
    "ENDPOINT",
    "KEYS",
    "KEYS_FROM",
    "DotEnv",
    "Entry",
    "Layer",
    "from_dotenv",
    "from_environment",
    "from_flags",
    "misspelt",
    "read_dotenv",
    "read_text",
]

PREFIX = "LLMDASH_"
KEYS = "api_key"
KEYS_FROM = "api_key_env"
ENDPOINT = "endpoint"
_FILE_NAMES = {"API_KEY": KEYS, "BASE_URL": "base_url"}
_MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as given, and the place to name when it is wrong. Its repr never shows the value."""

    value: object = field(repr=False)
    place: str


Layer = Mapping[str, Entry]
"""Entries by setting, from one source."""


@dataclass(frozen=True, slots=True)
class DotEnv:
    """A `.env` file: its variables, the line of each, and warnings about the file."""

    name: str = ".env"
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    lines: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def from_flags(flags: Mapping[str, object], known: Collection[str]) -> Layer:
    """Return the options of the command line; None, or an empty list, where one was not given.

    Raises TypeError for an unknown name.
    """
    if strange := sorted(set(flags) - set(known)):
        raise TypeError(f"not a setting: {', '.join(strange)}")
    return {
        name: Entry(value, "--" + name.replace("_", "-"))
        for name, value in flags.items()
        if value is not None and value != ()
    }


def from_environment(
    environ: Mapping[str, str], known: Collection[str], provider: Mapping[str, str]
) -> list[Layer]:
    """Return the `LLMDASH_*` variables, then those of the provider: `provider` has settings by variable.

    A variable that is empty counts as not set.
    """
    places = {name: name for name in environ}
    return [_pick(environ, _own_names(known), places), _pick(environ, provider, places)]


def from_dotenv(dotenv: DotEnv, known: Collection[str], provider: Mapping[str, str]) -> list[Layer]:
    """Return the variables of a `.env`: `LLMDASH_*`, then `API_KEY` and `BASE_URL`, then those of the
    provider.
    """
    places = {name: f"{dotenv.name}:{line}: {name}" for name, line in dotenv.lines.items()}
    names = (_own_names(known), _FILE_NAMES, provider)
    return [_pick(dotenv.values, mapping, places) for mapping in names]


def _own_names(known: Collection[str]) -> dict[str, str]:
    return {PREFIX + name.upper(): name for name in known}


def _pick(values: Mapping[str, str], names: Mapping[str, str], places: Mapping[str, str]) -> Layer:
    return {
        setting: Entry(values[variable], places[variable])
        for variable, setting in names.items()
        if values.get(variable, "").strip(" \t\r\n,")
    }


def misspelt(values: Mapping[str, str], known: Collection[str]) -> tuple[str, ...]:
    """Return a warning for each unknown `LLMDASH_*` variable that is close to a known one."""
    names = _own_names(known)
    found: list[str] = []
    for variable in sorted(values):
        if variable.startswith(PREFIX) and variable not in names:
            near = difflib.get_close_matches(variable, names, 1, 0.8)
            found += [f"{shown(variable)} is not a setting; did you mean {near[0]}?"] if near else []
    return tuple(found)


def read_dotenv(path: Path) -> DotEnv:
    """Read a `.env` without changing the environment and without expanding `$`; no file, no variables.

    Lines that are not `NAME=value` are skipped with a warning. Raises ConfigError if it cannot be read.
    """
    text = read_text(path, path.name)
    if text is None:
        return DotEnv(path.name)
    bindings = list(parse_stream(io.StringIO(text)))
    sound = [binding for binding in bindings if not binding.error]
    values = dotenv_values(stream=io.StringIO("".join(b.original.string for b in sound)), interpolate=False)
    warnings = [
        f"{path.name}:{_line(binding)}: is not understood and skipped; write NAME=value"
        for binding in bindings
        if binding.error
    ]
    lines = {binding.key: _line(binding) for binding in sound if binding.key}
    if any("KEY" in name.upper() for name in lines):
        warnings += _mode_warning(path)
    given = {name: value for name, value in values.items() if value is not None}
    return DotEnv(path.name, given, lines, tuple(warnings))


def _line(binding: Binding) -> int:
    """The line where a binding begins; blank lines above it belong to its text."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _mode_warning(path: Path) -> list[str]:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [f"{path.name}: others on this machine can read your keys; fix it with: chmod 600 {path.name}"]
    return []


def read_text(path: Path, name: str) -> str | None:
    """Return the file as text, without a byte order mark; None if there is no file.

    Raises ConfigError if it cannot be read, is over 4 MB or is not UTF-8.
    """
    try:
        if not path.is_file():  # a folder named .env is a virtual environment, not ours
            return None
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read ({error.strerror or error}); fix its permissions"
        ) from None
    if len(raw) > _MAX_FILE:
        raise ConfigError(f"{name}: is over 4 MB, which no settings file is; move it away")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8; save the file as UTF-8") from None
