"""A running simulator as the tests see it: from outside, over HTTP."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

DEFAULT_KEYS = ("sim-a", "sim-b", "sim-c")


class Reply(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Simulated:
    """A simulator in its own process: at once and strict, unless told otherwise.

    `base_url` ends in `/v1`; `stats`, `requests` and `control` use its side door.
    """

    def __init__(self, **settings: Any) -> None:
        keys = tuple(settings.pop("keys", DEFAULT_KEYS))
        settings.setdefault("latency", 0.0)
        settings.setdefault("strict", True)
        self.settings = SimulatorSettings(keys=keys, **settings)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = SimulatorProcess(self.settings, stderr=self._stderr)
        self.base_url = self._process.base_url()

    @property
    def keys(self) -> tuple[str, ...]:
        return self.settings.keys

    @property
    def pid(self) -> int:
        return self._process.pid

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

    def complaints(self) -> str:
        """What the process has written to standard error so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode()

    def close(self) -> None:
        self._process.close()
        self._stderr.close()


def stats_of(base_url: str) -> dict[str, Any]:
    """What the simulator at a base URL says it saw."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/__sim__/stats") as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.loads(answer.read())
        return found


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
