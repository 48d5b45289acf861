"""One answer, put together from its Deltas."""

from __future__ import annotations

from typing import Any

from llmdash.llms.messages import Delta, Generation, Usage

__all__ = ["Gathering", "LastPiece"]


class Gathering:
    """Collects the Deltas of one answer; the last finish reason, usage, info, message and flags win."""

    __slots__ = ("_finish_reason", "_flags", "_info", "_message", "_texts", "_thoughts", "_usage")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._info: dict[str, Any] | None = None
        self._message: dict[str, Any] | None = None
        self._flags: tuple[str, ...] = ()

    def add(self, delta: Delta) -> None:
        """Add the next Delta."""
        self._texts.append(delta.text)
        self._thoughts.append(delta.reasoning)
        self._finish_reason = delta.finish_reason or self._finish_reason
        self._usage = delta.usage or self._usage
        self._info = delta.info or self._info
        self._message = delta.message or self._message
        self._flags = delta.flags or self._flags

    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    def answer(self) -> Generation:
        """Return the whole answer."""
        return Generation(
            self.text(),
            self._finish_reason,
            self._usage,
            self._info,
            "".join(self._thoughts),
            self._message,
            self._flags,
        )


class LastPiece:
    """What the end of an answer says without text: its finish reason, its tokens, its flags."""

    def __init__(self) -> None:
        self._end = Delta()
        self._said = False

    def came(self, delta: Delta) -> None:
        """Note a piece with text: if it bears the finish reason, there is nothing left to say."""
        self._said = self._said or delta.finish_reason is not None

    def add(self, delta: Delta) -> None:
        """Add a Delta without text."""
        before = self._end
        self._end = Delta(
            finish_reason=delta.finish_reason or before.finish_reason,
            usage=delta.usage or before.usage,
            at=delta.at,
            info=delta.info or before.info,
            message=delta.message or before.message,
            flags=delta.flags or before.flags,
        )

    def piece(self) -> Delta | None:
        """The last piece; None where the end was said with text, or not at all."""
        return self._end if self._end.finish_reason is not None and not self._said else None
