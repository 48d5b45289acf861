"""Paths as a terminal pastes them, when a file is dropped on it or copied in a file manager."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["is_a_file", "is_there", "pasted_paths"]

_URI = "file://"
_BEGINNINGS = ("/", "~", "./", "../", _URI)


def is_a_file(text: str) -> bool:
    """True if there is a file of exactly this name; `~` is the home folder."""
    return _holds(text, Path.is_file)


def is_there(text: str) -> bool:
    """True if there is a file or a folder of exactly this name; `~` is the home folder."""
    return _holds(text, Path.exists)


def _holds(text: str, asked: Callable[[Path], bool]) -> bool:
    try:
        return asked(Path(text).expanduser())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, a user who is not there
        return False


def pasted_paths(text: str, is_file: Callable[[str], bool] = is_a_file) -> list[str]:
    r"""Return the paths in a pasted text: one a line, or several parted by blanks, in quotes, with `\` before
    blanks, or as `file://` URIs. What is the name of a file as it stands is left as it stands.

    >>> pasted_paths("'/a b/c.jsonl'\n")
    ['/a b/c.jsonl']
    >>> pasted_paths(r"/a\ b/c.jsonl file:///d%20e")
    ['/a b/c.jsonl', '/d e']
    """
    return [path for line in text.splitlines() if line.strip() for path in _in_line(line.strip(), is_file)]


def _in_line(line: str, is_file: Callable[[str], bool]) -> Iterator[str]:
    if is_file(line):
        yield line
        return
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is part of a name
        words = [line]
    if not _are_paths(words, line):
        words = [line]
    yield from map(_from_uri, words)


def _are_paths(words: list[str], line: str) -> bool:
    """False for a name with plain blanks in it: its other words begin like no path."""
    return (
        len(words) < 2
        or "\\" in line
        or all(word.startswith(("/", "~", "./", "../", _URI)) for word in words)
    )


def _from_uri(word: str) -> str:
    try:
        return unquote(urlsplit(word).path) if word.startswith(_URI) else word
    except ValueError:  # brackets that are no address
        return word
