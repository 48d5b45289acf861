"""The messages between an engine and its viewers: msgpack, each after its length in four bytes.

A viewer begins with a HelloMessage and is answered by a WelcomeMessage or a RefusalMessage. A ViewMessage is
answered by a FrameMessage, unless a later view overtakes it. A CommandMessage is not answered.
"""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any, Final

import msgspec

from llmdash.engine.model import commands, frame, records, states, view
from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import Severity
from llmdash.engine.model.view import View
from llmdash.sanitize import storable

__all__ = [
    "SHAPE",
    "AwaitMessage",
    "ChangedMessage",
    "CodecError",
    "CommandMessage",
    "EndMessage",
    "FrameMessage",
    "Framing",
    "FromEngine",
    "FromViewer",
    "HelloMessage",
    "NoticeMessage",
    "RefusalMessage",
    "ViewMessage",
    "WelcomeMessage",
    "command_in",
    "command_message",
    "decode_from_engine",
    "decode_from_viewer",
    "encode",
]

_LENGTH: Final = 4
_LARGEST = 2**63 - 1
_DEEPEST = 64
"""Levels of an answer's own object that are shown; a parser of any message gives up much deeper."""
_BIG_INTEGER = 1


class CodecError(ValueError):
    """A message that cannot be read; the text says why."""


class HelloMessage(msgspec.Struct, tag="hello", frozen=True):
    """The first message of a viewer. `watches` is False for a script, which shows nothing to anybody."""

    release: str
    shape: str
    token: str = ""
    read_only: bool = False
    watches: bool = True


class ViewMessage(msgspec.Struct, tag="view", frozen=True):
    """Asks for a frame. `number` grows with each."""

    number: int
    view: View


class CommandMessage(msgspec.Struct, tag="command", frozen=True):
    """A command by the name of its class."""

    name: str
    body: msgspec.Raw


class AwaitMessage(msgspec.Struct, tag="await", frozen=True):
    """Asks to be told once when more has happened than the `changes` of a frame; a later one replaces it."""

    seen: int


class ChangedMessage(msgspec.Struct, tag="changed", frozen=True):
    """More has happened; the answer to an AwaitMessage."""


class WelcomeMessage(msgspec.Struct, tag="welcome", frozen=True):
    """The engine serves the viewer. `pid` is its process."""

    pid: int
    allows_bad_lines: bool = False


class RefusalMessage(msgspec.Struct, tag="refusal", frozen=True):
    """The engine does not serve the viewer, or no longer; `text` says why."""

    text: str


class FrameMessage(msgspec.Struct, tag="frame", frozen=True):
    """The answer to the view of that number.

    With `same_inspection` the inspection is left out, as it equals that of the frame sent before.
    """

    number: int
    frame: Frame
    same_inspection: bool = False


class NoticeMessage(msgspec.Struct, tag="notice", frozen=True):
    """A notice for this viewer alone."""

    severity: Severity
    text: str


class EndMessage(msgspec.Struct, tag="end", frozen=True):
    """The run has ended: with this exit code and Ending (its name), or broken by what `crash` reports."""

    exit_code: int
    ending: str | None = None
    crash: str | None = None


FromViewer = HelloMessage | ViewMessage | CommandMessage | AwaitMessage
FromEngine = WelcomeMessage | RefusalMessage | FrameMessage | NoticeMessage | ChangedMessage | EndMessage

_KINDS: dict[str, type[Command]] = {kind.__name__: kind for kind in typing.get_args(Command)}


def _big_integer(code: int, data: memoryview) -> Any:
    if code != _BIG_INTEGER:
        raise CodecError(f"extension {code} is not known")
    return int(bytes(data), 16)


_encoder = msgspec.msgpack.Encoder()
_from_viewer = msgspec.msgpack.Decoder(FromViewer)
_from_engine: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine, ext_hook=_big_integer)


def encode(message: FromViewer | FromEngine) -> bytes:
    """Return a message with its length before it."""
    try:
        body = _encoder.encode(message)
    except (OverflowError, UnicodeEncodeError, RecursionError):
        body = _encoder.encode(_crossable(message))
    return len(body).to_bytes(_LENGTH, "big") + body


def decode_from_viewer(body: bytes | bytearray | memoryview) -> FromViewer:
    """Return the message of a viewer. Raises CodecError."""
    try:
        message: FromViewer = _from_viewer.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CodecError(str(error)) from None
    return message


def decode_from_engine(body: bytes | bytearray | memoryview) -> FromEngine:
    """Return the message of an engine. Raises CodecError."""
    try:
        message: FromEngine = _from_engine.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CodecError(str(error)) from None
    return message


def command_message(command: Command) -> CommandMessage:
    """Return the message of a command."""
    return CommandMessage(type(command).__name__, msgspec.Raw(_encoder.encode(command)))


def command_in(message: CommandMessage) -> Command:
    """Return the command in a message. Raises CodecError where there is none."""
    kind = _KINDS.get(message.name)
    if kind is None:
        raise CodecError(f"{message.name} is no command")
    try:
        return msgspec.msgpack.decode(message.body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CodecError(f"{message.name}: {error}") from None


class Framing:
    """Cuts what arrives into messages."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        """The longest message that is taken, in bytes."""
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that `data` completes. Raises CodecError where one is too long."""
        self._held += data
        at = 0
        try:
            while len(self._held) - at >= _LENGTH:
                begin = at + _LENGTH
                size = int.from_bytes(self._held[at:begin], "big")
                if self.most is not None and size > self.most:
                    raise CodecError(f"a message of {size:,} bytes is too long")
                if len(self._held) - begin < size:
                    return
                at = begin + size
                yield bytes(self._held[begin:at])
        finally:
            del self._held[:at]


def _crossable(value: Any) -> Any:
    """Return a value as far as it can cross: lone surrogates replaced, numbers that no server can mean cut.

    Only within the object of an answer, which may hold anything, integers are as large as they are.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return max(-_LARGEST, min(_LARGEST, value))
    if isinstance(value, Mapping):
        return _crossable_object(value, 0)
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _crossable(getattr(value, name)) for name in value.__struct_fields__})
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{one.name: _crossable(getattr(value, one.name)) for one in fields(value)})
    if isinstance(value, tuple):
        made = [_crossable(one) for one in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    return value


def _crossable_object(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return msgspec.msgpack.Ext(_BIG_INTEGER, f"{value:x}".encode())
    if isinstance(value, Mapping):
        return {storable(str(name)): _crossable_object(one, depth + 1) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_crossable_object(one, depth + 1) for one in value]
    return value


def _described(module: ModuleType) -> Iterator[str]:
    for name in sorted(module.__all__):
        found = getattr(module, name)
        yield f"{name} {getattr(found, '__annotations__', {})}"
        yield from (f"{one.name}={one.value}" for one in getattr(found, "__members__", {}).values())


SHAPE: Final = hashlib.blake2b(
    "\n".join(
        line for module in (commands, frame, records, states, view) for line in _described(module)
    ).encode(),
    digest_size=8,
).hexdigest()
"""The same for all that have the same frames, views and commands."""
