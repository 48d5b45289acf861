"""StatedErrors: what a server says of an error inside a 200, in whatever shape, as Failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmdash.llms.wire.documents import BLANK, as_json, is_text, malformed
from llmdash.llms.wire.failures import Failure, failure_in, from_body

__all__ = ["StatedErrors"]


class StatedErrors:
    """The errors in the body of one response, which had these headers; texts in them go through `redact`."""

    __slots__ = ("_headers", "_redact")

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        self._headers = headers
        self._redact = redact

    def failure(self, error: Any) -> Failure:
        """Return the Failure for an error: its inner part, or a text."""
        return from_body(error, self._headers, redact=self._redact)

    def named(self, data: bytes) -> Failure:
        """Return the Failure for an event named `error`: an error as usual, its inner part alone, or text.

        Beside an error that is a text stands the rest of what is said.
        """
        found = as_json(data)
        if isinstance(found, dict) and isinstance(found.get("error"), dict | list):
            found = found["error"] or found
        return self.failure(found or data.decode("utf-8", "replace"))

    def found_in(self, document: Any) -> Failure | None:
        """Return the Failure for a document that is an error, in whatever shape; None for any other."""
        return failure_in(document, self._headers, redact=self._redact)

    def refuse(self, document: Any) -> None:
        """Raise the Failure for a document that is an error, in whatever shape."""
        failure = self.found_in(document)
        if failure is not None:
            raise failure

    def refuse_aside(self, data: bytes) -> None:
        """Raise the Failure for data that is no object, where it is an error in a list; also for bytes that
        are no text, and for half a list: what was spoilt may have been content.
        """
        if not is_text(data):
            raise malformed("not UTF-8")
        if not data.lstrip(BLANK).startswith(b"["):
            return
        found = as_json(data)
        if found is None:
            raise malformed("not the JSON expected")
        if isinstance(found, list) and found and isinstance(found[0], dict) and found[0].get("error"):
            raise self.failure(found[0]["error"])
