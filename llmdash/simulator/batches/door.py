"""The side door of the batch services: what they were asked and hold, and what they are to get wrong."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llmdash.simulator.batches.desk import SimulatedBatches
from llmdash.simulator.executions import Executions

__all__ = ["BatchDoor"]


class BatchDoor:
    """`/__sim__/batches` and `/__sim__/executions`."""

    def __init__(self, desk: SimulatedBatches, executions: Executions) -> None:
        self._desk = desk
        self._executions = executions

    async def batches(self, request: Request) -> Response:
        """Return what is held, and with `?calls=1` the last calls; DELETE forgets all that.

        POST changes the orders that it names: `{"stuck": true}`; with `batch` they are for that one only, and
        `reset` ends all earlier ones first.
        """
        if request.method == "DELETE":
            self._desk.forget()
        if request.method == "POST":
            try:
                orders: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
                if orders.pop("reset", False):
                    self._desk.reset()
                self._desk.order(orders, orders.pop("batch", None))
            except (ValueError, RecursionError) as error:
                return _json({"error": {"message": str(error)}}, 400)
        return _json(await self._desk.report(calls=request.query_params.get("calls") == "1"))

    async def executions(self, request: Request) -> Response:
        """Return how often prompts were executed, with `?prompts=1` for each; DELETE forgets that."""
        if request.method == "DELETE":
            self._executions.clear()
        return _json(self._executions.report(prompts=request.query_params.get("prompts") == "1"))


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
