"""The everyday faults: connections that are dropped, chunks that are cut, a plain rate limit."""

from __future__ import annotations

from llmdash.simulator.connection import WIRE, ClientGoneError, Message, Scope, Send
from llmdash.simulator.faults.base import (
    EVERY,
    Asking,
    Fault,
    Reach,
    Refusal,
    Refuse,
    Rewrite,
    Served,
    ServedEvent,
    StreamedAnswer,
    Variant,
    Wrap,
    is_stream,
)
from llmdash.simulator.faults.errors import error_document

__all__ = ["BREAKS"]

_WHOLE_PARTS = 2  # of a body, before the connection is dropped


def _unanswered(scope: Scope, send: Send) -> Send:
    """The connection closed where the answer would begin."""

    async def sending(message: Message) -> None:
        wire = scope.get("extensions", {}).get(WIRE)
        if wire is None:
            await send(message)
            return
        wire.close()
        raise ClientGoneError

    return sending


def _in_body(scope: Scope, send: Send) -> Send:
    """The connection closed in the midst of the body."""
    sent = 0

    async def sending(message: Message) -> None:
        nonlocal sent
        wire = scope.get("extensions", {}).get(WIRE)
        if wire is None or message["type"] == "http.response.start":
            await send(message)
            return
        sent += 1
        if message["more_body"] and sent <= _WHOLE_PARTS:
            await send(message)
            return
        body = message["body"]
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        wire.close()
        raise ClientGoneError

    return sending


def _half_json(_asking: Asking, served: Served) -> Served:
    """One event in the middle of a stream ends half-way; all others are whole."""
    if not isinstance(served, StreamedAnswer):
        return served
    frames = list(served.frames)
    middle = len(frames) // 2
    data = frames[middle].data
    cut = ServedEvent(frames[middle].at, data[: len(data) // 2] + b"\n\n")
    return StreamedAnswer((*frames[:middle], cut, *frames[middle + 1 :]))


def _rate_limit(seconds: float) -> Variant:
    def make(asking: Asking, _seconds: float) -> Refusal:
        text = "Rate limit reached for requests."
        document = error_document(
            asking, text, "requests", "rate_limit_exceeded", anthropic="rate_limit_error"
        )
        return Refusal(429, document, (("retry-after", f"{seconds:g}"),))

    return Variant(Refuse(make))


BREAKS = (
    Fault(
        "drop",
        "the connection is closed unanswered, or in the midst of the answer",
        Reach.EACH,
        {"unanswered": Variant(Wrap(_unanswered)), "body": Variant(Wrap(_in_body))},
    ),
    Fault(
        "half-json",
        "an event in the middle of a stream is cut, and those behind it are whole",
        Reach.REQUEST,
        {"event": Variant(Rewrite(_half_json), EVERY, is_stream)},
    ),
    Fault(
        "rate-limit",
        "a 429 with the seconds to wait, 1 or that many, in `retry-after`",
        Reach.REQUEST,
        {"1s": _rate_limit(1.0)},
        _rate_limit,
    ),
)
"""What happens on any day."""
