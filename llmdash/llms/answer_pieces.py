"""The pieces of a response's body, for as long as they are worth waiting for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmdash.llms.wire.dialect import Reader
from llmdash.llms.wire.failures import Failure

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpResponse

__all__ = ["next_piece", "start_of"]

_ERROR_LIMIT = 65_536
_TAIL_S = 5.0  # for usage and the end of the body, once the finish reason is there
_TAIL_DONE_S = 1.0  # for the end of the body once nothing can follow


async def next_piece(answer: HttpResponse, reader: Reader) -> bytes | None:
    """Return the next bytes, None at the end. Once the answer is complete, the end of the body is awaited
    only for a short time. Raises Failure.
    """
    if reader.finished:
        answer.shorten_deadline(_TAIL_DONE_S if reader.done else _TAIL_S)
    elif reader.heard:
        answer.progress()
    try:
        return await answer.chunk()
    except Failure:
        if reader.finished:
            return None
        raise


async def start_of(answer: HttpResponse) -> tuple[bytes, bool]:
    """Return the first 64 KB of a body, or what arrived of it, and whether it was cut before: for an error
    the status alone is enough.
    """
    answer.shorten_deadline(_TAIL_S)
    body = bytearray()
    try:
        while len(body) < _ERROR_LIMIT and (piece := await answer.chunk()) is not None:
            body += piece
    except Failure:
        return bytes(body), True
    return bytes(body), False
