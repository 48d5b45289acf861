"""What a fault is: whom it concerns, how it varies, and what it does to a request's answer."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.connection import Scope as AsgiScope
from llmdash.simulator.connection import Send
from llmdash.simulator.dialects.base import Reply

__all__ = [
    "CHUNKED",
    "EVERY",
    "OPENAI",
    "Asking",
    "Compose",
    "Fault",
    "PlainAnswer",
    "Reach",
    "Refusal",
    "Refuse",
    "Rewrite",
    "Served",
    "ServedEvent",
    "StreamedAnswer",
    "Variant",
    "Wrap",
    "is_single",
    "is_single_stream",
    "is_stream",
]

EVERY = frozenset({"chat", "completions", "responses", "messages"})
OPENAI = EVERY - {"messages"}
CHUNKED = frozenset({"chat", "completions"})


class Asking(msgspec.Struct, frozen=True):
    """A request that a fault may be served to. `blamed` is True if its key is the one that faults of keys
    concern.
    """

    dialect: str
    streamed: bool
    body: dict[str, Any]
    prompt: str
    key: str
    blamed: bool

    @property
    def model(self) -> str:
        return str(self.body.get("model"))


class Refusal(msgspec.Struct, frozen=True):
    """A response instead of an answer; as an event of a stream if `as_event`."""

    status: int
    document: Any
    headers: tuple[tuple[str, str], ...] = ()
    as_event: bool = False


class ServedEvent(msgspec.Struct, frozen=True):
    """An event of a stream, or bytes that are none, sent `at` seconds after the request."""

    at: float
    data: bytes

    def content(self) -> dict[str, Any] | None:
        """Return the JSON object in its data; None if there is none."""
        for line in self.data.splitlines():
            if line.startswith(b"data: {"):
                found: dict[str, Any] = msgspec.json.decode(line[6:])
                return found
        return None

    def holding(self, content: Mapping[str, Any]) -> ServedEvent:
        """Return the event with another JSON object in its data."""
        lines = [line for line in self.data.splitlines() if line and not line.startswith(b"data:")]
        lines.append(b"data: " + msgspec.json.encode(content))
        return ServedEvent(self.at, b"\n".join(lines) + b"\n\n")


class PlainAnswer(msgspec.Struct, frozen=True):
    """A plain answer, sent `at` seconds after the request."""

    at: float
    content: dict[str, Any]


class StreamedAnswer(msgspec.Struct, frozen=True):
    """A streamed answer, an event a frame."""

    frames: tuple[ServedEvent, ...]


Served = PlainAnswer | StreamedAnswer


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answers a request itself. Its key then rests `rest_s` seconds, in which all requests are refused alike.

    `make` is given the seconds that remain.
    """

    make: Callable[[Asking, float], Refusal]
    rest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Compose:
    """Has the model answer something else."""

    change: Callable[[Reply], Reply]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Changes an answer as the dialect has put it, before it is sent."""

    change: Callable[[Asking, Served], Served]


@dataclass(frozen=True, slots=True)
class Wrap:
    """Changes what goes out over HTTP, whatever it is, errors too."""

    around: Callable[[AsgiScope, Send], Send]


class Reach(enum.Enum):
    """Whom a fault concerns."""

    REQUEST = "a share of the requests; sent again, a request is answered whole"
    EACH = "a share of the requests, again and again"
    KEY = "a share of the last key's requests"
    PROMPT = "a share of the prompts, always the same ones"


def is_stream(asking: Asking) -> bool:
    """Return True for a request that is to be streamed."""
    return asking.streamed


def is_single(asking: Asking) -> bool:
    """Return True for a request that asks for one answer only."""
    prompt = asking.body.get("prompt")
    several = isinstance(prompt, list) and len(prompt) > 1
    return not several and asking.body.get("n") in (None, 1)


def is_single_stream(asking: Asking) -> bool:
    """Return True for a request for one answer, streamed."""
    return is_stream(asking) and is_single(asking)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the forms of a fault; `reach` is the fault's if it is None. It is drawn, or `asked_only`."""

    action: Refuse | Compose | Rewrite | Wrap
    dialects: frozenset[str] = EVERY
    when: Callable[[Asking], bool] = lambda _asking: True
    reach: Reach | None = None
    asked_only: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its forms by name. `numbered` makes the form for a number given instead of a name.

    `spoils` is False if a client that understands it has the whole answer.
    """

    name: str
    about: str
    reach: Reach
    variants: Mapping[str, Variant]
    numbered: Callable[[float], Variant] | None = None
    spoils: bool = True

    def variant(self, name: str) -> Variant:
        """Return a form of it. Raises ValueError if there is none of this name."""
        found = self.variants.get(name)
        if found is not None:
            return found
        if self.numbered is not None and _is_seconds(name):
            return self.numbered(float(name))
        known = ", ".join([*self.variants, *(["a number of seconds"] if self.numbered else [])])
        raise ValueError(f"faults: {self.name} has no variant {name[:50]!r}; known are {known}")


def _is_seconds(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and len(text) < 10
