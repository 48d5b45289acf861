"""Faults that blame the request or the model, and errors in the body of a 200."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmdash.simulator.faults.answers import filtered
from llmdash.simulator.faults.base import (
    CHUNKED,
    EVERY,
    OPENAI,
    Asking,
    Compose,
    Fault,
    Reach,
    Refusal,
    Refuse,
    Variant,
)
from llmdash.simulator.faults.errors import error_document

__all__ = ["REQUESTS"]


def _in_200(document: dict[str, Any], *, as_event: bool) -> Refuse:
    def make(asking: Asking, _seconds: float) -> Refusal:
        return Refusal(200, document, as_event=as_event and asking.streamed)

    return Refuse(make)


def _unsupported(param: str, message: str, code: str) -> Refuse:
    def make(asking: Asking, _seconds: float) -> Refusal:
        document = error_document(asking, message, "invalid_request_error", code, param=param)
        if asking.dialect == "messages":
            document["error"].pop("code")
        return Refusal(400, document)

    return Refuse(make)


def _has(name: str) -> Callable[[Asking], bool]:
    return lambda asking: asking.body.get(name) not in (None, False)


def _raw(asking: Asking, _seconds: float) -> Refusal:
    reason = '{"error":{"message":"temperature: range: 0..1","type":"invalid_request_error"}}'
    document = error_document(asking, "Provider returned error", "invalid_request_error", 400)
    document["error"]["metadata"] = {"raw": reason, "provider_name": "Upstream"}
    return Refusal(400, document)


def _filtered(asking: Asking, _seconds: float) -> Refusal:
    text = "The response was filtered due to the prompt triggering the content management policy."
    document = error_document(asking, text, "invalid_request_error", "content_filter", param="prompt")
    document["error"]["innererror"] = {"code": "ResponsibleAIPolicyViolation"}
    return Refusal(400, document)


def _no_such_model(asking: Asking, _seconds: float) -> Refusal:
    text = f"No available channel for model {asking.model[:200]} under the group default."
    return Refusal(
        503, error_document(asking, text, "new_api_error", "model_not_found", anthropic="api_error")
    )


_BALANCE = {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}
_BUSY = {"code": 1302, "msg": "Too many concurrent requests for this account.", "success": False}

REQUESTS = (
    Fault(
        "error-in-200",
        "status 200 and an error for a body, in shapes of no dialect",
        Reach.REQUEST,
        {
            "base-resp": Variant(_in_200(_BALANCE, as_event=True), reach=Reach.KEY),
            "code-msg": Variant(_in_200(_BUSY, as_event=False)),
            "detail": Variant(_in_200({"detail": "The worker is restarting."}, as_event=False)),
            "string": Variant(_in_200({"error": "upstream connection failed"}, as_event=True)),
        },
    ),
    Fault(
        "no-max-tokens",
        "a 400 for a field that the model does not support: `max_tokens`, or the variant's",
        Reach.EACH,
        {
            "max_tokens": Variant(
                _unsupported(
                    "max_tokens",
                    "Unsupported parameter: 'max_tokens' is not supported with this model. "
                    "Use 'max_completion_tokens' instead.",
                    "unsupported_parameter",
                ),
                frozenset({"chat"}),
                _has("max_tokens"),
            ),
            "stream_options": Variant(
                _unsupported(
                    "stream_options",
                    "Unrecognized request argument supplied: stream_options",
                    "unknown_parameter",
                ),
                CHUNKED,
                _has("stream_options"),
                asked_only=True,
            ),
            "temperature": Variant(
                _unsupported(
                    "temperature",
                    "Unsupported value: 'temperature' is not supported with this model.",
                    "unsupported_value",
                ),
                EVERY,
                _has("temperature"),
                asked_only=True,
            ),
            "stream": Variant(
                _unsupported(
                    "stream",
                    "Your organization must be verified to stream this model.",
                    "unsupported_value",
                ),
                EVERY,
                _has("stream"),
                asked_only=True,
            ),
        },
    ),
    Fault(
        "raw-reason",
        "a 400 that has the reason only in `metadata.raw`",
        Reach.PROMPT,
        {"raw": Variant(Refuse(_raw))},
    ),
    Fault(
        "filter-heavy",
        "prompts refused by a content filter, as a 400 or as the finish reason of an empty answer",
        Reach.PROMPT,
        {"status": Variant(Refuse(_filtered), OPENAI), "finish": Variant(Compose(filtered))},
    ),
    Fault(
        "model-503",
        "a wrong model as a 503",
        Reach.EACH,
        {"503": Variant(Refuse(_no_such_model))},
    ),
)
"""Refusals of a request, and errors that come as answers."""
