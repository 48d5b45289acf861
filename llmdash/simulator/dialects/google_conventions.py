"""What calls of Google's own API share: keys and errors (https://cloud.google.com/apis/design/errors)."""

from __future__ import annotations

from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import encode
from llmdash.simulator.dialects.openai import OpenAIConventions
from llmdash.simulator.errors import ServedError

__all__ = ["GoogleConventions"]

_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


class GoogleConventions(OpenAIConventions):
    """Keys in `x-goog-api-key`, errors as `{"error": {"code", "message", "status"}}`. A bearer token is none:
    it would be an OAuth one.
    """

    def key(self, headers: Headers) -> str:
        found = (value.decode("latin-1").strip() for name, value in headers if name == b"x-goog-api-key")
        return next(found, "")

    def unknown_key(self, key: str) -> ServedError:
        if not key:
            return ServedError(403, "Method doesn't allow unregistered callers. Please use API Key.")
        return ServedError(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")

    def error(self, error: ServedError, identity: str) -> bytes:
        body = {"code": error.status, "message": str(error), "status": _NAMES.get(error.status, "UNKNOWN")}
        reason = error.code if error.code == "API_KEY_INVALID" else None
        details = {"details": [{"@type": _INFO, "reason": reason}]} if reason else {}
        return encode({"error": {**body, **details}})
