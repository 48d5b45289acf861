"""Faults of streams: when chunks come, what stands between them, and how a stream ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from llmdash.simulator.faults.base import (
    CHUNKED,
    EVERY,
    Asking,
    Fault,
    PlainAnswer,
    Reach,
    Rewrite,
    Served,
    ServedEvent,
    StreamedAnswer,
    Variant,
    is_single,
    is_single_stream,
    is_stream,
)
from llmdash.simulator.faults.errors import error_document

__all__ = ["STREAMS"]

_SLOW_CHUNKS = 10
_PACE_S = 0.9
_NULL_PACE_S = 0.6
_FIRST_S = 150.0
_DONE = b"data: [DONE]\n\n"
_SAYS = ("content", "text")


def _in_stream(change: Callable[[Asking, tuple[ServedEvent, ...]], list[ServedEvent]]) -> Rewrite:
    """A change of streams only; a plain answer stays."""

    def rewrite(asking: Asking, served: Served) -> Served:
        return (
            StreamedAnswer(tuple(change(asking, served.frames)))
            if isinstance(served, StreamedAnswer)
            else served
        )

    return Rewrite(rewrite)


def _choice(frame: ServedEvent) -> dict[str, Any] | None:
    """The choice of a chunk, if it says something."""
    content = frame.content()
    choices = (content or {}).get("choices")
    if not choices:
        return None
    choice: dict[str, Any] = choices[0]
    said = choice.get("delta", choice)
    return choice if any(said.get(name) for name in _SAYS) else None


def _with_choice(frame: ServedEvent, choice: dict[str, Any]) -> ServedEvent:
    return frame.holding({**(frame.content() or {}), "choices": [choice]})


def _text(choice: dict[str, Any]) -> str:
    text: str = choice["delta"]["content"] if "delta" in choice else choice["text"]
    return text


def _saying(choice: dict[str, Any], text: str) -> dict[str, Any]:
    if "delta" in choice:
        return {**choice, "delta": {**choice["delta"], "content": text}}
    return {**choice, "text": text}


def _paced(frames: tuple[ServedEvent, ...], pace_s: float, reason: str) -> list[ServedEvent]:
    """The text of a stream in ten chunks, `pace_s` seconds apart, each with a finish reason."""
    said = [place for place, frame in enumerate(frames) if _choice(frame) is not None]
    if not said:
        return list(frames)
    model, choice = frames[said[0]], _choice(frames[said[0]]) or {}
    text = "".join(_text(_choice(frames[place]) or {}) for place in said)
    size = -(-len(text) // _SLOW_CHUNKS)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    spread = [
        _with_choice(
            ServedEvent(model.at + pace_s * number, model.data),
            {**_saying(choice, piece), "finish_reason": reason},
        )
        for number, piece in enumerate(pieces)
    ]
    end = spread[-1].at
    return [
        *frames[: said[0]],
        *spread,
        *(ServedEvent(max(end, frame.at), frame.data) for frame in frames[said[-1] + 1 :]),
    ]


def _each_slow(pace_s: float) -> Variant:
    return Variant(
        _in_stream(lambda _asking, frames: _paced(frames, pace_s, "stop")), CHUNKED, is_single_stream
    )


def _null(reason: str) -> Variant:
    """The word in every chunk but the last; in a plain answer it is the only finish reason."""

    def change(_asking: Asking, served: Served) -> Served:
        if isinstance(served, StreamedAnswer):
            return StreamedAnswer(tuple(_paced(served.frames, _NULL_PACE_S, reason)))
        choices = [{**choice, "finish_reason": reason} for choice in served.content["choices"]]
        return PlainAnswer(served.at, {**served.content, "choices": choices})

    return Variant(Rewrite(change), CHUNKED, is_single)


def _counting(_asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
    counted = []
    for number, frame in enumerate(frames):
        choices = (frame.content() or {}).get("choices")
        counted.append(_with_choice(frame, {**choices[0], "index": number}) if choices else frame)
    return counted


def _error(asking: Asking) -> bytes:
    text = "The upstream server is overloaded."
    return msgspec.json.encode(
        error_document(asking, text, "server_error", "overloaded", anthropic="overloaded_error")
    )


def _error_field(asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
    at = frames[0].at
    return [ServedEvent(at, b"error: " + _error(asking) + b"\n\n"), ServedEvent(at, _DONE)]


def _bare_error(asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
    half = max(1, len(frames) // 2)
    return [*frames[:half], ServedEvent(frames[half - 1].at, _error(asking) + b"\n\n")]


def _done_only(asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
    if asking.dialect == "messages":
        return [frame for frame in frames if b"event: message_st" in frame.data]
    return [ServedEvent(frames[0].at, _DONE)]


def _between(data: bytes) -> Variant:
    def change(_asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
        return [each for frame in frames for each in (ServedEvent(frame.at, data), frame)]

    return Variant(_in_stream(change), EVERY, is_stream)


def _done_as(data: bytes) -> Variant:
    def change(_asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
        return [ServedEvent(frame.at, data if frame.data == _DONE else frame.data) for frame in frames]

    return Variant(_in_stream(change), CHUNKED, is_stream)


def _one_line_feed(_asking: Asking, frames: tuple[ServedEvent, ...]) -> list[ServedEvent]:
    return [ServedEvent(frame.at, frame.data.rstrip(b"\n") + b"\n") for frame in frames]


def _late(seconds: float) -> Variant:
    """The whole answer `seconds` later."""

    def change(_asking: Asking, served: Served) -> Served:
        if isinstance(served, StreamedAnswer):
            return StreamedAnswer(
                tuple(ServedEvent(frame.at + seconds, frame.data) for frame in served.frames)
            )
        return PlainAnswer(served.at + seconds, served.content)

    return Variant(Rewrite(change))


def _streamed(
    change: Callable[[Asking, tuple[ServedEvent, ...]], list[ServedEvent]], dialects: frozenset[str] = EVERY
) -> Variant:
    return Variant(_in_stream(change), dialects, is_stream)


STREAMS = (
    Fault(
        "finish-each-slow",
        "`stop` in every chunk, and ten chunks 0.9 s apart; or that many seconds",
        Reach.EACH,
        {"stop": _each_slow(_PACE_S)},
        _each_slow,
        spoils=False,
    ),
    Fault(
        "finish-null",
        'the word "null", or nothing, as finish reason of every chunk',
        Reach.EACH,
        {"null": _null("null"), "empty": _null("")},
        spoils=False,
    ),
    Fault(
        "index-counts",
        "the index of the only choice grows from chunk to chunk",
        Reach.EACH,
        {"index": Variant(_in_stream(_counting), CHUNKED, is_single_stream)},
        spoils=False,
    ),
    Fault(
        "error-field",
        "an error in a field `error:` of an event, then `[DONE]`",
        Reach.REQUEST,
        {"field": _streamed(_error_field)},
    ),
    Fault(
        "done-only",
        "a stream that ends without having begun",
        Reach.REQUEST,
        {"done": _streamed(_done_only)},
    ),
    Fault(
        "empty-data",
        "events between the chunks that have no JSON",
        Reach.EACH,
        {
            "blank": _between(b"data:\n\n"),
            "heartbeat": _between(b"event: heartbeat\ndata: ping\n\n"),
            "date": _between(b"data: 2025-03-14T15:09:26Z\n\n"),
        },
        spoils=False,
    ),
    Fault(
        "done-variants",
        "`[DONE]` with a blank behind it, or without a line end",
        Reach.EACH,
        {"blank": _done_as(b"data: [DONE] \n\n"), "cut": _done_as(b"data: [DONE]")},
        spoils=False,
    ),
    Fault(
        "bare-error-mid",
        "after half of a stream a line of JSON, an error, without `data:`",
        Reach.REQUEST,
        {"line": _streamed(_bare_error)},
    ),
    Fault(
        "single-newline",
        "one line feed between events instead of two",
        Reach.EACH,
        {"feed": _streamed(_one_line_feed)},
        spoils=False,
    ),
    Fault(
        "slow-first",
        "the first byte after 150 s, or that many seconds",
        Reach.PROMPT,
        {"late": _late(_FIRST_S)},
        _late,
        spoils=False,
    ),
)
"""Streams that are odd, slow or cut."""
