"""Batches in Anthropic's shape: the requests of a create, checked, and the lines of the results."""

from __future__ import annotations

import asyncio
import mmap
import re

import msgspec

from llmdash.simulator.batches.held import BatchRequest, Rest
from llmdash.simulator.batches.orders import BatchOrders
from llmdash.simulator.batches.spool import LineSpool, Spool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.base import Conventions, decode, encode
from llmdash.simulator.errors import ServedError
from llmdash.simulator.executions import Executed

__all__ = ["MessagesShape", "read_requests"]

_MOST_REQUESTS = 100_000
_MOST_BYTES = 256 * 1024 * 1024
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SLICE = 100  # requests between which other work is done
_PATH = "/v1/messages"
_NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or"
    " purchase credits."
)


class _Request(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


class _Create(msgspec.Struct):
    requests: list[_Request]


class _Model(msgspec.Struct):
    model: str = ""
    stream: bool | None = None


_creates = msgspec.json.Decoder(_Create)
_requests = msgspec.json.Decoder(_Request)
_models = msgspec.json.Decoder(_Model)


class MessagesShape:
    """Lines with `params`; all results are in one file, each of a type."""

    def __init__(self) -> None:
        self.conventions: Conventions = AnthropicConventions()
        self.headers: Headers = [(b"anthropic-version", b"2023-06-01")]
        self.separates_errors = False

    def request(self, line: bytes) -> BatchRequest:
        found = _requests.decode(line)
        return BatchRequest(found.custom_id, _PATH, bytes(found.params))

    def result(self, request: BatchRequest, answer: Executed) -> bytes:
        body = msgspec.Raw(answer.body)
        result = (
            {"type": "errored", "error": body} if answer.failed else {"type": "succeeded", "message": body}
        )
        return encode({"custom_id": request.custom_id, "result": result})

    def rest(self, request: BatchRequest, rest: Rest, identity: str) -> bytes | None:
        kind = "expired" if rest == "expired" else "canceled"
        return encode({"custom_id": request.custom_id, "result": {"type": kind}})

    def out_of_credit(self) -> ServedError:
        return ServedError(400, _NO_CREDIT)


async def read_requests(body: Spool, orders: BatchOrders) -> tuple[LineSpool, str, int]:
    """Return the requests of a create, a line each, with the model of the first and the tokens of all.

    Raises ServedError if there is anything wrong with them. The parameters are not looked at: what is wrong
    with those is in the results.
    """
    largest = orders.most_bytes if orders.most_bytes is not None else _MOST_BYTES
    if body.size > largest:
        raise ServedError(413, f"The request exceeds the maximum size of {largest} bytes.")
    if not body.size:
        raise ServedError(400, "The request has no body.")
    # Closed when nothing looks at it any more: the requests below are views of it.
    mapped = mmap.mmap(body.fileno(), body.size, access=mmap.ACCESS_READ)
    return await _checked(memoryview(mapped), orders)


async def _checked(body: memoryview, orders: BatchOrders) -> tuple[LineSpool, str, int]:
    found: _Create = decode(_creates, body, ("requests", "custom_id", "params"))
    requests = found.requests
    most = orders.most_requests if orders.most_requests is not None else _MOST_REQUESTS
    if not 1 <= len(requests) <= most:
        raise ServedError(400, f"requests: there must be from 1 to {most}, not {len(requests)}.")
    known: set[str] = set()
    lines = LineSpool()
    tokens = 0
    for place, request in enumerate(requests):
        name = request.custom_id
        if not _CUSTOM_ID.fullmatch(name):
            text = "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
            raise ServedError(400, f"requests.{place}.custom_id: {text}")
        if name in known:
            raise ServedError(400, f"requests.{place}.custom_id: custom_id must be unique: {name}")
        known.add(name)
        lines.add(encode(request))
        tokens += len(memoryview(request.params)) // 4
        if place % _SLICE == 0:
            await asyncio.sleep(0)
    return lines, _model_of(requests, orders), tokens


def _model_of(requests: list[_Request], orders: BatchOrders) -> str:
    """The model of the first request; models that are served live only are refused."""
    models = {_named(request) for request in requests} if orders.unbatchable else set()
    refused = sorted(models & set(orders.unbatchable))
    if refused:
        raise ServedError(400, f"model: {refused[0][:100]} is not supported by the Message Batches API.")
    return _named(requests[0])


def _named(request: _Request) -> str:
    try:
        return _models.decode(request.params).model
    except msgspec.MsgspecError:
        return ""
