"""A proxy on loopback: it passes requests on, through a tunnel or in absolute form, and keeps what it saw."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.llms.raw_server import serving

DATA = Path(__file__).parents[1] / "data"
PRIVATE_CA = DATA / "private_ca.pem"
CLIENT = DATA / "private_client.pem"
LOCKED_KEY = DATA / "private_client_locked.key"


class Gateway:
    """`seen` holds the first lines of requests; `logins` what they say of who they are. `refusal` is sent in
    place of passing on. Tunnels lead to `inner_port` on loopback, where one is given.
    """

    def __init__(self, refusal: bytes = b"", inner_port: int | None = None) -> None:
        self.refusal = refusal
        self.inner_port = inner_port
        self.seen: list[str] = []
        self.logins: list[str | None] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.seen.append(first)
        fields = dict(line.lower().split(": ", 1) for line in lines if line)
        named = next((line for line in lines if line.lower().startswith("proxy-authorization: ")), None)
        self.logins.append(None if named is None else named.split(": ", 1)[1])
        if self.refusal:
            if not first.startswith("CONNECT"):
                await reader.readexactly(int(fields.get("content-length", "0")))
            writer.write(self.refusal)
            await writer.drain()
            return
        method, target, _ = first.split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            if self.inner_port is not None:
                host, port = "127.0.0.1", str(self.inner_port)
            inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            host, _, port = target.split("/")[2].rpartition(":")
            path = "/" + target.split("/", 3)[3]
            inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
            inner_writer.write(head.replace(target.encode(), path.encode(), 1))
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def gateway(refusal: bytes = b"", inner_port: int | None = None) -> AsyncIterator[Gateway]:
    found = Gateway(refusal, inner_port)
    async with serving(found.serve) as found.port:
        yield found


def private_server(*, asks_for_certificate: bool = False) -> ssl.SSLContext:
    """The TLS of a server whose certificate comes from the private authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "private_server.pem")
    if asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(PRIVATE_CA)
    return context
