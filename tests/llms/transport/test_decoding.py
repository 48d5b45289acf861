"""Answers that are compressed though none was asked for: read, and never larger than the caps."""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.transport.decoding import CannotDecode, decoder_for
from llmdash.llms.transport.http import BODY_LIMIT
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, Canned, answer, chat, chunk

STREAM = chunk("Hel") + chunk("lo", "stop") + DONE
DOCUMENT = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", raw_deflate),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "not compressed at all": ("gzip", bytes),
    "identity": ("identity", bytes),
    "followed by nothing of use": ("gzip", lambda data: gzip.compress(data) + b"\0\0\0"),
}
NAMES = list(ENCODINGS)


def in_pieces(data: bytes, size: int = 3) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.case("wire", "gzip-anyway")
@pytest.mark.parametrize("body", [STREAM, DOCUMENT])
@pytest.mark.parametrize("name", NAMES)
async def test_a_compressed_answer_is_read(name: str, body: bytes) -> None:
    encoding, compress = ENCODINGS[name]
    transport = Canned(answer(*in_pieces(compress(body)), content_encoding=encoding))
    assert (await chat(transport).ainvoke("hi")).text == "Hello"


@pytest.mark.case("wire", "gzip-anyway")
@pytest.mark.parametrize("name", NAMES)
async def test_the_words_of_a_compressed_error_are_read(name: str) -> None:
    encoding, compress = ENCODINGS[name]
    body = compress(b'{"error": {"code": "insufficient_quota", "message": "no money"}}')
    transport = Canned(answer(*in_pieces(body), status=429, content_encoding=encoding))
    with pytest.raises(Failure) as caught:
        await chat(transport).ainvoke("hi")
    assert (caught.value.kind, caught.value.message) == (FailureKind.QUOTA, "no money")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Half a megabyte that becomes 400."""
    return gzip.compress(b"[" + b" " * 400_000_000, 1)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_bomb_does_not_go_off(bomb: bytes, times: int, status: int) -> None:
    encoding, body = ", ".join(["gzip"] * times), bomb if times == 1 else gzip.compress(bomb)
    tracemalloc.start()
    with pytest.raises(Failure) as caught:
        await chat(Canned(answer(body, status=status, content_encoding=encoding))).ainvoke("hi")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if status == 200:
        assert f"{BODY_LIMIT:,}" in caught.value.message
    assert peak < 4 * BODY_LIMIT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"\x1f\x8b" + b"nonsense" * 9),
        ("deflate", b"nonsense"),
        ("compress", b"x"),
        ("gzip, gzip, gzip, gzip", b"x"),
    ],
)
async def test_what_cannot_be_read_is_passing_trouble(encoding: str, body: bytes) -> None:
    with pytest.raises(Failure, match="compressed") as caught:
        await chat(Canned(answer(body, content_encoding=encoding))).ainvoke("hi")
    assert (caught.value.kind, caught.value.status) == (FailureKind.TRANSIENT, 200)


async def test_a_compressed_answer_that_is_cut_is_no_answer() -> None:
    body = gzip.compress(STREAM)
    with pytest.raises(Failure) as caught:
        await chat(Canned(answer(body[:-20], content_encoding="gzip"))).ainvoke("hi")
    assert caught.value.kind is FailureKind.TRANSIENT


@given(st.binary(), st.lists(st.integers(0, 60)), st.sampled_from(NAMES))
def test_pieces_may_be_cut_anywhere(data: bytes, cuts: list[int], name: str) -> None:
    encoding, compress = ENCODINGS[name]
    decode = decoder_for(encoding)
    if name == "not compressed at all":
        data = b"{" + data
    body = compress(data)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    if decode is None:
        assert encoding == "identity"
        return
    assert b"".join(part for piece in pieces for part in decode(piece)) == data


def module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


@pytest.mark.parametrize("name", ["br", "zstd"])
def test_other_encodings_are_read_where_a_module_for_them_is_there(name: str) -> None:
    found = module("brotli", "brotlicffi") if name == "br" else module("compression.zstd", "backports.zstd")
    if found is None:
        with pytest.raises(CannotDecode, match=name):
            decoder_for(name)
        return
    decode = decoder_for(name)
    assert decode is not None
    body = found.compress(STREAM * 1000)
    assert b"".join(part for piece in in_pieces(body, 100) for part in decode(piece)) == STREAM * 1000
    with pytest.raises(CannotDecode):
        list(decoder_for(name)(b"nonsense" * 100))  # type: ignore[misc]
