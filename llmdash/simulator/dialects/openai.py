"""What OpenAI's dialects share: keys, errors, rate limit headers, messages (its published API reference)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Tool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import encode
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.limits import LimitsLeft

__all__ = [
    "DONE",
    "Limit",
    "OpenAIConventions",
    "OpenMessage",
    "StreamOptions",
    "bearer",
    "callable_tools",
    "code_of",
    "duration",
    "model",
    "schema_of",
    "tool_of",
]

DONE = b"data: [DONE]\n\n"
Limit = Annotated[int, msgspec.Meta(ge=1)] | None

_KINDS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("invalid_request_error", "billing_not_active"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", "unknown_url"),
    409: ("invalid_request_error", None),
    413: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
}
_FAILURE = ("server_error", None)

# The headers of each part of a LimitsLeft, in its order.
_HINTS = (
    (b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"),
    (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"),
)


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class OpenMessage(msgspec.Struct):
    """A message of a conversation; a part that is not text counts as empty."""

    role: str = "tool"
    content: str | list[_Part] | None = None

    def flat(self) -> str:
        """Return the text of its parts, joined."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""

    @property
    def parts(self) -> int:
        """The number of its parts that are no text."""
        return sum(not part.text for part in self.content) if isinstance(self.content, list) else 0


class StreamOptions(msgspec.Struct):
    """The `stream_options` of a request."""

    include_usage: bool = False


def callable_tools(tools: Sequence[Tool], choice: Any, held: bool, just_held: bool) -> tuple[Tool, ...]:
    """Return the tools of which one is to be called now; none if text is to be answered.

    `choice` is the request's `tool_choice`; `held` is True if the conversation has the result of a call,
    `just_held` if it ends with one. A model that is not forced calls no tool once it has a result.
    """
    name = choice_name(choice)
    forced = name is not None or choice in ("required", "any")
    if choice == "none" or just_held or (held and not forced):
        return ()
    return tuple([tool for tool in tools if name is None or tool.name == name])


def choice_name(choice: Any) -> str | None:
    """Return the name of the tool that a `tool_choice` asks for; None if it leaves the choice."""
    if not isinstance(choice, dict):
        return None
    inside = choice.get("function", choice)
    name = inside.get("name") if isinstance(inside, dict) else None
    return name if isinstance(name, str) else None


def tool_of(described: dict[str, Any], name: str = "parameters") -> Tool | None:
    """Return a tool; None if it is one of the provider's own. `name` is the field of its schema."""
    schema = described.get(name)
    if not isinstance(described.get("name"), str):
        return None
    return Tool(described["name"], schema if isinstance(schema, dict) else {"type": "object"})


def schema_of(form: dict[str, Any] | None, inside: str | None = None) -> dict[str, Any] | None:
    """Return the schema that an answer has to fit, from `response_format` or its like.

    It is None for text, and empty where any JSON object will do. `inside` names the field that holds it.
    """
    kind = form.get("type") if form else None
    if form is None or kind not in ("json_object", "json_schema"):
        return None
    holder = form.get(inside, {}) if inside is not None else form
    schema = holder.get("schema") if isinstance(holder, dict) else None
    return schema if kind == "json_schema" and isinstance(schema, dict) else {}


def bearer(headers: Headers) -> str:
    """Return the key in an Authorization header; empty if there is none."""
    for name, value in headers:
        if name == b"authorization":
            return value[7:].decode("latin-1").strip() if value[:7].lower() == b"bearer " else ""
    return ""


def code_of(error: ServedError) -> str | None:
    """Return the code of an error; None if it has none."""
    return error.code or _KINDS.get(error.status, _FAILURE)[1]


def duration(seconds: float) -> str:
    """Return a time as OpenAI writes it in `x-ratelimit-reset-*`: `12ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, rest = divmod(milliseconds, 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{whole + rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown


def model(name: str) -> dict[str, Any]:
    """Return one entry of the model list."""
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "llmdash"}


class OpenAIConventions:
    """Keys in `Authorization: Bearer`, errors as `{"error": {"message", "type", "param", "code"}}`."""

    identity_header = b"x-request-id"

    def key(self, headers: Headers) -> str:
        return bearer(headers)

    def unknown_key(self, key: str) -> ServedError:
        if not key:
            return ServedError(
                401, "You didn't provide an API key. Send it in an Authorization header: 'Bearer YOUR_KEY'."
            )
        shown = f"{key[:3]}***{key[-2:] if len(key) > 8 else ''}"
        return ServedError(401, f"Incorrect API key provided: {shown}.")

    def failure(self, overloaded: bool) -> ServedError:
        return ServedError(500, "The server had an error while processing your request. Sorry about that!")

    def error(self, error: ServedError, identity: str) -> bytes:
        kind, _ = _KINDS.get(error.status, _FAILURE)
        if isinstance(error, Throttled):
            kind = error.limit
        body = {"message": str(error), "type": kind, "param": error.param, "code": code_of(error)}
        return encode({"error": body})

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        headers: Headers = []
        for level, (limit, remaining, reset) in zip(limits_left, _HINTS, strict=True):
            if level is not None:
                headers += [
                    (limit, b"%d" % level.limit),
                    (remaining, b"%d" % level.remaining),
                    (reset, duration(level.reset_s).encode()),
                ]
        return headers

    def rest(self, seconds: float) -> Headers:
        return [
            (b"retry-after", b"%d" % math.ceil(seconds)),
            (b"retry-after-ms", b"%d" % round(seconds * 1000)),
        ]
