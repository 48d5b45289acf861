"""Makes a prompt from the fields of one record (a JSON object, a row of a table)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmdash.prompts.options import OptionError, read_options
from llmdash.prompts.source import NO_OPTIONS, InputError, Prompt
from llmdash.prompts.template import Template, as_text, name_list

__all__ = ["MAX_ID", "Recipe", "RecordError"]

MAX_ID = 200
"""The maximum length of an id, in characters."""

_ROLES = ("system", "developer", "user", "assistant", "tool")


class RecordError(Exception):
    """A record that cannot become a prompt; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How fields become a prompt.

    With a template, its text is the prompt. Without one, `messages` (a list of objects with `role` and
    `content`) or `prompt` (text) is; `messages` is preferred. `id` and `expected` may be text or numbers.
    `system` is the first message of every conversation that has no system message of its own. Without a
    template, `options` may be an object with model options for this prompt alone (see `read_options`);
    anything else of that name, and with a template anything at all, is an ordinary field.
    """

    template: Template | None = None
    system: str | None = None

    def build(self, fields: Mapping[str, Any], default_id: str) -> Prompt:
        """Return the prompt of a record. Raises RecordError with the reason if there is none."""
        messages = self._messages(fields)
        if self.system is not None and messages[0][0] not in ("system", "developer"):
            messages = (("system", self.system), *messages)
        options = NO_OPTIONS if self.template is not None else _options(fields.get("options"))
        return Prompt(_id(fields.get("id"), default_id), messages, _expected(fields.get("expected")), options)

    def _messages(self, fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        if self.template is not None:
            try:
                text = self.template.render(fields)
            except InputError as error:
                raise RecordError(str(error)) from None
        elif "messages" in fields:
            return _conversation(fields["messages"])
        elif "prompt" in fields:
            text = fields["prompt"]
        else:
            found = name_list(fields)
            raise RecordError(f"no `prompt` and no `messages` (found: {found}); add one, or use a template")
        if not isinstance(text, str):
            raise RecordError(f"`prompt` must be text, not {as_text(text)[:40]}")
        if not text.strip():
            raise RecordError("the prompt is empty")
        return (("user", text),)


def _conversation(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not value:
        raise RecordError("`messages` must be a list of at least one message")
    messages = tuple(_message(entry, number) for number, entry in enumerate(value, start=1))
    if not any(text.strip() for _role, text in messages):
        raise RecordError("the prompt is empty: no message says anything")
    return messages


def _message(entry: object, number: int) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise RecordError(f"message {number} must be an object with `role` and `content`")
    role = entry.get("role")
    if role not in _ROLES:
        raise RecordError(f"message {number}: role must be one of {', '.join(_ROLES)}")
    content = entry.get("content")
    if isinstance(content, list):
        content = "".join(_part(part, number) for part in content)
    if not isinstance(content, str):
        raise RecordError(f"message {number}: `content` must be text")
    return role, content


def _part(part: object, number: int) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else None
    if not isinstance(text, str):
        raise RecordError(f"message {number}: only text can be sent, and a part of it is something else")
    return text


def _options(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        return NO_OPTIONS
    try:
        return read_options(value)
    except OptionError as error:
        raise RecordError(f"`options`: {error}") from None


def _id(value: object, default: str) -> str:
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RecordError("`id` must be text or a whole number")
    text = str(value).strip()
    if not text or len(text) > MAX_ID:
        raise RecordError(f"`id` must have 1 to {MAX_ID} characters")
    return text


def _expected(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float):
        return as_text(value)
    raise RecordError("`expected` must be text or a number")
