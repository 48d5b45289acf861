"""Bodies that are compressed, though none was asked for: bytes in, bytes out in small pieces."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["CannotDecode", "decoder_for"]

_PIECE = 65_536
_MOST = 3  # encodings on top of each other

Decode = Callable[[bytes], Iterator[bytes]]


class CannotDecode(ValueError):
    """A body is in an encoding that is not known, or breaks it."""


def decoder_for(encoding: str) -> Decode | None:
    """Return what decodes the body of a response with this `Content-Encoding`, None where nothing has to be
    done. It yields pieces of at most 64 KB, so that a small body never grows large at once.

    Raises CannotDecode for an encoding that is not known here.
    """
    if not encoding:
        return None
    names = [name.strip() for name in encoding.lower().split(",")]
    names = [name for name in names if name not in ("", "identity", "none", "utf-8", "aws-chunked")]
    if not names:
        return None
    if len(names) > _MOST:
        raise CannotDecode(f"the answer is compressed {len(names)} times")
    return _chained([_decoder(name) for name in reversed(names)])


def _chained(decoders: list[Decode]) -> Decode:
    def decode(data: bytes, depth: int = 0) -> Iterator[bytes]:
        for piece in decoders[depth](data):
            if depth + 1 == len(decoders):
                yield piece
            else:
                yield from decode(piece, depth + 1)

    return decode


def _decoder(name: str) -> Decode:
    if name in ("gzip", "x-gzip"):
        return _Zlib(zlib.MAX_WBITS | 16, b"\x1f\x8b").decode
    if name == "deflate":
        return _Zlib(zlib.MAX_WBITS, b"").decode
    if name == "br" and hasattr(brotli := _first_module("brotli", "brotlicffi"), "Decompressor"):
        return _Brotli(brotli.Decompressor(), brotli.error).decode
    if name == "zstd" and (zstd := _first_module("compression.zstd", "backports.zstd")):
        return _Zstd(zstd.ZstdDecompressor(), zstd.ZstdError).decode
    raise CannotDecode(f"the answer is compressed ({name[:40]}) though none was asked for")


def _first_module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


class _Zlib:
    """gzip, of one or more members, or deflate, with or without its wrapper; or what only claims to be."""

    def __init__(self, bits: int, magic: bytes) -> None:
        self._bits = bits
        self._magic = magic
        self._start = b""
        self._inner: Any = None
        self._is_plain = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None and not self._is_plain:
            data = self._begin(data)
        if self._is_plain:
            if data:
                yield data
            return
        while data and self._inner is not None:
            try:
                piece = self._inner.decompress(data, _PIECE)
            except zlib.error as error:
                raise CannotDecode(f"the compressed answer is damaged ({error})") from None
            if piece:
                yield piece
            data = self._inner.unconsumed_tail
            if self._inner.eof:
                data = self._next_member(self._inner.unused_data)

    def _begin(self, data: bytes) -> bytes:
        """What there is, once it is enough to see what it is."""
        data, self._start = self._start + data, b""
        if self._magic and not data.startswith(self._magic[: len(data)]):
            self._is_plain = True
        elif len(data) < 2:
            self._start, data = data, b""
        elif not self._magic and (data[0] & 0x0F != 8 or (data[0] << 8 | data[1]) % 31):
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS)  # some leave the wrapper out
        else:
            self._inner = zlib.decompressobj(self._bits)
        return data

    def _next_member(self, rest: bytes) -> bytes:
        if not (self._magic and rest.startswith(self._magic)):
            return b""
        self._inner = zlib.decompressobj(self._bits)
        return rest


class _Zstd:
    def __init__(self, inner: Any, error: type[Exception]) -> None:
        self._inner = inner
        self._error = error

    def decode(self, data: bytes) -> Iterator[bytes]:
        while not self._inner.eof:
            try:
                piece = self._inner.decompress(data, _PIECE)
            except self._error as error:
                raise CannotDecode(f"the compressed answer is damaged ({error})") from None
            data = b""
            if not piece:
                return
            yield piece


class _Brotli:
    def __init__(self, inner: Any, error: type[Exception]) -> None:
        self._inner = inner
        self._error = error

    def decode(self, data: bytes) -> Iterator[bytes]:
        while not self._inner.is_finished():
            try:
                piece = self._inner.process(data, output_buffer_limit=_PIECE)
            except (self._error, TypeError) as error:  # older versions know no limit, and a bomb would go off
                raise CannotDecode(f"the compressed answer cannot be read ({error})") from None
            data = b""
            if not piece:
                return
            yield piece
