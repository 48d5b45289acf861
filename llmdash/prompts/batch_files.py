"""Batch files: the requests that OpenAI's and Anthropic's batch services take, one a line.

OpenAI (https://platform.openai.com/docs/api-reference/batch/request-input):

    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
     "body": {"model": ..., "messages": [...]}}

with one of the URLs `/v1/chat/completions`, `/v1/completions` and `/v1/responses`, with or without `/v1`;
Anthropic (https://docs.anthropic.com/en/api/creating-message-batches):

    {"custom_id": "a", "params": {"model": ..., "max_tokens": ..., "system": ..., "messages": [...]}}

`custom_id` becomes the prompt's id, messages or input its messages, everything else in the body its options.
A request for more than text (tools, images, several answers) is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from llmdash.prompts.formats import JsonLines
from llmdash.prompts.lines import LineReader
from llmdash.prompts.options import OptionError, read_options
from llmdash.prompts.records import MAX_ID, Recipe, RecordError
from llmdash.prompts.source import Prompt
from llmdash.prompts.template import one_line

__all__ = ["BatchLines", "BatchRecipe", "is_batch"]

Messages = tuple[tuple[str, str], ...]

_LOOKED_AT = 100  # the first readable request must be within these lines
_ROLES = ("system", "developer", "user", "assistant")
_TEXT_PARTS = ("text", "input_text", "output_text")
_MESSAGE_KEYS = frozenset(("role", "content", "type", "id", "status"))


def is_batch(path: Path) -> bool:
    """True if the file at `path` is a batch file; its first readable JSON object decides."""
    with path.open("rb") as file:
        for line in islice(LineReader(file), _LOOKED_AT):
            if line.data is None or not line.data.strip():
                continue
            try:
                found = msgspec.json.decode(line.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if isinstance(found, dict):
                return "custom_id" in found and ("body" in found or "params" in found)
    return False


class BatchLines(JsonLines):
    """One request a line; empty lines are skipped."""

    label = "batch"


@dataclass(frozen=True, slots=True)
class BatchRecipe(Recipe):
    """How a request becomes a prompt; one file may hold requests of both services."""

    def build(self, fields: Mapping[str, Any], default_id: str) -> Prompt:
        """Return the prompt of a request, which has its own id. Raises RecordError."""
        identity = _custom_id(fields.get("custom_id"))
        name = "params" if "params" in fields and "body" not in fields else "body"
        read, handled = _ANTHROPIC if name == "params" else _shape(fields)
        body = fields.get(name)
        if not isinstance(body, dict):
            raise RecordError(f"no `{name}` that is an object; a request needs one")
        try:
            messages = read(body)
            if not any(text.strip() for _role, text in messages):
                raise RecordError("the prompt is empty: no message says anything")
            options = read_options(body, handled)
        except (RecordError, OptionError) as error:
            raise RecordError(f"{name}: {error}") from None
        return Prompt(identity, messages, None, options)


def _custom_id(value: object) -> str:
    """The id unchanged, since answers are matched by it."""
    if value is None:
        raise RecordError("no `custom_id`; give each request its own")
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_ID:
        raise RecordError(f"`custom_id` must be text of 1 to {MAX_ID} characters")
    return value


def _chat(body: Mapping[str, Any]) -> Messages:
    return _messages("messages", body.get("messages"))


def _completion(body: Mapping[str, Any]) -> Messages:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list):
        raise RecordError("several prompts, or one in tokens, are not supported; give `prompt` as one text")
    if not isinstance(prompt, str):
        raise RecordError("`prompt` must be text")
    return (("user", prompt),)


def _response(body: Mapping[str, Any]) -> Messages:
    asked = body.get("input")
    messages = (("user", asked),) if isinstance(asked, str) else _messages("input", asked)
    instructions = body.get("instructions")
    return (
        messages if instructions is None else (("system", _text(instructions, "`instructions`")), *messages)
    )


def _anthropic(params: Mapping[str, Any]) -> Messages:
    messages = _messages("messages", params.get("messages"))
    system = params.get("system")
    return messages if system is None else (("system", _text(system, "`system`")), *messages)


_Shape = tuple[Callable[[Mapping[str, Any]], Messages], frozenset[str]]

_SHAPES: dict[str, _Shape] = {
    "/v1/chat/completions": (_chat, frozenset(("messages",))),
    "/v1/completions": (_completion, frozenset(("prompt",))),
    "/v1/responses": (_response, frozenset(("input", "instructions"))),
}
_BY_URL = _SHAPES | {url.removeprefix("/v1"): shape for url, shape in _SHAPES.items()}
_ANTHROPIC: _Shape = (_anthropic, frozenset(("messages", "system")))


def _shape(fields: Mapping[str, Any]) -> _Shape:
    """How the body of an OpenAI request is read, decided by its URL."""
    method, url = fields.get("method", "POST"), fields.get("url")
    if method != "POST":
        raise RecordError(f"method {one_line(str(method))!r} is not supported; it must be POST")
    if url is None:
        raise RecordError(f"no `url`; it must be one of {', '.join(_SHAPES)}")
    shape = _BY_URL.get(url) if isinstance(url, str) else None
    if shape is None:
        raise RecordError(
            f"url {one_line(str(url))!r} is not supported; it must be one of {', '.join(_SHAPES)}"
        )
    return shape


def _messages(name: str, value: object) -> Messages:
    if not isinstance(value, list) or not value:
        raise RecordError(f"`{name}` must be a list of at least one message")
    return tuple(_message(entry, number) for number, entry in enumerate(value, start=1))


def _message(entry: object, number: int) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise RecordError(f"message {number} must be an object with `role` and `content`")
    kind = entry.get("type", "message")
    if kind != "message":
        raise RecordError(
            f"message {number}: type {one_line(str(kind))!r} is not supported; only messages are"
        )
    if not entry.keys() <= _MESSAGE_KEYS:
        _refuse_more(entry, number)
    role = entry.get("role")
    if role not in _ROLES:
        raise RecordError(f"message {number}: role must be one of {', '.join(_ROLES)}")
    return role, _text(entry.get("content"), f"message {number}")


def _refuse_more(entry: Mapping[str, Any], number: int) -> None:
    """Raises RecordError if a message has more than role and content; empty fields are ignored."""
    for key, value in entry.items():
        if value and key not in _MESSAGE_KEYS:
            raise RecordError(f"message {number}: `{one_line(key)}` is not supported; remove it")


def _text(content: object, place: str) -> str:
    """Text given as it is, or as a list of parts of text, which are joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RecordError(f"{place}: the content must be text")
    return "".join(_part(part, place) for part in content)


def _part(part: object, place: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in _TEXT_PARTS:
        shown = one_line(str(kind))
        raise RecordError(f"{place}: a part of type {shown!r} is not supported; only text can be sent")
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise RecordError(f"{place}: a part of type {kind!r} needs `text`")
    return text
