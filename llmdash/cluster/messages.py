"""The messages between a run and a desk: MessagePack arrays, in batches.

Both ways a message carries a stamp of its sender's clock and the last stamp that came the other way, with how
long it was held: from that each side learns the round trip, and the desk how old a permit is, without a
comparison of clocks. All times are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import msgspec

from llmdash.engine.dispatch.attempt import Answer
from llmdash.llms.messages import GeneralTurn, Message
from llmdash.llms.wire.failure_record import FailureRecord, failure_of, record_of
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import Prompt, RequestBody, Said

__all__ = [
    "Ask",
    "Began",
    "Chunks",
    "Departed",
    "Ended",
    "FromDesk",
    "Joining",
    "Refused",
    "ToDesk",
    "UnsendableError",
    "decode_from_desk",
    "decode_to_desk",
    "encode",
    "packed",
    "prompt_of",
]


class UnsendableError(Exception):
    """A message holds a value that no message can hold; the text names its type."""


class Joining(msgspec.Struct, array_like=True, gc=False):
    """A key of the run: its number, and its packed recipe."""

    number: int
    recipe: bytes


class Ask(msgspec.Struct, array_like=True, gc=False):
    """One attempt to be made: with the key `member`, `prompt` as `packed` has it, and the merged options."""

    ticket: int
    member: int
    prompt: Any
    options: Any
    watched: bool = False


class ToDesk(msgspec.Struct, array_like=True):
    """From the run to a desk. `watch` lists all tickets that are watched from now on; None: as before."""

    stamp: float
    echo: float
    held_s: float
    joining: list[Joining] = []
    asks: list[Ask] = []
    cancels: list[int] = []
    watch: list[int] | None = None


class Departed(NamedTuple):
    """A request was sent, `ago_s` seconds before this message."""

    ticket: int
    ago_s: float


class Began(NamedTuple):
    """The first chunk of an answer, `after_s` seconds after its request was sent."""

    ticket: int
    text: str
    after_s: float


class Chunks(NamedTuple):
    """Chunks of an answer in a row."""

    ticket: int
    texts: list[str]
    after_s: list[float]


class Ended(NamedTuple):
    """The result of an attempt, with the chunks that were not reported yet; without an answer it was cut off
    by the desk, and its outcome is unknown.
    """

    ticket: int
    answer: Answer | None
    texts: list[str]
    after_s: list[float]


class Refused(NamedTuple):
    """An attempt that was not sent and will not be."""

    ticket: int
    why: str


class FromDesk(msgspec.Struct, array_like=True):
    """From a desk to the run. With `leaves` it takes nothing new: the worker is about to end.

    `version` and `host` come with the first. `has` and `lacks` say of each key that joined whether the desk
    has it.
    """

    stamp: float
    echo: float
    held_s: float
    left: list[Departed] = []
    began: list[Began] = []
    chunks: list[Chunks] = []
    ended: list[Ended] = []
    refused: list[Refused] = []
    has: list[int] = []
    lacks: list[int] = []
    leaves: bool = False
    version: str = ""
    host: str = ""


M = TypeVar("M", ToDesk, FromDesk)
_UNFIT = (OverflowError, UnicodeError, TypeError, ValueError, RecursionError)


def encode(message: ToDesk | FromDesk) -> bytes:
    """Return a message as bytes: MessagePack, or JSON where a value has no place in it (a lone surrogate, an
    integer of more than 64 bits). Raises UnsendableError.
    """
    try:
        return _to_msgpack(message)
    except _UNFIT:
        pass
    try:
        return json.dumps(msgspec.to_builtins(message, enc_hook=_plain)).encode()
    except RecursionError:
        raise UnsendableError("it is nested too deeply to be sent to a worker") from None
    except _UNFIT as error:
        raise UnsendableError(str(error)) from None


def decode_to_desk(message: bytes) -> ToDesk:
    """Return the message that `encode` made. Raises msgspec.DecodeError for any other."""
    return _decoded(message, _to_desk, ToDesk)


def decode_from_desk(message: bytes) -> FromDesk:
    """Return the message that `encode` made. Raises msgspec.DecodeError for any other."""
    return _decoded(message, _from_desk, FromDesk)


def _decoded(message: bytes, of_msgpack: Callable[[bytes], M], kind: type[M]) -> M:
    try:
        if message[:1] != b"[":
            return of_msgpack(message)
        return msgspec.convert(json.loads(message), kind, dec_hook=_made)
    except (ValueError, RecursionError) as error:
        if isinstance(error, msgspec.DecodeError):
            raise
        raise msgspec.DecodeError(f"no message: {type(error).__name__}") from None


def packed(prompt: Prompt) -> list[Any]:
    """Return what is sent of a prompt: messages, options, body."""
    body = None if prompt.body is None else [prompt.body.wire, prompt.body.fields]
    return [[_said(said) for said in prompt.messages], dict(prompt.options), body]


def prompt_of(found: Any) -> Prompt:
    """Return the prompt that `packed` made this of, without what is not sent."""
    messages, options, body = found
    return Prompt(
        "", tuple(map(_heard, messages)), options=options, body=None if body is None else RequestBody(*body)
    )


def _said(said: Said) -> Any:
    if isinstance(said, tuple):
        return said
    if isinstance(said, GeneralTurn):
        return [dict(said)]
    return [said.role, said.content] if isinstance(said, Message) else said


def _heard(found: Any) -> Said:
    if isinstance(found, dict):
        return found
    return (found[0], found[1]) if len(found) == 2 else GeneralTurn(found[0])


def _plain(value: Any) -> Any:
    """A value of a type that neither format knows."""
    if isinstance(value, Failure):
        return record_of(value)
    if isinstance(value, Mapping | MappingProxyType):
        return dict(value)
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent to a worker")


def _made(kind: type, value: Any) -> Any:
    """A Failure from its record."""
    if kind is Failure:
        return failure_of(msgspec.convert(value, FailureRecord))
    raise TypeError(f"a {kind.__name__} is not sent by a worker")


_to_msgpack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_to_desk = msgspec.msgpack.Decoder(ToDesk).decode
_from_desk = msgspec.msgpack.Decoder(FromDesk, dec_hook=_made).decode
