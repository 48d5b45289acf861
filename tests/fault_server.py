"""A server on loopback that speaks every dialect, and serves each fault of the catalogue on demand, by seed.

`base_url()` answers by plan: a share of the requests meets a fault, the rest is fine; `base_url("stall")`
always does that one. As a process of its own:

    python -m tests.fault_server --port 0 --seed 1 --share 0.3

The first line it prints is its port. `GET /__stats__` tells what it saw (`?prompts=1`: of each prompt too),
`POST /__plan__` changes the plan: `{"share": 0.0}`, `{"keys": {"sk-one": "401"}}`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from llmdash.simulator.connection import Headers
from llmdash.simulator.errors import ServedError as Unreadable
from tests.faults.catalogue import CATALOGUE, MIXED, drawn
from tests.faults.counts import Counts, Row
from tests.faults.fault import Fault, Place
from tests.faults.scene import Scene, dialect_of, scene_of
from tests.llms.raw_server import framed, overrun, refusing, serving

_FINE = CATALOGUE["fine"]
_JSON = b"content-type: application/json"
_UNREAD = b"""{"model": "m", "max_tokens": 1, "prompt": "?", "input": "?",
    "messages": [{"role": "user", "content": "?"}]}"""
"""Stands for a body that a fault does not read; every dialect takes it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which requests meet which fault.

    A `share` of them meets one of `faults`, but no prompt more than `most`: whoever tries again five times
    succeeds. `keys` says what a key meets always, before all else. The n-th request of a prompt always meets
    the same, with the same `seed`.
    """

    seed: int = 0
    share: float = 0.0
    faults: tuple[str, ...] = MIXED
    most: int = 4
    keys: dict[str, str] = field(default_factory=dict)

    def fault_for(self, key: str, rng: random.Random, so_far: Row) -> Fault:
        if key in self.keys:
            return CATALOGUE[self.keys[key]]
        struck = rng.random() < self.share and so_far.faults < self.most
        return drawn(self.faults, rng) if struck else _FINE


class _Request(NamedTuple):
    method: str
    path: str
    headers: Headers

    @classmethod
    def of(cls, head: bytes) -> _Request:
        first, *lines = head.strip().split(b"\r\n")
        method, path, *_ = first.decode("latin-1").split(" ")
        pairs = (line.partition(b":") for line in lines)
        return cls(method, path, [(name.lower(), value.strip()) for name, _, value in pairs])

    @property
    def size(self) -> int:
        return int(dict(self.headers).get(b"content-length", 0))


class FaultServer:
    """Serves what the plan or the path says, and counts. `latency` is the mean wait before an answer in
    seconds; with `echo` errors repeat the key.
    """

    def __init__(self, plan: Plan, *, latency: float = 0.0, echo: bool = False) -> None:
        self.plan = plan
        self.counts = Counts()
        self.ports: dict[Place | str, int] = {}
        self._latency = latency
        self._echo = echo
        self._serial = itertools.count(1)

    def base_url(self, fault: str | None = None) -> str:
        """Where the plan is followed, or where this fault is met always."""
        if fault is None:
            return f"http://127.0.0.1:{self.ports[Place.HTTP]}/v1"
        place = CATALOGUE[fault].place
        scheme = "https" if place is Place.TLS else "http"
        return f"{scheme}://127.0.0.1:{self.ports[place]}/{fault}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in itertools.count():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                return
            request = _Request.of(head)
            if request.method == "POST" and dialect_of(request.path) is not None:
                await self._answer(request, reader, writer, first=number == 0)
            else:
                body = await reader.readexactly(request.size)
                writer.write(framed(*self._by_side_door(request, body)))
            if writer.is_closing():
                return

    async def serve_elsewhere(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Another host: to ask it is a mistake already."""
        self.counts.elsewhere.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(framed(b"{}"))

    def _by_side_door(self, request: _Request, body: bytes) -> tuple[bytes, bytes]:
        path, _, query = request.path.partition("?")
        if path == "/__stats__":
            return json.dumps(self.counts.report(prompts="prompts=1" in query)).encode(), _JSON
        if path == "/__plan__":
            changes: dict[str, Any] = json.loads(body)
            self.plan = replace(self.plan, **changes)
        return b'{"request_id": 1}', _JSON  # which is what PromptLayer says to a report, too

    async def _answer(
        self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, first: bool
    ) -> None:
        at = time.monotonic()
        named = CATALOGUE.get(request.path.split("/")[1])
        body = _UNREAD
        if named is None or named.reads_body:
            body = await reader.readexactly(request.size)
        try:
            scene = self._scene(request, body, reader, writer)
        except Unreadable as error:
            writer.write(framed(str(error).encode(), status=b"400 Bad Request"))
            return
        prompt = scene.reply.questions[0].text
        rows = self.counts.arrived(scene.key, prompt, at)
        scene.rng = random.Random(f"{self.plan.seed}|{prompt}|{rows[-1].requests}")
        fault = named or self.plan.fault_for(scene.key, scene.rng, rows[-1])
        if self._latency:
            await asyncio.sleep(self._latency * scene.rng.uniform(0.5, 1.5))
        await self._play(_FINE if fault.second and first else fault, scene, rows)

    async def _play(self, fault: Fault, scene: Scene, rows: tuple[Row, ...]) -> None:
        self.counts.by_fault[fault.name] += 1
        if fault.kind is not None:
            for row in rows:
                row.faults += 1
        await fault.play(scene)
        if fault.kind is None:
            for row in rows:
                row.whole += 1

    def _scene(
        self, request: _Request, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Scene:
        dialect = dialect_of(request.path)
        assert dialect is not None
        return scene_of(
            dialect,
            request.headers,
            body,
            (reader, writer),
            rng=random.Random(0),
            identity=f"{next(self._serial):012x}",
            elsewhere=f"http://127.0.0.1:{self.ports['elsewhere']}/v1/chat/completions",
            echo=self._echo,
        )


@asynccontextmanager
async def fault_server(
    plan: Plan | None = None, *, port: int = 0, latency: float = 0.0, echo: bool = False
) -> AsyncIterator[FaultServer]:
    """A fault server in this event loop."""
    server = FaultServer(plan or Plan(), latency=latency, echo=echo)
    with ExitStack() as stack:
        refused, full = stack.enter_context(refusing()), stack.enter_context(overrun())
        async with (
            serving(server.serve_elsewhere) as elsewhere,
            serving(server.serve, tls=True) as tls,
            serving(server.serve, port=port) as http,
        ):
            places: dict[Place | str, int] = {Place.HTTP: http, Place.TLS: tls, "elsewhere": elsewhere}
            server.ports = {**places, Place.REFUSED: refused, Place.FULL: full}
            yield server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.0, help="of the requests that meets a fault, 0 to 1")
    parser.add_argument("--faults", default="mixed", help="names with commas between; mixed; all")
    parser.add_argument("--most", type=int, default=4, help="faults that one prompt meets")
    parser.add_argument("--latency", type=float, default=0.0, help="mean seconds before an answer")
    parser.add_argument("--echo", action="store_true", help="errors repeat the key")
    parser.add_argument("--list", action="store_true", help="name every fault with its class and leave")
    return parser.parse_args()


def _names(given: str) -> tuple[str, ...]:
    groups = {"mixed": MIXED, "all": tuple(CATALOGUE)}
    return groups.get(given) or tuple(CATALOGUE[name].name for name in given.split(","))


async def _serve(given: argparse.Namespace) -> None:
    plan = Plan(given.seed, given.share, _names(given.faults), given.most)
    async with fault_server(plan, port=given.port, latency=given.latency, echo=given.echo) as server:
        print(server.ports[Place.HTTP], flush=True)
        await asyncio.Event().wait()


def main() -> None:
    given = _arguments()
    if given.list:
        for name, fault in CATALOGUE.items():
            print(f"{name:28} {fault.kind or 'whole answer':14} {'mixed' if fault.mixed else ''}")
        return
    try:
        asyncio.run(_serve(given))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
