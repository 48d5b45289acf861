"""A response, whose body is read within the limits of time and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from llmdash.llms.transport.deadline import Deadline, Late
from llmdash.llms.transport.decoding import Decode, decoder_for
from llmdash.llms.transport.http_failures import TRANSPORT_ERRORS, failure_of
from llmdash.llms.transport.received import Pieces, Received
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["BODY_LIMIT", "HttpResponse"]

BODY_LIMIT = 8_000_000
"""Bytes of an answer at most."""


class HttpResponse:
    """An HTTP response whose body is still to be read. `headers` has lower-case names. A body of more than
    `limit` bytes is refused.
    """

    __slots__ = ("_body", "_deadline", "_limit", "_received", "_response", "headers", "status")

    def __init__(self, response: Received, watch: Deadline, limit: float = BODY_LIMIT) -> None:
        self._limit = limit
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._deadline = watch
        self._received = 0
        self._body: Pieces | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def progress(self) -> None:
        """Note that content arrived: the stall limit starts again with the next wait."""
        self._deadline.progress()

    def shorten_deadline(self, seconds: float) -> None:
        """Wait for the end of the body, which frees the connection, at most `seconds` more: the answer is
        complete.
        """
        self._deadline.shorten_deadline(seconds)

    async def chunk(self) -> bytes | None:
        """The next bytes of the body, never empty; None at its end.

        Raises Failure when the body is cut or passes its cap, when nothing marked as `progress` comes for the
        time of a stall, and at the end of the total time.
        """
        try:
            if self._body is None:
                self._body = self._pieces()
            if self._body.at_end():
                return None
            piece = await self._deadline.next(self._body.read())
        except Late as late:
            raise Failure(
                FailureKind.TRANSIENT,
                str(late),
                status=self.status,
                may_be_billed=late.unheard,
                timed_out=True,
            ) from None
        except TRANSPORT_ERRORS as error:
            raise failure_of(error, self.status) from None
        self._received += len(piece)
        if self._received > self._limit:
            words = f"the answer is larger than {self._limit:,} bytes"
            raise Failure(FailureKind.REQUEST, words, status=self.status)
        return piece or None

    async def aclose(self) -> None:
        """Release the connection: it is kept if the body was read to its end, closed if not."""
        self._deadline.close()
        try:
            await self._response.close()
        except TRANSPORT_ERRORS:
            return  # the answer is complete; a connection that breaks while closing is closed

    def _pieces(self) -> Pieces:
        decode = decoder_for(self.headers.get("content-encoding", ""))
        pieces = self._response.pieces
        return pieces if decode is None else _Decoded(pieces, decode)


class _Decoded:
    """The pieces of a compressed body as they were before."""

    def __init__(self, inner: Pieces, decode: Decode) -> None:
        self._inner = inner
        self._decode = decode
        self._ready: Iterator[bytes] = iter(())

    async def read(self) -> bytes:
        while True:
            for piece in self._ready:
                if piece:
                    return piece
            received = await self._inner.read()
            if not received:
                return b""
            self._ready = self._decode(received)

    def at_end(self) -> bool:
        return False
