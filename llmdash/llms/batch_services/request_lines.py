"""RequestLines: the body of a request in a file, which is that of a call, but for how the answer comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmdash.llms.messages import Body, PromptLike
from llmdash.llms.request_body import is_several, written
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["BodyOf", "RequestLines", "written_line"]

_DELIVERY = ("stream", "stream_options")
_HEADERS = ("extra_headers", "headers", "default_headers")
_ENDS_OF_LINES = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
"""Characters at which some readers of lines break them, though JSON lets them stand in a text."""

BodyOf = Callable[[PromptLike, str | Sequence[str] | None, Mapping[str, Any]], Mapping[str, Any]]
"""Returns the body of a call to a prompt, with stop sequences and options. Raises Failure."""


class RequestLines:
    """Writes the requests of a file; `body_of` makes their bodies."""

    def __init__(self, body_of: BodyOf) -> None:
        self._body_of = body_of

    def body(
        self, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the body of a request. Raises Failure (REQUEST) for what a batch cannot carry."""
        _refuse(options)
        if isinstance(prompt, Body):
            _refuse(prompt.fields)
        body = self._body_of(prompt, stop, {**options, "stream": False})
        if is_several(body.get("n")):
            raise _refused("n: a request of a batch has one answer")
        return {name: value for name, value in body.items() if name not in _DELIVERY}


def written_line(request: Mapping[str, Any]) -> bytes:
    """Return a request as one line. Raises Failure for what JSON cannot hold."""
    line = written(request)
    for end, escaped in _ENDS_OF_LINES:
        if end in line:
            line = line.replace(end, escaped)
    return line


def _refuse(options: Mapping[str, Any]) -> None:
    if options.get("stream"):
        raise _refused("stream: an answer of a batch comes whole")
    for name in _HEADERS:
        if options.get(name):
            raise _refused(f"{name}: a request of a batch has no headers of its own")


def _refused(why: str) -> Failure:
    return Failure(FailureKind.REQUEST, f"a batch cannot carry {why}")
