"""Request bodies of the four wire formats: their input as messages, and a prompt made of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmdash.prompts.conversations import conversation, message_of
from llmdash.prompts.options import DELIVERY, OptionError, check_body, general_options
from llmdash.prompts.records import RecordError, with_system
from llmdash.prompts.request_fields import PUBLISHED
from llmdash.prompts.source import RequestBody, Said

__all__ = ["asked_in", "request_of", "wire_of"]

_CHAT_ONLY = PUBLISHED["chat"] - PUBLISHED["messages"]
_MESSAGES_ONLY = PUBLISHED["messages"] - PUBLISHED["chat"]
_CHAT_ROLES = frozenset(("system", "developer", "tool", "function"))
_SYSTEM_FIELD = {"responses": "instructions", "messages": "system"}

Request = tuple[tuple[Said, ...], dict[str, Any], RequestBody]
"""The messages and the options in general words, and the body itself."""


def wire_of(body: Mapping[str, Any], wires: frozenset[str] = frozenset()) -> str:
    """Return the wire format of a body by the names of its fields; `wires` decide where these do not."""
    if "messages" not in body:
        return "completions" if isinstance(body.get("prompt"), str | list) else "responses"
    turns = body["messages"] if isinstance(body["messages"], list) else ()
    if any(isinstance(turn, dict) and turn.get("role") in _CHAT_ROLES for turn in turns):
        return "chat"
    not_chat, not_messages = _CHAT_ONLY.isdisjoint(body), _MESSAGES_ONLY.isdisjoint(body)
    if not_chat is not not_messages:
        return "messages" if not_chat else "chat"
    return "messages" if "messages" in wires and "chat" not in wires else "chat"


def request_of(wire: str, body: Mapping[str, Any], system: str | None) -> Request:
    """Return what is asked by a body that goes out as it stands, but for how it is delivered.

    `system` goes above one that has no system text. Raises RecordError.
    """
    try:
        check_body(body)
        options = general_options(body)
    except OptionError as error:
        raise RecordError(str(error)) from None
    fields = dict(body)
    for name in DELIVERY:
        fields.pop(name, None)
    messages = asked_in(wire, body)
    under = with_system(messages, system)
    if under is not messages:
        fields = _with_system(wire, fields, under, system)
    return under, options, RequestBody(wire, fields)


def _with_system(
    wire: str, fields: dict[str, Any], messages: tuple[Said, ...], system: str | None
) -> dict[str, Any]:
    if (name := _SYSTEM_FIELD.get(wire)) is not None:
        return {**fields, name: system}
    if wire == "chat":
        return {**fields, "messages": [message_of(said) for said in messages]}
    return fields


def asked_in(wire: str, body: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return the input of a body as messages. Raises RecordError if nothing is asked."""
    if wire == "completions":
        return _completion(body.get("prompt"))
    if wire == "responses":
        return _under(body.get("instructions"), "instructions", _response(body))
    messages = conversation("messages", body.get("messages"))
    return _under(body.get("system"), "system", messages) if wire == "messages" else messages


def _completion(prompt: object) -> tuple[Said, ...]:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list):
        raise RecordError("several prompts, or one in tokens, are not supported; give `prompt` as one text")
    if not isinstance(prompt, str):
        raise RecordError("`prompt` must be text")
    return _text(prompt)


def _response(body: Mapping[str, Any]) -> tuple[Said, ...]:
    asked = body.get("input")
    if isinstance(asked, str):
        return _text(asked)
    if asked is None and isinstance(body.get("prompt"), dict):  # a prompt that the server keeps
        return (("user", ""),)
    return conversation("input", asked)


def _text(text: str) -> tuple[Said, ...]:
    if not text.strip():
        raise RecordError("the prompt is empty")
    return (("user", text),)


def _under(system: object, name: str, messages: tuple[Said, ...]) -> tuple[Said, ...]:
    """The messages under a system text, which may come in parts."""
    if system is None or system == "":
        return messages
    if isinstance(system, str):
        return (("system", system), *messages)
    if isinstance(system, list) and all(isinstance(part, dict) for part in system):
        if any("role" in part for part in system):  # instructions may be a list of messages
            return (*conversation(name, system), *messages)
        return ({"role": "system", "content": system}, *messages)
    raise RecordError(f"`{name}` must be text or a list of parts")
