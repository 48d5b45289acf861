"""What goes into a call and what comes out: messages, deltas, usage, results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec

from llmdash.llms.parts import as_chat_part

__all__ = [
    "Body",
    "Delta",
    "GeneralTurn",
    "Generation",
    "Hints",
    "LLMResult",
    "Message",
    "PromptLike",
    "RequestPicture",
    "Role",
    "Turn",
    "Usage",
    "as_messages",
    "role_of",
    "text_of",
]

Role = Literal["system", "developer", "user", "assistant", "tool"]


class RequestPicture(NamedTuple):
    """A request as it may be seen: variables of a shell stand for the key and other secrets."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    """JSON."""


class Hints(msgspec.Struct, frozen=True, gc=False):
    """What a server says of the limits of a key: how much a minute, how much is left, and the seconds until
    all of it is there again. None where it does not say.

    >>> Hints(limit_requests=60, remaining_requests=59, reset_requests_s=1.0).limit_tokens is None
    True
    """

    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests_s: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens_s: float | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a conversation: who speaks, and what is said.

    >>> Message("user", "Hello")
    Message(role='user', content='Hello')
    """

    role: Role
    content: str


Turn = Message | Mapping[str, Any]
"""A message of a conversation; one with more than text (parts, tool calls) is the object that is sent."""


class Body(msgspec.Struct, frozen=True, gc=False):
    """A request body in the words of one wire format: `chat`, `completions`, `responses` or `messages`.

    A dialect of that format sends `fields` as they stand. Any other sends `messages` and `options`, which say
    the same in general words.
    """

    wire: str
    fields: Mapping[str, Any]
    messages: tuple[Turn, ...]
    options: Mapping[str, Any]


class GeneralTurn(dict[str, Any]):
    """A message with tools in the words of chat completions, which other dialects put into their own.

    An object that a caller writes is none: it goes out as it is.
    """


PromptLike = str | Turn | Body | Sequence[Turn | tuple[str, str]]
"""What a call accepts: one user turn as plain text, one message, a conversation, or a whole request body.

A message may be a pair of role and text, or an object as it is sent; `human` and `ai` are other names for
`user` and `assistant`.
"""

_ROLES = {"human": "user", "ai": "assistant"}


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one attempt. `estimated` marks counts the provider did not give.

    Of the input, `cached_tokens` were read from a cache and `cache_write_tokens` written to one; of the
    output, `reasoning_tokens` were spent on reasoning.

    >>> Usage(input_tokens=12, output_tokens=3).estimated
    False
    """

    input_tokens: int
    output_tokens: int
    estimated: bool = False
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one chunk of an answer added.

    `at` is the monotonic time in seconds at which its bytes arrived. `hints` and `headers` come first, in a
    Delta of their own, if the server sends rate limit headers, or others that are kept. `info` is what a
    class adds to the answer. The last Delta of an answer bears its `finish_reason` (None where the server
    gave none), `usage` and `flags`, and its `message` where text alone does not say all of it (tool calls,
    audio): the object as the server's format has it. After a stream its text is mostly empty. An answer is
    whole when its Deltas end without a Failure.

    >>> Delta("Hel").content + Delta("lo").content
    'Hello'
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    at: float = 0.0
    hints: Hints | None = None
    info: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()
    """What is odd about the answer: `empty`, `reasoning_only`, `length`, `eof`, `finish:NAME`."""
    headers: str = ""
    """The status and the headers that are kept, a line each."""

    def __add__(self, other: object) -> Delta:
        """Return both as one: texts joined, and of what comes once the later."""
        if not isinstance(other, Delta):
            return NotImplemented
        return Delta(
            self.text + other.text,
            self.reasoning + other.reasoning,
            other.finish_reason or self.finish_reason,
            other.usage or self.usage,
            other.at or self.at,
            other.hints or self.hints,
            other.info or self.info,
            other.message or self.message,
            other.flags or self.flags,
            other.headers or self.headers,
        )

    @property
    def has_content(self) -> bool:
        """True if the chunk added words or reasoning; role-only and empty chunks do not count as content."""
        return bool(self.text or self.reasoning)

    @property
    def content(self) -> str:
        """The text, under the name that chat models give it."""
        return self.text

    def __str__(self) -> str:
        return self.text


class Generation(msgspec.Struct, frozen=True):
    """One answer to one prompt, also under the names that chat models use.

    >>> answer = Generation("Hello", "stop", Usage(3, 1))
    >>> answer.content, answer.usage_metadata
    ('Hello', {'input_tokens': 3, 'output_tokens': 1, 'total_tokens': 4})
    >>> answer.generation_info
    {'finish_reason': 'stop'}
    """

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    info: dict[str, Any] | None = None
    reasoning: str = ""
    message: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """The text, under the name that chat models give it."""
        return self.text

    @property
    def generation_info(self) -> dict[str, Any]:
        """The `finish_reason`, and what else is known of the answer (`pl_request_id`)."""
        return {"finish_reason": self.finish_reason, **(self.info or {})}

    @property
    def response_metadata(self) -> dict[str, Any]:
        """`generation_info`, under the name that chat models give it."""
        return self.generation_info

    @property
    def usage_metadata(self) -> dict[str, int] | None:
        """`input_tokens`, `output_tokens` and `total_tokens`, if the provider reported them."""
        if self.usage is None:
            return None
        asked, said = self.usage.input_tokens, self.usage.output_tokens
        return {"input_tokens": asked, "output_tokens": said, "total_tokens": asked + said}


class LLMResult(msgspec.Struct, frozen=True):
    """The answers to a list of prompts: `generations[prompt][candidate].text`.

    `llm_output` holds `model_name` and `token_usage` (`prompt_tokens`, `completion_tokens`, `total_tokens`).

    >>> result = LLMResult([[Generation("Hello")]], {"model_name": "m"})
    >>> result.generations[0][0].text
    'Hello'
    """

    generations: list[list[Generation]]
    llm_output: dict[str, Any]


def as_messages(prompt: PromptLike) -> tuple[Turn, ...]:
    """Return `prompt` as a conversation."""
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if isinstance(prompt, list | tuple):
        return tuple([_turn(one) for one in prompt])
    if isinstance(prompt, Message):
        return (prompt,)
    if isinstance(prompt, Body):
        return prompt.messages
    if isinstance(prompt, Mapping):
        return (prompt,)
    said: Any = prompt.to_messages() if hasattr(prompt, "to_messages") else prompt  # LangChain's prompt value
    return tuple(_turn(one) for one in ([said] if hasattr(said, "content") else said))


def role_of(turn: Turn) -> str:
    """Return who speaks; empty where a message does not say."""
    return turn.role if isinstance(turn, Message) else str(turn.get("role") or "")


def text_of(turn: Turn) -> str:
    """Return the text of a message: that of its parts, joined, where it has parts."""
    content = turn.content if isinstance(turn, Message) else turn.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def _turn(one: Any) -> Turn:
    """A message, whatever says it: a pair, an object as it is sent, or one of LangChain's messages."""
    if isinstance(one, Message):
        return one
    if isinstance(one, Mapping):
        return one
    if isinstance(one, str):
        return Message("user", one)
    if isinstance(one, tuple):
        role, content = one
        return Message(cast("Role", _ROLES.get(role, role)), content)  # the server knows its roles
    return _of_langchain(one)


def _of_langchain(one: Any) -> Turn:
    """A message of LangChain, by its attributes. Raises TypeError for anything else."""
    kind, content = getattr(one, "type", None), getattr(one, "content", None)
    if not isinstance(kind, str) or not isinstance(content, str | list):
        raise TypeError(
            f"a {type(one).__name__} is not a message; give text, a pair of role and text, or a dict"
        )
    more = getattr(one, "additional_kwargs", None) or {}
    role = more.get("__openai_role__") or _ROLES.get(kind, getattr(one, "role", kind))
    calls = [_tool_call(call) for call in getattr(one, "tool_calls", None) or ()]
    calls += [_tool_call(call) for call in getattr(one, "invalid_tool_calls", None) or ()]
    said = {
        "tool_calls": calls,
        "tool_call_id": getattr(one, "tool_call_id", None),
        "name": None if role == "tool" else getattr(one, "name", None),
    }
    known = {name: value for name, value in said.items() if value}
    if isinstance(content, str) and not known:
        return Message(cast("Role", role), content)
    if isinstance(content, list):
        content = [part for part in map(as_chat_part, content) if part is not None]
    return GeneralTurn({"role": role, "content": content, **known})


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call as chat completions have it; arguments that could not be read are a text already."""
    given = call.get("args") or {}
    arguments = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    called = {"name": call.get("name"), "arguments": arguments}
    return {"id": call.get("id"), "type": "function", "function": called}
