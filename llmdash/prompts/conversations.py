"""Conversations in a record: messages as they are sent, and the shapes that data sets keep them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmdash.prompts.records import RecordError, parsed
from llmdash.prompts.source import Said
from llmdash.prompts.template import as_text, one_line

__all__ = ["conversation", "message_of", "share_gpt", "text_or_conversation"]

Conversation = tuple[Said, ...]

_SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
}


def text_or_conversation(name: str, value: object) -> Conversation:
    """Return a prompt that is text, or a list of messages. Raises RecordError for anything else."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return conversation(name, value)
    if not isinstance(value, str):
        raise RecordError(f"`{one_line(name)}` must be text, not {one_line(as_text(value))}")
    if not value.strip():
        raise RecordError("the prompt is empty")
    return (("user", value),)


def conversation(name: str, value: object) -> Conversation:
    """Return the messages in a list, or in the JSON text of one; each as it stands.

    A message of role and text alone is a pair. Raises RecordError.
    """
    found = parsed(value)
    if not isinstance(found, list) or not found:
        raise RecordError(f"`{one_line(name)}` must be a list of at least one message")
    messages = tuple(_message(entry, number) for number, entry in enumerate(found, start=1))
    if all(isinstance(said, tuple) and not said[1].strip() for said in messages):
        raise RecordError("the prompt is empty: no message says anything")
    return messages


def _message(entry: object, number: int) -> Said:
    if not isinstance(entry, dict):
        raise RecordError(f"message {number} must be an object with `role` and `content`")
    role, content = entry.get("role"), entry.get("content")
    if role is None and isinstance(entry.get("type"), str):  # an item of the Responses API
        return entry
    if not isinstance(role, str) or not role.strip():
        raise RecordError(f"message {number}: no `role` that is text, such as user")
    if isinstance(content, str):
        return (role, content) if len(entry) == 2 else entry
    if isinstance(content, list) and not all(isinstance(part, dict | str) for part in content):
        raise RecordError(f"message {number}: the parts of `content` must be objects")
    if isinstance(content, list | dict) or (content is None and len(entry) > 1 + ("content" in entry)):
        return entry
    raise RecordError(f"message {number}: `content` must be text or a list of parts")


def share_gpt(value: object) -> tuple[Conversation, list[Any]]:
    """Return the messages of a list of `{"from", "value"}`, and the turns that are not asked.

    The answer at the end is what the data set got from another model: it is no part of the question.
    """
    turns = parsed(value)
    if not isinstance(turns, list) or not turns:
        raise RecordError("`conversations` must be a list of at least one turn")
    if isinstance(turns[0], dict) and "role" in turns[0]:
        messages = list(conversation("conversations", turns))
    else:
        messages = [_turn(turn, number) for number, turn in enumerate(turns, start=1)]
    asked = len(messages)
    while asked and _is_answer(messages[asked - 1]):
        asked -= 1
    if not any(not _is_system(said) for said in messages[:asked]):
        raise RecordError("`conversations` asks nothing: no turn of a human is in it")
    return tuple(messages[:asked]), turns[asked:]


def _turn(turn: object, number: int) -> Said:
    speaker = turn.get("from") if isinstance(turn, dict) else None
    text = turn.get("value") if isinstance(turn, dict) else None
    role = _SPEAKERS.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        shown = one_line(as_text(speaker)) if speaker is not None else "nobody"
        raise RecordError(f"turn {number} of `conversations` is from {shown}, which no message can be")
    if not isinstance(text, str):
        raise RecordError(f"turn {number} of `conversations`: `value` must be text")
    return (role, text)


def _is_answer(said: Said) -> bool:
    return (said[0] if isinstance(said, tuple) else said.get("role")) == "assistant"


def _is_system(said: Said) -> bool:
    return (said[0] if isinstance(said, tuple) else said.get("role")) in ("system", "developer")


def message_of(said: Said) -> Mapping[str, Any]:
    """Return a message as the object that is sent."""
    return {"role": said[0], "content": said[1]} if isinstance(said, tuple) else said
