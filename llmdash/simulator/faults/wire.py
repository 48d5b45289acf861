"""Faults of HTTP itself: around whatever is sent, errors too."""

from __future__ import annotations

import zlib

from llmdash.simulator.connection import WIRE, Message, Scope, Send
from llmdash.simulator.faults.base import Fault, Reach, Variant, Wrap

__all__ = ["WIRES"]

_LONG = 9 * 1024
_MANY = 140
_GZIP = 31  # zlib's window bits of the largest window, in the format of gzip


def _headed(headers: list[tuple[bytes, bytes]]) -> Wrap:
    def around(_scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        return sending

    return Wrap(around)


def _zipped(_scope: Scope, send: Send) -> Send:
    """Every piece of the body compressed and flushed, whatever was accepted."""
    squeeze = zlib.compressobj(wbits=_GZIP)

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            await send({**message, "headers": [*kept, (b"content-encoding", b"gzip")]})
            return
        more = message["more_body"]
        body = squeeze.compress(message["body"]) + squeeze.flush(zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH)
        await send({**message, "body": body})

    return sending


def _both_lengths(scope: Scope, send: Send) -> Send:
    """The response written past the server, which would not send both headers."""
    wire = scope["extensions"].get(WIRE) if "extensions" in scope else None
    if wire is None:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            both = [(b"content-length", b"16"), (b"transfer-encoding", b"chunked"), (b"connection", b"close")]
            lines = [b"%b: %b" % pair for pair in (*headers, *both)]
            wire.write(b"\r\n".join([b"HTTP/1.1 %d Simulated" % message["status"], *lines, b"", b""]))
            return
        body = message["body"]
        if body:
            wire.write(b"%x\r\n%b\r\n" % (len(body), body))
        if not message["more_body"]:
            wire.write(b"0\r\n\r\n")
            wire.close()

    return sending


WIRES = (
    Fault(
        "te-and-cl",
        "both Transfer-Encoding: chunked and a Content-Length, which is wrong",
        Reach.EACH,
        {"both": Variant(Wrap(_both_lengths))},
        spoils=False,
    ),
    Fault(
        "big-headers",
        "a header of 9 KB, or 140 headers",
        Reach.EACH,
        {
            "long": Variant(_headed([(b"x-long", b"x" * _LONG)])),
            "many": Variant(_headed([(b"x-one-of-many-%d" % number, b"here") for number in range(_MANY)])),
        },
        spoils=False,
    ),
    Fault(
        "gzip-anyway",
        "a body in gzip, though nobody accepts it",
        Reach.EACH,
        {"gzip": Variant(Wrap(_zipped))},
        spoils=False,
    ),
)
"""What breaks or bends HTTP."""
