"""A server that keeps what it was sent (path, headers, body) and answers as a test says, else with OK."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

__all__ = ["Body", "Recorder", "Request"]

Body = dict[str, Any]
Answering = Callable[[Body], "str | tuple[int, Body]"]
"""What a request is answered with: a text, or a status and a document."""


def _ok(_body: Body) -> str:
    return "OK"


def _document(text: str) -> Body:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }


class Request(NamedTuple):
    """One request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Recorder:
    """The running server. `requests` grows as they come; `port` may be given. As a context it is closed."""

    def __init__(self, answering: Answering = _ok) -> None:
        self.requests: list[Request] = []
        kept = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                kept.append(Request(self.path, headers, body))
                said = answering(body)
                status, document = (200, _document(said)) if isinstance(said, str) else said
                answer = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
