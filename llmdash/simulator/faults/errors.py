"""The documents in which providers and gateways put their errors."""

from __future__ import annotations

from typing import Any

from llmdash.simulator.faults.base import Asking

__all__ = ["error_document", "google_document"]


def error_document(
    asking: Asking,
    message: str,
    kind: str,
    code: str | int | None = None,
    *,
    param: str | None = None,
    anthropic: str = "invalid_request_error",
) -> dict[str, Any]:
    """Return an error in the shape of the request's dialect.

    `kind` is its type for OpenAI, `anthropic` for Anthropic, which has neither `param` nor, but for
    gateways, a code.
    """
    if asking.dialect == "messages":
        coded = {} if code is None else {"code": code}
        error = {"type": anthropic, "message": message, **coded}
        return {"type": "error", "error": error, "request_id": "req_fault"}
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def google_document(status: int, word: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """Return an error as Google's endpoints have it; a detail is named by its type and its fields."""
    named = [
        {"@type": f"type.googleapis.com/google.rpc.{each['type']}", **each["fields"]} for each in details
    ]
    return {"error": {"code": status, "message": message, "status": word, "details": named}}
