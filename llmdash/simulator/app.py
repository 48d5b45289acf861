"""The simulator as an ASGI application: chat, the model list, and a side door for statistics and orders."""

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

from llmdash.simulator.chat import Chat, Receive, Scope, Send, bearer, unknown_key
from llmdash.simulator.settings import SimulatorSettings
from llmdash.simulator.stats import Stats
from llmdash.simulator.wire import error, model

__all__ = ["MODELS", "make_app"]

MODELS = ("sim-small", "sim-large")
"""What `GET /v1/models` lists. A chat request may name any model."""


def _json(content: object, status: int = 200) -> Response:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Response(body, status, media_type="application/json")


class _Desk:
    """The endpoints that are not chat: few calls, plain code."""

    def __init__(self, chat: Chat, stats: Stats, clock: Callable[[], float]) -> None:
        self._chat = chat
        self._stats = stats
        self._clock = clock

    def _refusal(self, request: Request) -> Response | None:
        key = bearer(request.scope)
        gate = self._chat.gates.get(key)
        if gate is not None and not gate.refused:
            return None
        return _json(unknown_key(key), 401)

    async def models(self, request: Request) -> Response:
        listing = {"object": "list", "data": [model(name) for name in MODELS]}
        return self._refusal(request) or self._named(_json(listing))

    async def one_model(self, request: Request) -> Response:
        name = request.path_params["name"].rstrip("/")
        if not name:
            return await self.models(request)
        if name in MODELS:
            return self._refusal(request) or self._named(_json(model(name)))
        fault = error(
            f"The model '{name[:100]}' does not exist", "invalid_request_error", "model_not_found", "model"
        )
        return self._refusal(request) or self._named(_json(fault, 404))

    def _named(self, response: Response) -> Response:
        response.headers["x-request-id"] = f"req_{self._chat.identity()}"
        return response

    async def stats(self, request: Request) -> Response:
        return _json(self._stats.report(arrivals=request.query_params.get("arrivals") == "1"))

    async def order(self, request: Request) -> Response:
        key = request.path_params["key"]
        gate = self._chat.gates.get(key)
        if gate is None:
            return _json(error("This key is not one of the simulator's.", "invalid_request_error", None), 404)
        try:
            gate.order(msgspec.json.decode(await request.body(), type=dict[str, Any]), self._clock())
        except (ValueError, RecursionError) as fault:
            return _json(error(str(fault), "invalid_request_error", None), 400)
        return _json({"ok": True})


async def _fault(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    known = {404: "Invalid URL", 405: "Not allowed to"}.get(status, "Error at")
    text = f"{known} ({request.method} {request.url.path[:200]})"
    return _json(error(text, "invalid_request_error", "unknown_url"), status)


def make_app(
    settings: SimulatorSettings, clock: Callable[[], float] = time.monotonic
) -> Callable[[Scope, Receive, Send], Any]:
    """The application. `clock` (seconds, monotonic) rules the limits; delays follow the event loop."""
    stats = Stats(settings.keys)
    chat = Chat(settings, stats, clock)
    desk = _Desk(chat, stats, clock)
    others = Starlette(
        routes=[
            Route("/v1/models", desk.models),
            Route("/v1/models/{name:path}", desk.one_model),
            Route("/__sim__/stats", desk.stats),
            Route("/__sim__/key/{key:path}", desk.order, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _fault},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Chat goes past the router: it is nearly all of the traffic.
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1"):
            await chat(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app
