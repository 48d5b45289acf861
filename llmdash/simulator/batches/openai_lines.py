"""Batches in OpenAI's shape: the lines of the input file, checked, and those of the results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from llmdash.simulator.batches.held import BatchRequest, HeldBatch, Rest
from llmdash.simulator.batches.orders import BatchOrders
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Conventions, encode
from llmdash.simulator.dialects.openai import OpenAIConventions
from llmdash.simulator.errors import ServedError
from llmdash.simulator.executions import Executed

__all__ = ["ENDPOINTS", "OpenAIFileShape", "ShortLine", "checking", "result_line"]

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings")
"""Where the requests of a batch may go."""

_MOST_REQUESTS = 50_000
_MOST_BYTES = 200 * 1024 * 1024
_MOST_PROBLEMS = 100
_NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."


class _Line(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class _Body(msgspec.Struct):
    model: str
    stream: bool | None = None


class ShortLine(msgspec.Struct):
    """A line that names no URL: that is the endpoint of its batch."""

    custom_id: str
    body: msgspec.Raw
    method: str = "POST"
    url: str | None = None


_lines = msgspec.json.Decoder(_Line)
_bodies = msgspec.json.Decoder(_Body)


class _QuotaError(ServedError):
    """The 429 that no wait helps."""

    def __init__(self) -> None:
        super().__init__(429, _NO_QUOTA, code="insufficient_quota")


class _LineConventions(OpenAIConventions):
    """Errors as they are in lines."""

    def error(self, error: ServedError, identity: str) -> bytes:
        if isinstance(error, _QuotaError):
            kind = "insufficient_quota"
            return encode({"error": {"message": _NO_QUOTA, "type": kind, "param": None, "code": kind}})
        return super().error(error, identity)


class OpenAIFileShape:
    """Lines with `method`, `url` and `body`; answers in one file, and errors in another."""

    lines: msgspec.json.Decoder[_Line] | msgspec.json.Decoder[ShortLine] = _lines

    def __init__(self) -> None:
        self.conventions: Conventions = _LineConventions()
        self.headers: Headers = [(b"content-type", b"application/json")]
        self.separates_errors = True

    def request(self, line: bytes) -> BatchRequest:
        found = _lines.decode(line)
        return BatchRequest(found.custom_id, found.url, bytes(found.body))

    def result(self, request: BatchRequest, answer: Executed) -> bytes:
        response = {
            "status_code": answer.status,
            "request_id": f"req_{answer.identity}",
            "body": msgspec.Raw(answer.body),
        }
        return result_line(answer.identity, request.custom_id, response, None)

    def rest(self, request: BatchRequest, rest: Rest, identity: str) -> bytes | None:
        """Of a cancelled batch nothing is written of what was not executed."""
        if rest == "cancelled":
            return None
        text = "This request could not be executed before the completion window expired."
        return result_line(identity, request.custom_id, None, {"code": "batch_expired", "message": text})

    def out_of_credit(self) -> ServedError:
        return _QuotaError()


def result_line(identity: str, custom_id: str, response: Any, error: Any) -> bytes:
    """Return a line of results."""
    line = {"id": f"batch_req_{identity}", "custom_id": custom_id, "response": response, "error": error}
    return encode(line)


def checking(batch: HeldBatch, orders: BatchOrders, shape: OpenAIFileShape) -> Iterator[None]:
    """Find the lines of a batch in its input file and check them by its shape; yields after each.

    What is wrong with them is in its `problems`, the first 100.
    """
    spool = batch.lines.spool
    most = orders.most_requests if orders.most_requests is not None else _MOST_REQUESTS
    largest = orders.most_bytes if orders.most_bytes is not None else _MOST_BYTES
    if spool.size > largest:
        text = f"The input file is larger than the maximum of {largest} bytes."
        batch.problems.append(_problem("file_too_large", text))
        return
    known: dict[str, None] = {}
    at = number = 0
    while (line := spool.line(at)) and len(batch.problems) < _MOST_PROBLEMS:
        number += 1
        if line.strip():
            batch.lines.found(at)
            problem = _wrong(batch, line, known, orders, shape)
            if problem is not None:
                batch.problems.append({**problem, "line": number})
        at += len(line)
        yield
    if not batch.total:
        batch.problems.append(_problem("empty_file", "The input file is empty."))
    if batch.total > most:
        text = f"The batch has {batch.total} requests, and the maximum is {most}."
        batch.problems.append(_problem("too_many_requests", text))
    if orders.invalid and not batch.problems:
        text = "This line is not parseable as valid JSON."
        batch.problems.append({**_problem("invalid_json_line", text), "line": 1})


def _problem(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": None}


def _wrong(
    batch: HeldBatch, line: bytes, known: dict[str, None], orders: BatchOrders, shape: OpenAIFileShape
) -> dict[str, Any] | None:
    """What is wrong with a line, if anything."""
    try:
        found = shape.lines.decode(line)
        body = _bodies.decode(found.body)
    except msgspec.ValidationError as error:
        return _problem("invalid_request", f"This line is no request: {error}.")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _problem("invalid_json_line", "This line is not parseable as valid JSON.")
    batch.tokens += len(line) // 4
    batch.model = batch.model or body.model
    custom_id = found.custom_id
    if custom_id in known:
        text = f"The custom_id '{custom_id[:100]}' is a duplicate: it must be unique in a batch."
        return _problem("duplicate_custom_id", text, "custom_id")
    known[custom_id] = None
    if found.method != "POST" or found.url not in (None, batch.spec.endpoint):
        text = f"The URL {str(found.url)[:100]!r} does not match the batch endpoint {batch.spec.endpoint!r}."
        return _problem("mismatched_endpoint", text, "url")
    if body.model != batch.model:
        return _problem("mismatched_model", "All requests of a batch must be for one model.", "body.model")
    if body.model in orders.unbatchable:
        text = f"The provided model '{body.model[:100]}' is not supported by the Batch API."
        return _problem("model_not_found", text, "body.model")
    return _problem("invalid_request", "Streaming is not supported.", "body.stream") if body.stream else None
