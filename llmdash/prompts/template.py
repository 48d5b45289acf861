"""Prompt templates: `{{field}}` and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import InputError

__all__ = ["Template", "as_text", "name_list", "one_line"]

_FIELD = re.compile(r"\{\{([^{}]*)\}\}")


def as_text(value: object) -> str:
    """Return a field's value as in a prompt: text as it is, nothing for null, JSON for the rest."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def one_line(text: str, most: int = 40) -> str:
    """Return text of a file, safe for a message: at most `most` characters, no control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:most])


def name_list(names: Iterable[str]) -> str:
    """Return names of a file as one short line: at most a dozen of them."""
    found = list(names)
    shown = [one_line(name) for name in found[:12]]
    if len(found) > len(shown):
        shown.append("...")
    return ", ".join(shown) or "none"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{{field}}` in it. Spaces inside the braces are ignored.

    A field is a name to look up, never an expression. Values are inserted once: braces inside a value stay as
    they are. Single braces, and double ones that hold no name, are plain text. `origin` names the template
    in messages.
    """

    text: str
    origin: str = "the template"

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, each once, in order."""
        names = (match[1].strip() for match in _FIELD.finditer(self.text))
        return tuple(dict.fromkeys(name for name in names if name))

    def check(self, known: Iterable[str]) -> None:
        """Raise InputError if a field of the template is not among `known`."""
        names = tuple(known)
        for field in self.fields:
            if field not in names:
                raise self._unknown(field, names)

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the text with every field replaced. Raises InputError for a field that `values` lacks."""

        def replace(match: re.Match[str]) -> str:
            field = match[1].strip()
            if not field:
                return match[0]
            if field not in values:
                raise self._unknown(field, tuple(values))
            return as_text(values[field])

        return _FIELD.sub(replace, self.text)

    def _unknown(self, field: str, known: tuple[str, ...]) -> InputError:
        return InputError(f"no field {field[:80]!r} for {self.origin}; fields here: {name_list(known)}")
