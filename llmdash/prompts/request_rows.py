"""Request rows: a record that is a request body, among fields of other kinds.

The published fields of the wire format are sent as they are, all others are carried. `metadata` is sent only
where all its values are text, as the servers want it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from llmdash.prompts.bodies import request_of, wire_of
from llmdash.prompts.data_rows import options_of
from llmdash.prompts.options import DELIVERY
from llmdash.prompts.records import (
    KEPT_NAMES,
    Recipe,
    RecordError,
    carried_of,
    check_of,
    expected_of,
    id_of,
    parsed,
    value_of,
)
from llmdash.prompts.request_fields import PUBLISHED
from llmdash.prompts.source import NO_FIELDS, NO_OPTIONS, Prompt

__all__ = ["is_request_row", "request_row"]

_INPUTS = ("messages", "input")
_RESPONSES_ONLY = PUBLISHED["responses"] - PUBLISHED["chat"] - {"input", "prompt", "text", "image", "include"}
_GENERAL = frozenset(
    ("stop", "stop_sequences", "max_tokens", "max_completion_tokens", "max_output_tokens", "system")
)
"""Fields that every dialect is sent, in its own words."""


def is_request_row(fields: Mapping[str, Any]) -> bool:
    """True for a record with `messages`, or with `input` and a field that only a request has; without
    `prompt`.
    """
    if fields.get("prompt") is not None:
        return False
    if fields.get("messages") is not None:
        return True
    if fields.get("input") is None or isinstance(fields.get("instruction"), str):
        return False
    return isinstance(fields.get("model"), str) or bool(fields.keys() & _RESPONSES_ONLY)


def request_row(fields: Mapping[str, Any], default_id: str, recipe: Recipe) -> Prompt:
    """Return the prompt of a request row. Raises RecordError."""
    if recipe.from_text:
        fields = {name: parsed(value) if name in _INPUTS else value for name, value in fields.items()}
    wire = wire_of(fields, recipe.wires)
    body, options, carried = _sorted(fields, wire, recipe)
    system = recipe.system
    if wire != "messages" and "system" in body:
        system = _system_text(body.pop("system")) or system
    messages, general, whole = request_of(wire, {**options, **body}, system)
    return Prompt(
        id_of(fields.get("id"), default_id),
        messages,
        expected_of(fields.get("expected")),
        general or NO_OPTIONS,
        whole,
        carried_of(carried, recipe) or NO_FIELDS,
        None if "check" in recipe.carry else check_of(fields.get("check")),
    )


@cache
def _published(wire: str, wires: frozenset[str]) -> frozenset[str]:
    """The fields that are sent: those of the format the row is in, or of the formats it goes out in."""
    if not wires or wire in wires:
        return PUBLISHED[wire] | {"system"}
    return _GENERAL.union(_INPUTS, *(PUBLISHED[one] for one in wires))


@cache
def _as_they_are(wire: str, wires: frozenset[str], carry: frozenset[str]) -> frozenset[str]:
    """The fields that are sent whatever their value is."""
    return (_published(wire, wires) - carry - DELIVERY - {"metadata"}) | set(_INPUTS)


def _sorted(
    fields: Mapping[str, Any], wire: str, recipe: Recipe
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The fields that are sent, the options among the others, and those to carry."""
    body: dict[str, Any] = {}
    options: dict[str, Any] = {}
    carried: dict[str, Any] = {}
    sent = _as_they_are(wire, recipe.wires, recipe.carry)
    for name, value in fields.items():
        if name in recipe.carry:
            carried[name] = value
        if name in sent or name in recipe.send:
            if value != "" or not recipe.from_text:  # an empty cell says nothing
                body[name] = value_of(name, value, recipe)
        elif name == "metadata" and (sendable := _metadata(value, wire, recipe)) is not None:
            body[name] = sendable
        elif (own := options_of(name, value, recipe)) is not None and name not in recipe.carry:
            options.update(own)
        elif not _is_read(name, value):
            carried[name] = value
    return body, options, carried


def _is_read(name: str, value: object) -> bool:
    return name in KEPT_NAMES or name in DELIVERY or (name == "check" and isinstance(value, str))


def _system_text(system: object) -> str | None:
    """The text above a conversation, which may come in parts."""
    parts = system if isinstance(system, list) else [system or ""]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise RecordError("`system` must be text or a list of parts of text")
    return "".join(map(str, texts)) or None


def _metadata(value: object, wire: str, recipe: Recipe) -> Mapping[str, Any] | None:
    """The metadata of a row if it can be sent: servers take texts only."""
    found = parsed(value) if recipe.from_text else value
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        return None
    name = "metadata"
    return found if name in _published(wire, recipe.wires) and name not in recipe.carry else None
