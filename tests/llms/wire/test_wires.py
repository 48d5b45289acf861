"""What is made of the bytes of each newer dialect: whole answers, and never a part of one."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Usage
from llmdash.llms.wire.anthropic import MessageReader
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.chat import ChatReader, CompletionReader
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.responses import ResponsesReader
from tests.llms.canned import Canned, answer
from tests.llms.wire.wires import WIRES, Wire

READERS: dict[str, type[BodyReader]] = {
    "completions": CompletionReader,
    "responses": ResponsesReader,
    "messages": MessageReader,
}


@pytest.fixture(params=WIRES.values(), ids=list(WIRES))
def wire(request: pytest.FixtureRequest) -> Wire:
    found: Wire = request.param
    return found


async def whole(wire: Wire, *pieces: bytes | Exception, **settings: Any) -> Any:
    return await wire.make(Canned(answer(*pieces)), **settings).agenerate(["hi"])


async def failure_of(wire: Wire, *pieces: bytes | Exception, **settings: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        await whole(wire, *pieces, **settings)
    return caught.value


async def test_a_stream_becomes_text_reason_and_usage(wire: Wire) -> None:
    found = (await whole(wire, *wire.stream)).generations[0][0]
    assert (found.text, found.finish_reason, found.usage) == ("Hello", wire.finish, Usage(5, 2))


async def test_a_document_in_place_of_a_stream_says_the_same(wire: Wire) -> None:
    found = (await whole(wire, wire.document)).generations[0][0]
    assert (found.text, found.finish_reason, found.usage) == ("Hello", wire.finish, Usage(5, 2))


def read(reader: BodyReader, data: bytes) -> tuple[str, str | None]:
    """The text, and the finish reason if the answer is whole. Raises Failure if it is not."""
    deltas = [*reader.feed(data, 1.0), *reader.close(2.0)]
    return "".join(delta.text for delta in deltas), next(
        (delta.finish_reason for delta in deltas if delta.finish_reason), None
    )


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("form", ["stream", "document"])
def test_an_answer_cut_at_any_byte_is_whole_or_a_failure(name: str, form: str) -> None:
    """No part of a text is ever taken for an answer."""
    wire = WIRES[name]
    data = b"".join(wire.stream) if form == "stream" else wire.document
    outcomes = set()
    for end in range(len(data)):
        try:
            text, reason = read(READERS[name]({}, str), data[:end])
        except Failure as failure:
            assert failure.kind is FailureKind.TRANSIENT
            outcomes.add("failure")
        else:
            assert (text, reason) == ("Hello", wire.finish)
            outcomes.add("whole")
    assert outcomes <= {"failure", "whole"}
    assert "failure" in outcomes


@pytest.mark.parametrize("name", WIRES)
@given(cuts=st.lists(st.integers(0, 2000), max_size=8), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_it_does_not_matter_how_the_bytes_are_cut(name: str, cuts: list[int], ends: bytes) -> None:
    data = b"".join(WIRES[name].stream).replace(b"\n", ends)
    reader, text, at = READERS[name]({}, str), "", 0
    for cut in [*sorted(cuts), len(data)]:
        text += "".join(delta.text for delta in reader.feed(data[at:cut], 1.0))
        at = max(at, cut)
    assert (text + "".join(delta.text for delta in reader.close(2.0)), reader.finished) == ("Hello", True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(
    [
        "type",
        "delta",
        "choices",
        "text",
        "message",
        "content",
        "response",
        "output",
        "usage",
        "error",
        "status",
    ]
)
KINDS = st.sampled_from(
    [
        "message_start",
        "message_delta",
        "content_block_delta",
        "response.completed",
        "response.failed",
        "error",
    ]
)


@pytest.mark.parametrize("kind", [*READERS.values(), ChatReader])
@given(
    data=st.lists(
        st.dictionaries(KEYS, JSON | KINDS | st.dictionaries(KEYS, JSON, max_size=4), max_size=5) | JSON,
        max_size=4,
    ),
    streamed=st.booleans(),
)
def test_whatever_comes_is_an_answer_or_a_failure(
    kind: type[BodyReader], data: list[Any], streamed: bool
) -> None:
    written = [json.dumps(one).encode() for one in data]
    body = b"".join(b"data: " + one + b"\n\n" for one in written) if streamed else b"".join(written[:1])
    try:
        text, reason = read(kind({}, str), body)
    except Failure:
        return
    assert isinstance(text, str)
    assert reason is None or isinstance(reason, str)


async def test_a_stream_that_just_ends_is_truncated(wire: Wire) -> None:
    failure = await failure_of(wire, wire.beginning)
    assert (failure.kind, failure.partial) == (FailureKind.TRANSIENT, "Hel")
    assert "truncated" in failure.message


async def test_a_stream_that_just_ends_is_whole_where_the_endpoint_is_known_for_it(wire: Wire) -> None:
    found = (await whole(wire, wire.beginning, terminal_eof=True)).generations[0][0]
    assert (found.text, found.finish_reason, found.flags) == ("Hel", None, ("eof",))


async def test_an_end_that_is_broken_or_empty_is_no_end_even_there(wire: Wire) -> None:
    broken = await failure_of(wire, wire.beginning, OSError("reset by peer"), terminal_eof=True)
    empty = await failure_of(wire, b": ping\n\n", terminal_eof=True)
    assert ("reset" in broken.message, "truncated" in empty.message) == (True, True)


async def test_an_error_inside_the_stream_is_a_failure_with_its_words(wire: Wire) -> None:
    failure = await failure_of(wire, wire.beginning, wire.error)
    assert (failure.kind, failure.message, failure.partial) == (FailureKind.TRANSIENT, "too busy", "Hel")


async def test_an_error_in_place_of_an_answer_is_a_failure_too(wire: Wire) -> None:
    body = json.dumps({"error": {"message": "slow down", "type": "rate_limit_error"}}).encode()
    failure = await failure_of(wire, body)
    assert (failure.kind, failure.message) == (FailureKind.THROTTLE, "slow down")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"<!doctype html>", "HTML"),
        (b"{}", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'data: {"x": ' + b"[" * 100_000 + b"\n\n", "malformed"),
        (b'data: {"error": "\xff\xfe"}\n\n', "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b"data: \xff\xfe\n\n", "malformed"),
        (b"data: " + b"x" * 1_100_000, "longer than"),
    ],
    ids=lambda given: str(given[:20]),
)
async def test_nonsense_is_transient(wire: Wire, body: bytes, word: str) -> None:
    failure = await failure_of(wire, body)
    assert failure.kind is FailureKind.TRANSIENT
    assert word in failure.message


async def test_what_comes_behind_the_end_spoils_nothing(wire: Wire) -> None:
    found = await whole(wire, *wire.stream, b"data: nonsense\n\n", wire.error, OSError("reset"))
    assert found.generations[0][0].text == "Hello"


async def test_an_emoji_cut_in_two_is_joined(wire: Wire) -> None:
    halves = b"".join(wire.stream).replace(b'"Hel"', b'"\\ud83d"').replace(b'"lo"', b'"\\ude00"')
    found = (await whole(wire, halves)).generations[0][0]
    assert found.text.encode("utf-8") == "\N{GRINNING FACE}".encode()


def test_a_document_that_comes_in_crumbs_takes_no_more_than_its_size() -> None:
    """A piece of two bytes is an object of its own: millions of them must not be kept."""
    reader, size = ChatReader({}, str), 400_000
    tracemalloc.start()
    try:
        for _ in range(size // 2):
            assert list(reader.feed(bytes(bytearray(b"{{")), 1.0)) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * size
