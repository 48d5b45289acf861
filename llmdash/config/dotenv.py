"""Reads `.env`: its variables with their lines, from a file or a pipe; and other settings files as text."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from llmdash.config.values import ConfigError
from llmdash.lean_dataclass import dataclass

if TYPE_CHECKING:
    from dotenv.parser import Binding

__all__ = ["DotEnv", "DotEnvLine", "read_dotenv", "read_text"]

_MAX_FILE = 4 * 1024 * 1024
_PIPE_S = 30.0
"""How long a pipe may take to be written: a password manager asks its user first."""


@dataclass(frozen=True, slots=True)
class DotEnvLine:
    """One `NAME=value` of a `.env`. Its repr never shows the value."""

    value: str = field(repr=False)
    number: int


@dataclass(frozen=True, slots=True)
class DotEnv:
    """A `.env` file: its variables, the line of each, and warnings about the file.

    `values` and `lines` have the last line of each variable, `every` all of them, in their order. `path` is
    None if there is no file.
    """

    name: str = ".env"
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    lines: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    every: Mapping[str, tuple[DotEnvLine, ...]] = field(default_factory=dict)
    path: Path | None = None


def read_dotenv(path: Path) -> DotEnv:
    """Read a `.env` without changing the environment and without expanding `$`; no file, no variables.

    Lines that are not `NAME=value` are skipped with a warning. A pipe is read to its end. Raises ConfigError
    if it cannot be read.
    """
    text = read_text(path, path.name)
    if text is None:
        return DotEnv(path.name)
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(text)))
    sound = [binding for binding in bindings if not binding.error]
    warnings = [
        f"{path.name}:{_line(binding)}: is not understood and skipped; write NAME=value"
        for binding in bindings
        if binding.error
    ]
    lines = {binding.key: _line(binding) for binding in sound if binding.key}
    if any("KEY" in name.upper() for name in lines):
        warnings += _mode_warning(path)
    every = _every(sound)
    values = {name: given[-1].value for name, given in every.items()}
    return DotEnv(path.name, values, lines, tuple(warnings), every, path)


def _every(sound: list[Binding]) -> dict[str, tuple[DotEnvLine, ...]]:
    found: dict[str, list[DotEnvLine]] = {}
    for binding in sound:
        if binding.key and binding.value is not None:
            found.setdefault(binding.key, []).append(DotEnvLine(binding.value, _line(binding)))
    return {name: tuple(lines) for name, lines in found.items()}


def _line(binding: Binding) -> int:
    """The line where a binding begins; blank lines above it belong to its text."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _mode_warning(path: Path) -> list[str]:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [f"{path.name}: others on this machine can read your keys; fix it with: chmod 600 {path.name}"]
    return []


def read_text(path: Path, name: str) -> str | None:
    """Return the file as text, without a byte order mark; None if there is no file.

    A pipe, as password managers put in place of a file, is read to its end. Raises ConfigError if it cannot
    be read, is over 4 MB or is not UTF-8.
    """
    try:
        if path.is_fifo():
            raw = _piped(path, name)
        elif path.is_file():  # a folder named .env is a virtual environment, not ours
            with path.open("rb") as file:
                raw = file.read(_MAX_FILE + 1)
        else:
            return None
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


def _piped(path: Path, name: str) -> bytes:
    """What is written into a pipe, up to its end. Raises ConfigError if nobody writes for a while."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    raw = bytearray()
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while len(raw) <= _MAX_FILE:
            if not poll.poll(_PIPE_S * 1000):
                raise ConfigError(f"{name}: is a pipe that nobody writes to; start what fills it")
            piece = os.read(descriptor, 65_536)
            if not piece:
                break
            raw += piece
    finally:
        os.close(descriptor)
    return bytes(raw)
