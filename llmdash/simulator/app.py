"""The simulator as an ASGI application: dialects, batches, the model list, PromptLayer, a control API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from llmdash.simulator.batches.desk import SimulatedBatches
from llmdash.simulator.batches.door import BatchDoor
from llmdash.simulator.connection import Receive, Scope, Send
from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.openai import OpenAIConventions, model
from llmdash.simulator.dialects.served import DIALECTS
from llmdash.simulator.errors import ServedError
from llmdash.simulator.service import Service
from llmdash.simulator.settings import SimulatorSettings
from llmdash.simulator.stats import Stats
from llmdash.simulator.tracking import MAX_REPORT, BadReportError, Tracker

__all__ = ["MODELS", "SimulatorApp", "make_app"]

MODELS = ("sim-small", "sim-large")
"""What `GET /v1/models` lists. A request may name any model."""


_KEPT = 1_000


def _json(content: object, status: int = 200) -> Response:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Response(body, status, media_type="application/json")


def _error(error: ServedError) -> Response:
    return _json(OpenAIConventions().error(error, ""), error.status)


class _Models:
    """The model list; it takes the keys of either provider."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def _refusal(self, request: Request) -> Response | None:
        key = AnthropicConventions().key(request.scope["headers"])
        gate = self._service.gates.get(key)
        return None if gate is not None and not gate.refused else _error(OpenAIConventions().unknown_key(key))

    async def every(self, request: Request) -> Response:
        listing = {"object": "list", "data": [model(name) for name in MODELS]}
        return self._refusal(request) or self._named(_json(listing))

    async def one(self, request: Request) -> Response:
        name = request.path_params["name"].rstrip("/")
        if not name:
            return await self.every(request)
        if name in MODELS:
            return self._refusal(request) or self._named(_json(model(name)))
        error = ServedError(404, f"The model '{name[:100]}' does not exist", "model", "model_not_found")
        return self._refusal(request) or self._named(_error(error))

    def _named(self, response: Response) -> Response:
        response.headers["x-request-id"] = f"req_{self._service.identity()}"
        return response


class _ControlApi:
    """The control API `/__sim__` for tests and demos: statistics and faults, outside of any dialect."""

    def __init__(self, service: Service, stats: Stats, tracker: Tracker, clock: Callable[[], float]) -> None:
        self._service = service
        self._stats = stats
        self._tracker = tracker
        self._clock = clock

    async def stats(self, request: Request) -> Response:
        report = self._stats.report(arrivals=request.query_params.get("arrivals") == "1")
        return _json({**report, "tracked": self._tracker.counts})

    async def requests(self, request: Request) -> Response:
        """Return the last requests; POST `{"keep": N}` forgets them and sets how many are kept."""
        recorder = self._service.recorder
        try:
            if request.method == "POST":
                orders = msgspec.json.decode(await request.body(), type=dict[str, int])
                recorder.keep(orders.get("keep", _KEPT))
            asked = request.query_params
            found = recorder.report(
                after=int(asked.get("after", 0)),
                limit=int(asked.get("limit", _KEPT)),
                bodies=asked.get("bodies") == "1",
            )
        except (ValueError, RecursionError) as error:
            return _error(ServedError(400, str(error)))
        return _json({"requests": found})

    async def order(self, request: Request) -> Response:
        gate = self._service.gates.get(request.path_params["key"])
        if gate is None:
            return _json({"error": {"message": "This key is not one of the simulator's."}}, 404)
        try:
            gate.order(msgspec.json.decode(await request.body(), type=dict[str, Any]), self._clock())
        except (ValueError, RecursionError) as error:
            return _error(ServedError(400, str(error)))
        return _json({"ok": True})

    async def tracked(self, request: Request) -> Response:
        """Return the reports kept; POST `{"refuse": bool}` sets whether further ones are refused."""
        if request.method == "POST":
            try:
                orders = msgspec.json.decode(await request.body(), type=dict[str, bool])
            except (ValueError, RecursionError) as error:
                return _error(ServedError(400, str(error)))
            self._tracker.refusing = orders.get("refuse", False)
        return _json({"reports": self._tracker.reports})


class _Reports:
    """PromptLayer's endpoint."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    async def take(self, request: Request) -> Response:
        try:
            number = self._tracker.take(await _body(request))
        except BadReportError as error:
            return _json({"success": False, "message": str(error)}, error.status)
        return _json({"success": True, "request_id": number})


async def _body(request: Request) -> bytes:
    """The body; of one that is too large, slightly more than is allowed."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_REPORT:
            break
    return bytes(parts)


async def _failed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: "Invalid URL", 405: "Not allowed to"}.get(status, "Error at")
    text = f"{known} ({request.method} {request.url.path[:200]})"
    return _error(ServedError(status, text, code="unknown_url"))


_OTHERS_PATHS = ("/together/v1/", "/v1beta/openai/")


class SimulatorApp:
    """The application; `batches` takes orders for its batch services."""

    def __init__(
        self, settings: SimulatorSettings, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        stats = Stats(settings.keys)
        self._service = Service(settings, stats, clock, wall)
        self.batches = SimulatedBatches(self._service, clock, wall, settings.batch_speed)
        self._others = _others(self._service, stats, clock, BatchDoor(self.batches, self._service.executions))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The dialects bypass everything else: they are nearly all of the traffic.
        posted = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1")
        if posted and scope["path"] in DIALECTS:
            await self._service(scope, receive, send)
        elif scope["type"] == "http" and await self.batches(scope, receive, send):
            return
        elif scope["type"] == "http" and (path := _path_at_openai(scope["path"])) is not None:
            await self({**scope, "path": path}, receive, send)
        elif posted:
            await self._service(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def _path_at_openai(path: str) -> str | None:
    """The path that OpenAI has for what Together or Gemini serve below their own; None for any other."""
    beginning = next((each for each in _OTHERS_PATHS if path.startswith(each)), None)
    return None if beginning is None else "/v1/" + path.removeprefix(beginning)


def _others(service: Service, stats: Stats, clock: Callable[[], float], batches: BatchDoor) -> Starlette:
    """What is served beside the dialects and batches."""
    tracker = Tracker()
    models, door, reports = _Models(service), _ControlApi(service, stats, tracker, clock), _Reports(tracker)
    return Starlette(
        routes=[
            Route("/v1/models", models.every),
            Route("/v1/models/{name:path}", models.one),
            Route("/track-request", reports.take, methods=["POST"]),
            Route("/rest/track-request", reports.take, methods=["POST"]),
            Route("/__sim__/stats", door.stats),
            Route("/__sim__/requests", door.requests, methods=["GET", "POST"]),
            Route("/__sim__/tracked", door.tracked, methods=["GET", "POST"]),
            Route("/__sim__/key/{key:path}", door.order, methods=["POST"]),
            Route("/__sim__/batches", batches.batches, methods=["GET", "POST", "DELETE"]),
            Route("/__sim__/executions", batches.executions, methods=["GET", "DELETE"]),
        ],
        exception_handlers={HTTPException: _failed},
    )


def make_app(
    settings: SimulatorSettings,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> SimulatorApp:
    """Return the application. `clock` (monotonic seconds) is that of limits and batches; delays use the
    event loop's.

    `wall` is the Unix time in responses.
    """
    return SimulatorApp(settings, clock, wall)
