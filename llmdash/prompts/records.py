"""What every kind of record shares: the recipe, the errors, ids and expected answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.checks import CheckError, parse_check
from llmdash.prompts.request_fields import TEXT_FIELDS
from llmdash.prompts.source import Said
from llmdash.prompts.template import Template, as_text

__all__ = [
    "EXPECTED",
    "KEPT_NAMES",
    "MAX_ID",
    "Recipe",
    "RecordError",
    "carried_of",
    "check_of",
    "expected_of",
    "id_of",
    "parsed",
    "role_of",
    "value_of",
    "with_system",
]

MAX_ID = 65_536
"""The maximum length of an id, in characters; ids of every record are in memory."""

EXPECTED = "expected"
"""The field with the expected answer, where no other one is named."""
KEPT_NAMES = frozenset(("id", EXPECTED))
"""Fields that every record may have, whatever it is: they are read, and never sent."""

_SYSTEM_ROLES = ("system", "developer")


class RecordError(Exception):
    """A record that cannot become a prompt; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the fields of a record become a prompt.

    With a `template` its text is the prompt; with a `prompt_column` the field of that name is. The expected
    answer is in `expected_column`, where that is named, else in `expected`. `system` is the first message of
    every conversation without one of its own. The fields in `send` are sent, those in `carry` go into the
    results, whatever would happen to them otherwise; without `carries` no others do. `wires` are the wire
    formats of the endpoints: their published fields are sent. With `from_text` every field is text, as in a
    table.
    """

    template: Template | None = None
    system: str | None = None
    prompt_column: str | None = None
    send: frozenset[str] = frozenset()
    carry: frozenset[str] = frozenset()
    carries: bool = True
    wires: frozenset[str] = frozenset()
    from_text: bool = False
    expected_column: str | None = None
    asks_nothing: bool = field(init=False, default=False)
    """True if the recipe changes nothing about a row: what it is decides what becomes of it."""
    inserted: frozenset[str] = field(init=False, default=frozenset())
    """The fields that the template inserts: these are data, whatever their names."""

    def __post_init__(self) -> None:
        # Worked out once: every row asks.
        named = self.is_data or self.expected_column is not None
        changes = named or self.system or self.send or self.carry or not self.carries
        object.__setattr__(self, "asks_nothing", not changes)
        if self.template is not None:
            object.__setattr__(self, "inserted", frozenset(self.template.fields))

    @property
    def is_data(self) -> bool:
        """True if every record is a data row, since the recipe says where its prompt is."""
        return self.template is not None or self.prompt_column is not None


def id_of(value: object, default: str) -> str:
    """Return the id of a record: text as it is, anything else as JSON. Raises RecordError."""
    if value is None:
        return default
    text = (value if isinstance(value, str) else as_text(value)).strip()
    if len(text) > MAX_ID:
        raise RecordError(f"`id` has {len(text):,} characters; at most {MAX_ID:,} are taken")
    return text or default


def expected_of(value: object) -> str | None:
    """Return the expected answer as text, lists and objects as compact JSON; None if there is none."""
    return None if value is None or value == "" else as_text(value)


def check_of(value: object) -> str | None:
    """Return how a record wants its answer compared; None if it does not say. Raises RecordError."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return parse_check(value)
    except CheckError as error:
        raise RecordError(f"`check`: {error}; a field of other things is kept with --carry check") from None


def parsed(value: object) -> Any:
    """Return the value of JSON text; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def value_of(name: str, value: object, recipe: Recipe) -> Any:
    """Return the value of a request field; a cell of a table holds it as JSON, or as plain text."""
    return parsed(value) if recipe.from_text and name not in TEXT_FIELDS else value


def role_of(said: Said) -> str:
    """Return the role of a message; empty where it has none."""
    return said[0] if isinstance(said, tuple) else str(said.get("role") or "")


def with_system(messages: tuple[Said, ...], system: str | None) -> tuple[Said, ...]:
    """Return the conversation under `system`, unless it has a system message of its own."""
    if not system or any(role_of(said) in _SYSTEM_ROLES for said in messages):
        return messages
    return (("system", system), *messages)


def carried_of(found: Mapping[str, Any], recipe: Recipe) -> Mapping[str, Any]:
    """Return the fields to carry: all those found, or with `--carry none` only those asked for."""
    return found if recipe.carries else {name: found[name] for name in found if name in recipe.carry}
