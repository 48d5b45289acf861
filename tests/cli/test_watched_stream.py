"""The stream on screen, made by a worker: every chunk, in order, and soon."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from llmdash.config import load_settings
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.view import StreamView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.preparing import prepare
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.launch.workers import WorkersOrder
from tests.cli.processes import Family
from tests.waiting import wait_for

CHUNKS = 40
EVERY_S = 0.05


class SlowServer(ThreadingHTTPServer):
    """Streams an answer a chunk at a time; `sent_at` is when it sent each, in monotonic seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent_at: list[float] = []


class _Handler(BaseHTTPRequestHandler):
    server: SlowServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for number in range(CHUNKS):
            time.sleep(EVERY_S)
            self._send(json.dumps({"choices": [{"index": 0, "delta": {"content": f" {number}"}}]}))
        self._send(json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        self._send("[DONE]")

    def _send(self, data: str) -> None:
        self.server.sent_at.append(time.monotonic())
        self.wfile.write(f"data: {data}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_server() -> Iterator[SlowServer]:
    with SlowServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def shown(session: LocalSession, texts: list[str], seen_at: list[float]) -> bool:
    """Take over what is new of the stream, with the time; True once it is whole."""
    stream = session.frame(View(stream=StreamView(0, 0, 1, len(texts)))).stream
    if stream.start == len(texts):
        texts += stream.chunks
        seen_at += [time.monotonic()] * len(stream.chunks)
    return len(texts) >= CHUNKS


def test_each_chunk_of_the_watched_stream_arrives_in_order(
    slow_server: SlowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Family()
    for name, value in {**family.env, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.txt").write_text("Count.\n")
    texts: list[str] = []
    seen_at: list[float] = []
    base_url = f"http://127.0.0.1:{slow_server.server_port}/v1"
    settings = load_settings(
        {}, environ={"OPENAI_API_KEY": "k-one", "OPENAI_BASE_URL": base_url}, cwd=tmp_path
    )
    order = RunOrder(Input(Path("p.txt")), workers=WorkersOrder(workers=1))
    with prepare(order, settings) as prepared:
        session = LocalSession(prepared.plan)
        session.start()
        wait_for(lambda: shown(session, texts, seen_at), "the whole stream")
        session.command(Cancel())
        session.join()
    wait_for(lambda: not family.processes(), "the worker to end")
    lags = sorted(seen - sent for seen, sent in zip(seen_at, slow_server.sent_at, strict=False))
    print(f"\nfrom sent to shown: p50 {lags[CHUNKS // 2]:.3f} s, most {lags[-1]:.3f} s")
    assert texts == [f" {number}" for number in range(CHUNKS)]
