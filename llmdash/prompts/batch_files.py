"""Batch envelopes: the requests that OpenAI's and Anthropic's batch services take, one a line.

OpenAI (https://platform.openai.com/docs/api-reference/batch/request-input):

    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
     "body": {"model": ..., "messages": [...]}}

with a URL that ends in `/chat/completions`, `/completions`, `/responses` or `/messages`, or without one;
Anthropic (https://docs.anthropic.com/en/api/creating-message-batches):

    {"custom_id": "a", "params": {"model": ..., "max_tokens": ..., "system": ..., "messages": [...]}}

`custom_id` becomes the prompt's id. The body is sent as it stands, but for how the answer is delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from llmdash.prompts.bodies import request_of, wire_of
from llmdash.prompts.lines import LineReader
from llmdash.prompts.records import (
    MAX_ID,
    Recipe,
    RecordError,
    carried_of,
    check_of,
    expected_of,
)
from llmdash.prompts.source import NO_FIELDS, NO_OPTIONS, Prompt
from llmdash.prompts.template import as_text, one_line

__all__ = ["envelope", "is_batch", "is_envelope"]

_LOOKED_AT = 100  # the first readable request must be within these lines
_PARTS = frozenset(("body", "params", "url"))
_READ = frozenset(("custom_id", "method", "url", "expected"))
_WIRES = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/responses": "responses",
    "/messages": "messages",
}


def is_batch(file: BinaryIO) -> bool:
    """True if `file` holds batch envelopes; its first readable JSON object decides."""
    for line in islice(LineReader(file), _LOOKED_AT):
        if line.data is None or not line.data.strip():
            continue
        try:
            found = msgspec.json.decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(found, dict):
            return "custom_id" in found and is_envelope(found)
    return False


def is_envelope(fields: Mapping[str, Any]) -> bool:
    """True for a record around a request body; one that has a prompt of its own is none."""
    if "custom_id" not in fields:
        return "url" in fields and isinstance(fields.get("body"), dict) and not _has_prompt(fields)
    if isinstance(fields.get("body"), dict) or isinstance(fields.get("params"), dict):
        return True
    return bool(fields.keys() & _PARTS) and not _has_prompt(fields)


def _has_prompt(fields: Mapping[str, Any]) -> bool:
    return fields.get("prompt") is not None or fields.get("messages") is not None


def envelope(fields: Mapping[str, Any], recipe: Recipe) -> Prompt:
    """Return the prompt of an envelope, which has its own id. Raises RecordError."""
    identity = _custom_id(fields.get("custom_id"))
    name = "params" if "params" in fields and "body" not in fields else "body"
    body = fields.get(name)
    if not isinstance(body, dict):
        raise RecordError(f"no `{name}` that is an object; a request needs one")
    wire = "messages" if name == "params" else _wire(fields, body, recipe)
    try:
        messages, options, whole = request_of(wire, body, recipe.system)
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from None
    read = _READ | {name} | ({"check"} if isinstance(fields.get("check"), str) else frozenset())
    carried = {one: value for one, value in fields.items() if one not in read or one in recipe.carry}
    return Prompt(
        identity,
        messages,
        expected_of(fields.get("expected")),
        options or NO_OPTIONS,
        whole,
        carried_of(carried, recipe) or NO_FIELDS,
        None if "check" in recipe.carry else check_of(fields.get("check")),
    )


def _custom_id(value: object) -> str:
    """The id unchanged, since answers are matched by it."""
    if value is None:
        raise RecordError("no `custom_id`; give each request its own")
    identity = as_text(value)
    if not identity.strip() or len(identity) > MAX_ID:
        raise RecordError(f"`custom_id` must be text of 1 to {MAX_ID:,} characters")
    return identity


def _wire(fields: Mapping[str, Any], body: Mapping[str, Any], recipe: Recipe) -> str:
    """The wire format of an OpenAI request, decided by its URL; by its body where there is none."""
    method, url = fields.get("method", "POST"), fields.get("url")
    if method != "POST":
        raise RecordError(f"method {one_line(str(method))!r} is not supported; it must be POST")
    if url is None:
        return wire_of(body, recipe.wires)
    path = url.partition("?")[0].rstrip("/") if isinstance(url, str) else ""
    for ending, wire in _WIRES.items():
        if path.endswith(ending):
            return wire
    known = ", ".join(f"/v1{ending}" for ending in _WIRES)
    raise RecordError(f"url {one_line(str(url))!r} is not supported; it must be one of {known}")
