"""A running simulator as the tests see it: from outside, over HTTP."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

from llmdash.simulator.settings import SimulatorSettings
from tests.forked import CONTEXT, forked
from tests.waiting import PATIENCE_S

_LOOK_S = 0.01
DEFAULT_KEYS = ("sim-a", "sim-b", "sim-c")


class Reply(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SimulatorClient:
    """A simulator that is there, as its clients see it; `base_url` ends in `/v1`.

    `stats`, `requests` and `control` use its side door.
    """

    def __init__(self, settings: SimulatorSettings, base_url: str) -> None:
        self.settings = settings
        self.base_url = base_url

    @property
    def keys(self) -> tuple[str, ...]:
        return self.settings.keys

    @property
    def root(self) -> str:
        return self.base_url.removesuffix("/v1")

    def stats(self, *, arrivals: bool = False) -> dict[str, Any]:
        """What `GET /__sim__/stats` answers; with `arrivals` the time of every request too."""
        reply = self.fetch("/__sim__/stats" + ("?arrivals=1" if arrivals else ""))
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.json
        return found

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """What `GET /__sim__/requests` answers: the last 1,000 requests with their bodies, oldest first."""
        reply = self.fetch(f"/__sim__/requests?bodies=1&after={after}")
        assert reply.status == 200, reply
        found: list[dict[str, Any]] = reply.json["requests"]
        return found

    def control(self, key: str, **orders: Any) -> None:
        """Give orders for a key: `refuse=True`, `throttle_s=10`, `error_rate=0.5`, `quirks=["no_done"]`."""
        reply = self.fetch(f"/__sim__/key/{urllib.parse.quote(key)}", orders)
        assert reply.status == 200, reply

    def order_batches(self, **orders: Any) -> None:
        """Give orders for batches: `stuck=True`, `lost={"create": 1}`, `expired=0.37`; see BatchOrders.

        With `batch` they are for that one only; `reset=True` ends all earlier ones first.
        """
        reply = self.fetch("/__sim__/batches", orders)
        assert reply.status == 200, reply

    def batches(self) -> dict[str, Any]:
        """What `GET /__sim__/batches` answers: `calls` by kind, `batches`, `files`, and `orders`."""
        found: dict[str, Any] = self.fetch("/__sim__/batches").json
        return found

    def executions(self) -> dict[str, Any]:
        """What `GET /__sim__/executions` answers: how often each prompt was executed, which `twice`."""
        found: dict[str, Any] = self.fetch("/__sim__/executions?prompts=1").json
        return found

    def ask(self, text: str, key: str | None = None, **fields: Any) -> Reply:
        """One chat request."""
        body = {"model": "sim-small", "messages": [{"role": "user", "content": text}], **fields}
        return self.fetch("/v1/chat/completions", body, key=key or self.keys[0])

    def fetch(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A GET of `path` below the root; a POST if there is a body (as JSON, or `raw`)."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, dict(headers or {}))  # noqa: S310 - loopback
        if key is not None:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return Reply(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, _lower(error.headers), error.read())


class Simulated(SimulatorClient):
    """A simulator in its own process: at once and strict, unless told otherwise.

    With `answers` it answers so many requests of models, and those after them once it is told to `let_go`: a
    run over more of them cannot end before, however late the test looks.
    """

    def __init__(self, *, answers: int | None = None, **settings: Any) -> None:
        keys = tuple(settings.pop("keys", DEFAULT_KEYS))
        settings.setdefault("latency", 0.0)
        settings.setdefault("strict", True)
        made = SimulatorSettings(keys=keys, **settings)
        self._going = CONTEXT.Event()
        self._stderr = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed in close()
        self._stack = ExitStack()
        ready, at = CONTEXT.Pipe(duplex=False)
        with ready, at:
            arguments = (made, at, self._stderr.name, answers, self._going)
            self._process = self._stack.enter_context(forked(_serve, *arguments))
            assert ready.poll(PATIENCE_S), self.complaints()
            super().__init__(made, ready.recv())

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def let_go(self) -> None:
        """Answer every request from now on."""
        self._going.set()

    def complaints(self) -> str:
        """What the process has written to standard error so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode()

    def close(self) -> None:
        self._stack.close()
        self._stderr.close()


def _serve(
    settings: SimulatorSettings, ready: Connection, complaints: str, answers: int | None, going: Event
) -> None:
    """Serve, out of reach of a terminal's signals, for as long as there is somebody who wants it."""
    from llmdash.simulator import server

    if answers is not None:
        make_app: Any = vars(server)["make_app"]
        vars(server)["make_app"] = lambda settings: _holding(make_app(settings), answers, going)
    os.setsid()
    with open(complaints, "wb", 0) as file:  # noqa: PTH123 - no buffer
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server.serve(settings, ready=ready.send)


def _holding(app: Any, answers: int, going: Event) -> Any:
    """An app that takes every request, and answers those of models after the first ones once it may."""
    taken = 0

    async def held(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        taken += scope["path"].startswith("/v1/")
        if not scope["path"].startswith("/v1/") or taken <= answers:
            await app(scope, receive, send)
            return

        async def late(message: Any) -> None:
            while not going.is_set():  # noqa: ASYNC110 - another process sets it
                await asyncio.sleep(_LOOK_S)
            await send(message)

        await app(scope, receive, late)

    return held


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def stats_of(base_url: str) -> dict[str, Any]:
    """What the simulator at a base URL says it saw."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/__sim__/stats") as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.loads(answer.read())
        return found


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
