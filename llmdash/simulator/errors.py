"""Error responses, before a dialect has given them its shape."""

from __future__ import annotations

import math

__all__ = ["ServedError", "Throttled"]


class ServedError(Exception):
    """An error response. The text says what is wrong; `param` names the part of the request at fault.

    `code` is OpenAI's error code, where it is not the usual one of the status.
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class Throttled(ServedError):
    """Status 429: a request sent `seconds` later is admitted. `limit` is what ran out: requests or tokens."""

    def __init__(self, seconds: float, limit: str) -> None:
        self.seconds = math.ceil(seconds * 1000) / 1000
        self.limit = limit
        super().__init__(429, f"Rate limit reached for {limit}. Please try again in {self.seconds:.3f}s.")
