"""Faults of HTTP itself, byte by byte off a real connection; and clients that are killed."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulated import Simulated
from tests.simulator.frames import PATHS
from tests.simulator.in_process import InProcess
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
DIALECTS = pytest.mark.parametrize("dialect", list(PATHS))


def request(dialect: str, key: str, *, stream: bool) -> bytes:
    """A request as it goes out, which lets the server close the connection behind its answer."""
    messages = [{"role": "user", "content": "What is 2 + 3 x 4?"}]
    contents: dict[str, dict[str, Any]] = {
        "chat": {"messages": messages},
        "completions": {"prompt": "What is 2 + 3 x 4?"},
        "responses": {"input": "What is 2 + 3 x 4?"},
        "messages": {"max_tokens": 99, "messages": messages},
    }
    body = json.dumps({"model": "m", "stream": stream, **contents[dialect]}).encode()
    lines = [
        f"POST {PATHS[dialect]} HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {key}",
        "anthropic-version: 2023-06-01",
        "accept-encoding: identity",
        "connection: close",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def connect(running: Simulated) -> socket.socket:
    host, _, port = running.root.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def exchange(running: Simulated, dialect: str, key: str, *, stream: bool) -> tuple[list[bytes], bytes]:
    """The lines of the head of an answer, and its body as it came."""
    with connect(running) as sock:
        sock.sendall(request(dialect, key, stream=stream))
        received = b""
        while piece := sock.recv(65_536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def dechunked(body: bytes) -> bytes:
    """A chunked body's content; it has to be whole."""
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert body == b"\r\n"
            return content
        content += body[:length]
        assert body[length : length + 2] == b"\r\n"
        body = body[length + 2 :]


@pytest.fixture(scope="module")
def both_lengths() -> Iterator[Simulated]:
    running = Simulated(faults={"te-and-cl": 1.0})
    yield running
    running.close()


@pytest.mark.case("wire", "te-and-cl")
@MODES
@DIALECTS
def test_a_chunked_answer_has_a_content_length_too(
    both_lengths: Simulated, dialect: str, stream: bool
) -> None:
    running = both_lengths
    head, body = exchange(running, dialect, running.keys[0], stream=stream)
    assert head[0].startswith(b"HTTP/1.1 200 ")
    assert {b"content-length: 16", b"transfer-encoding: chunked"} <= set(head)
    assert b"14" in dechunked(body)
    assert running.complaints() == ""


@pytest.mark.case("wire", "te-and-cl")
def test_an_error_has_both_too(both_lengths: Simulated) -> None:
    head, body = exchange(both_lengths, "chat", "stranger", stream=False)
    assert head[0].startswith(b"HTTP/1.1 401 ")
    assert json.loads(dechunked(body))["error"]["code"] == "invalid_api_key"


@pytest.mark.case("wire", "te-and-cl")
async def test_where_there_is_no_connection_nothing_is_bent() -> None:
    reply = await InProcess(faults={"te-and-cl": 1.0}).ask("chat")
    assert reply.headers["content-length"] == str(len(reply.body))


@pytest.mark.case("wire", "big-headers")
@pytest.mark.parametrize(("variant", "longest", "number"), [("long", 9_000, 6), ("many", 20, 140)])
@MODES
@DIALECTS
async def test_headers_are_large_or_many(
    dialect: str, stream: bool, variant: str, longest: int, number: int
) -> None:
    reply = await InProcess(faults={f"big-headers:{variant}": 1.0}).ask(dialect, stream=stream)
    assert reply.status == 200
    assert max(map(len, reply.headers.values())) >= longest
    assert len(reply.headers) >= number or variant == "long"


@pytest.mark.case("wire", "big-headers")
@pytest.mark.parametrize("variant", ["long", "many"])
def test_big_headers_go_out(simulator: Simulator, variant: str) -> None:
    running = simulator(faults={f"big-headers:{variant}": 1.0})
    head, _body = exchange(running, "chat", running.keys[0], stream=False)
    assert max(map(len, head)) > 9_000 if variant == "long" else len(head) > 140


@pytest.mark.case("wire", "gzip-anyway")
@pytest.mark.parametrize("known", [True, False], ids=["answer", "error"])
@MODES
@DIALECTS
def test_everything_is_zipped_though_nobody_asked(
    zipped: Simulated, dialect: str, stream: bool, known: bool
) -> None:
    head, body = exchange(zipped, dialect, zipped.keys[0] if known else "stranger", stream=stream)
    assert b"content-encoding: gzip" in head
    assert not [line for line in head if line.startswith(b"content-length")]
    assert (b"14" if known else b"error") in gzip.decompress(dechunked(body))


@pytest.mark.case("wire", "gzip-anyway")
@MODES
@DIALECTS
async def test_what_is_zipped_is_whole(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"gzip-anyway": 1.0}, latency=0.02)
    reply = await running.ask(dialect, "What is 2 + 3 x 4?", stream=stream)
    assert (reply.headers["content-encoding"], "content-length" in reply.headers) == ("gzip", False)
    assert b"14" in gzip.decompress(reply.body)


@pytest.fixture(scope="module")
def zipped() -> Iterator[Simulated]:
    running = Simulated(faults={"gzip-anyway": 1.0})
    yield running
    running.close()


_CLIENT = """
import socket, sys, time
host, port, payload = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
held = []
for _ in range(200):
    held.append(socket.create_connection((host, port)))
    held[-1].sendall(payload)
print("sent", flush=True)
time.sleep(60)
"""


@pytest.mark.case("files", "simulator-quiet")
def test_a_simulator_whose_clients_are_killed_is_quiet(simulator: Simulator) -> None:
    running = simulator(latency=0.3)
    host, _, port = running.root.removeprefix("http://").partition(":")
    payload = request("chat", running.keys[0], stream=True).hex()

    def dropped() -> int:
        return int(running.stats()["by_key"].get(running.keys[0], {"dropped": 0})["dropped"])

    # On a busy machine most of the answers may be whole before their client is killed.
    for wait_s in (0.0, 0.1, 0.1) * 20:
        command = [sys.executable, "-c", _CLIENT, host, port, payload]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()
            time.sleep(wait_s)
            client.send_signal(signal.SIGKILL)
        if dropped() >= 300:
            break
    wait_for(lambda: dropped() >= 300)
    time.sleep(0.5)
    assert running.complaints() == ""
