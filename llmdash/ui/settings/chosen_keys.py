"""The keys that the user gives to actions, from `keys.toml`:

    [keys]
    pause = "space"
    filter = ["slash", "ctrl+f"]

The names of the actions are those of `llmdash manual keyboard`. What is wrong is left out and said, with its
line.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from llmdash.lean_dataclass import dataclass
from llmdash.ui.settings.toml_lines import key_lines

__all__ = ["ChosenKeys", "KeyProblem", "key_name", "read_keys"]

_TABLE: Final = "keys"
_MODIFIERS: Final = ("ctrl", "alt", "shift")
_OTHER_NAMES: Final = {"esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown"}
_PLAIN_KEYS: Final = frozenset(key.value for key in Keys if "+" not in key.value and "<" not in key.value)
_NAMED: Final = _PLAIN_KEYS.union(KEY_NAME_REPLACEMENTS.values())
_ENDS: Final = "ctrl+c"
"""Ends the program, whatever the keys are."""


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """What is wrong in a file of keys."""

    path: Path
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words}"


@dataclass(frozen=True, slots=True)
class ChosenKeys:
    """The keys of each action by its id, as Textual names them, and the line where they are given."""

    path: Path
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def keymap(self) -> dict[str, str]:
        """As `App.set_keymap` takes them."""
        return {action: ",".join(keys) for action, keys in self.keys.items()}


def read_keys(path: Path, known: Collection[str]) -> tuple[ChosenKeys, list[KeyProblem]]:
    """Read a file of keys. Return those of `known` actions, and what is wrong with the others.

    A file that is not there chooses nothing.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        return ChosenKeys(path), []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return ChosenKeys(path), [KeyProblem(path, 1, f"no key is changed: {reason}")]
    lines = dict(key_lines(text))
    table = values.get(_TABLE, {})
    problems = [
        KeyProblem(path, lines.get(name, 1), f"{name} is not known; write [keys] above the keys")
        for name in values
        if name != _TABLE
    ]
    if not isinstance(table, dict):
        return ChosenKeys(path), [*problems, KeyProblem(path, lines.get(_TABLE, 1), "keys must be a table")]
    found: dict[str, tuple[str, ...]] = {}
    places = {action: lines.get(f"{_TABLE}.{action}", 1) for action in table}
    for action, value in table.items():
        try:
            _check_action(action, known)
            found[action] = tuple(dict.fromkeys(_keys_in(value)))
        except ValueError as error:
            problems.append(KeyProblem(path, places[action], f"{action}: {error}"))
    return ChosenKeys(path, found, places), problems


def _check_action(action: str, known: Collection[str]) -> None:
    if action not in known:
        near = difflib.get_close_matches(action, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "llmdash manual keyboard lists them"
        raise ValueError(f"is not an action; {hint}")


def _keys_in(value: Any) -> Iterator[str]:
    given: Sequence[Any] = value if isinstance(value, list) else [value]
    if not given:
        raise ValueError('has no key; write one such as "p"')
    for each in given:
        if not isinstance(each, str):
            raise ValueError(f'{each!r} is not a key; write it in quotes, such as "p"')
        yield key_name(each)


def key_name(text: str) -> str:
    """Return Textual's name of a key that is written as a sign or a name, with or without modifiers. Raises
    ValueError for what is no key.

    >>> [key_name(text) for text in ("p", "?", "ctrl+P", "shift+a", "esc", "PageUp")]
    ['p', 'question_mark', 'ctrl+p', 'A', 'escape', 'pageup']
    """
    *modifiers, last = text.removesuffix("+").split("+") if text.endswith("+") else text.split("+")
    if text.endswith("+"):
        modifiers, last = ([*modifiers, last] if last else modifiers), "+"
    wanted = [modifier.strip().lower() for modifier in modifiers]
    if set(wanted) - set(_MODIFIERS):
        raise ValueError(f"{text!r} is not a key; modifiers are {', '.join(_MODIFIERS)}")
    name = _plain_name(last, text)
    if len(name) == 1 and name.isalpha() and wanted:
        name = name.lower()
        if wanted == ["shift"]:
            return name.upper()
    whole = "+".join([*(each for each in _MODIFIERS if each in wanted), name])
    if whole == _ENDS:
        raise ValueError("ctrl+c always leaves; choose another key")
    return whole


def _plain_name(last: str, text: str) -> str:
    from textual.keys import _character_to_key

    if len(last) == 1 and last.isprintable():
        return "space" if last == " " else _character_to_key(last)
    name = last.strip().lower()
    name = _OTHER_NAMES.get(name, name)
    if name in _NAMED or (len(name) > 1 and key_to_character(name)):
        return name
    raise ValueError(f"{text!r} is not a key; write a sign, or a name such as enter, f5 or ctrl+f")
