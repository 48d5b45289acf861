"""Several answers to one prompt (`n`): one document with a choice for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmdash.llms.messages import Delta
from llmdash.llms.wire.dialect import Dialect, Header, Provider, Reader, Request
from llmdash.secrets import Secret

__all__ = ["SeveralAnswers"]


class SeveralAnswers:
    """A dialect whose reader yields one Delta for each choice of a whole document."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def provider(self) -> Provider:
        return self._dialect.provider

    @property
    def wire(self) -> str:
        return self._dialect.wire

    def url(self, base_url: str) -> str:
        return self._dialect.url(base_url)

    def headers(self, secret: Secret) -> Sequence[Header]:
        return self._dialect.headers(secret)

    def body(self, request: Request) -> dict[str, Any]:
        return self._dialect.body(request)

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> Reader:
        return _ChoicesReader(lambda: self._dialect.reader(headers, redact))


class _ChoicesReader:
    """Reads each choice as a document of its own; the tokens of all count with the first."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self.finished = self.done = False
        self.heard = True
        self._reader = reader
        self._document = bytearray()

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]:
        self._document += piece
        return iter(())

    def close(self, at: float, *, eof_ends: bool = False) -> Iterator[Delta]:
        for document in _one_by_one(bytes(self._document)):
            reader = self._reader()
            yield from reader.feed(document, at)
            yield from reader.close(at, eof_ends=eof_ends)


def _one_by_one(document: bytes) -> list[bytes]:
    """The document once for each of its choices; as it is where it has none."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return [document]
    choices = found.get("choices") if isinstance(found, dict) else None
    if not isinstance(choices, list) or not choices or not all(isinstance(one, dict) for one in choices):
        return [document]
    usage = [found.get("usage"), *[None] * (len(choices) - 1)]
    alone = ([{**choice, "index": 0}] for choice in choices)
    return [
        json.dumps({**found, "choices": one, "usage": tokens}).encode()
        for one, tokens in zip(alone, usage, strict=True)
    ]
