"""What relays make of a stream, and is read all the same: heartbeats, lost blank lines, errors anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.wire.chat import ChatReader
from llmdash.llms.wire.failures import FailureKind
from llmdash.llms.wire.sse import ServerSentEvent, SSEParser
from tests.llms.canned import DONE, chunk, event
from tests.llms.wire.speakers import READERS, SPEAKERS, read
from tests.llms.wire.wires import WIRES
from tests.rows import for_each

STREAMS = {"chat": (chunk("Hel"), chunk("lo"), chunk(finish="stop"), DONE)} | {
    name: wire.stream for name, wire in WIRES.items()
}
each_stream = for_each("name", STREAMS)
QUOTA = {"message": "no money left", "code": "insufficient_quota"}


@pytest.mark.case("wire", "empty-data")
@each_stream
@pytest.mark.parametrize(
    "beat",
    [
        b"data:\n\n",
        b"data\n\n",
        b"data: \n\n",
        b"event: heartbeat\ndata: ping\n\n",
        b"event: ping\ndata: {}\n\n",
        b"data: 2026-01-31T12:00:00Z\n\n",
        b"data: 12\n\n",
        b'data: "still here"\n\n',
        b"data: null\n\n",
        b"data: []\n\n",
        b'data: [{"a": 1}]\n\n',
        b'data: {"type": "heartbeat", "at": 1}\n\n',
        b": ping\n\n",
        b"ping\n\n",
        b"id: 7\nretry: 10\n\n",
    ],
)
@pytest.mark.parametrize("blank", [b"\n\n", b"\n"])
def test_what_is_no_object_and_no_error_is_no_content(name: str, beat: bytes, blank: bytes) -> None:
    body = beat.join((b"", *STREAMS[name], b"")).replace(b"\n\n", blank)
    found = read(READERS[name]({}, str), body)
    assert found.text == "Hello"
    assert found.last.flags == ()


@each_stream
def test_a_heartbeat_is_no_sign_of_life(name: str) -> None:
    reader = READERS[name]({}, str)
    list(reader.feed(STREAMS[name][0], 1.0))
    assert list(reader.feed(b"event: heartbeat\ndata: ping\n\n", 1.0)) == []
    assert not reader.heard


@each_stream
@pytest.mark.parametrize("blank", [b"\n\n", b"\n"])
def test_a_content_frame_that_is_cut_is_malformed(name: str, blank: bytes) -> None:
    """Wherever it is: the text behind it must not close over the gap."""
    for at, piece in enumerate(STREAMS[name]):
        if b"Hel" not in piece and b'"lo"' not in piece:
            continue
        start = piece.index(b"data: {")
        for end in range(start + 8, len(piece) - 3):
            pieces = [*STREAMS[name][:at], piece[:end] + b"\n\n", *STREAMS[name][at + 1 :]]
            failure = read(READERS[name]({}, str), b"".join(pieces).replace(b"\n\n", blank)).failure
            assert failure is not None
            assert failure.kind is FailureKind.TRANSIENT


@pytest.mark.case("wire", "done-variants")
@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize(
    "mark",
    [
        b"data: [DONE] \n\n",
        b"data:  [DONE]\t\n\n",
        b"data:[DONE]\n\n",
        b"data: [done]\n\n",
        b"data: DONE\n\n",
        b'data: "[DONE]"\n\n',
        b"data: [DONE]",
        b"data: [DONE]\n",
        b"data: [DONE]\r\n",
        b"data: [DONE]\r",
        b"[DONE]\n\n",
        b"[DONE]",
        b"event: done\ndata: [DONE]\n\n",
    ],
)
def test_the_end_mark_is_known_in_many_spellings(name: str, mark: bytes) -> None:
    found = read(READERS[name]({}, str), SPEAKERS[name].piece("Hello") + mark)
    assert (found.text, found.last.finish_reason) == ("Hello", None)


@pytest.mark.parametrize("mark", [b"data: [DON", b"data: [DONE", b"data: D", b"dat", b"data: [DONE!]\n\n"])
def test_half_an_end_mark_is_none(mark: bytes) -> None:
    failure = read(ChatReader({}, str), chunk("Hello") + mark).failure
    assert failure is not None
    assert failure.kind is FailureKind.TRANSIENT


@pytest.mark.case("wire", "done-variants")
@each_stream
def test_the_last_event_needs_no_line_end(name: str) -> None:
    body = b"".join(STREAMS[name])
    for end in (b"", b"\n", b"\r\n"):
        assert read(READERS[name]({}, str), body.rstrip(b"\n") + end).last.flags == ()


@pytest.mark.case("wire", "bare-error-mid")
@each_stream
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("before", [b"", b"\n"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\n\n", b"\n\ndata: [DONE]\n\n", b"\ndata: [DONE]\n"])
def test_an_error_on_lines_of_its_own_is_read(
    name: str, indent: int | None, before: bytes, after: bytes
) -> None:
    bare = json.dumps({"error": QUOTA}, indent=indent).encode()
    begun = WIRES[name].beginning if name != "chat" else chunk("Hel")
    for start in (begun, begun.removesuffix(b"\n")):
        found = read(READERS[name]({}, str), start + before + bare + after)
        assert found.failure is not None
        assert (found.failure.kind, found.failure.message) == (FailureKind.QUOTA, "no money left")
        assert found.text == "Hel"


@pytest.mark.case("wire", "error-field")
@each_stream
@pytest.mark.parametrize("blank", [b"\n\n", b"\n", b""])
@pytest.mark.parametrize("begun", [True, False])
def test_an_error_in_a_field_of_that_name_is_read(name: str, blank: bytes, begun: bool) -> None:
    start = b"" if not begun else chunk("Hel") if name == "chat" else WIRES[name].beginning
    for error in ({"error": QUOTA}, QUOTA):
        body = start + b"error: " + json.dumps(error).encode() + blank
        for tail in (b"", DONE) if blank else (b"",):
            failure = read(READERS[name]({}, str), body + tail).failure
            assert failure is not None
            assert (failure.kind, failure.message) == (FailureKind.QUOTA, "no money left")
    told = read(READERS[name]({}, str), start + b"error: out of memory" + blank).failure
    assert told is not None
    assert told.message == "out of memory"


@pytest.mark.parametrize("body", [b'data: [{"error": %s}]\n\n', b'[{"error": %s}]'])
def test_an_error_in_a_list_is_read(body: bytes) -> None:
    failure = read(ChatReader({}, str), body % json.dumps(QUOTA).encode()).failure
    assert failure is not None
    assert failure.message == "no money left"


def test_an_error_event_needs_no_end_of_its_line() -> None:
    failure = read(ChatReader({}, str), chunk("Hel") + b"event: error\ndata: out of memory").failure
    assert failure is not None
    assert failure.message == "out of memory"


@pytest.mark.case("wire", "single-newline")
@each_stream
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_with_a_single_line_end_between_them_are_read(name: str, end: bytes) -> None:
    body = b"".join(STREAMS[name]).replace(b"\n\n", b"\n").replace(b"\n", end)
    pieces = body.splitlines(keepends=True)
    for cut in (pieces, [body], [body[at : at + 1] for at in range(len(body))]):
        found = read(READERS[name]({}, str), *cut)
        assert (found.text, found.failure) == ("Hello", None)


def test_an_event_with_a_single_line_end_is_read_as_it_arrives() -> None:
    reader = ChatReader({}, str)
    for text in ("Hel", "lo"):
        assert [delta.text for delta in reader.feed(chunk(text).removesuffix(b"\n"), 1.0)] == [text]


def test_an_error_after_a_single_line_end_does_not_take_the_name_from_the_content() -> None:
    body = chunk("Hel").removesuffix(b"\n") + b"event: error\n" + event(QUOTA)
    found = read(ChatReader({}, str), body)
    assert found.failure is not None
    assert (found.text, found.failure.message) == ("Hel", "no money left")


@pytest.mark.case("wire", "single-newline")
def test_an_object_a_line_without_any_data_field_is_read() -> None:
    lines = [chunk("Hel"), chunk("lo"), chunk(finish="stop")]
    body = b"".join(line[6:].removesuffix(b"\n") for line in lines)
    assert read(ChatReader({}, str), body).text == "Hello"
    for end in range(len(body) - len(lines[-1]) + 8):
        assert read(ChatReader({}, str), body[:end]).failure is not None


def test_an_object_over_several_data_lines_is_one_event() -> None:
    pretty = json.dumps(json.loads(chunk("Hello", "stop")[6:]), indent=1).encode()
    body = b"".join(b"data: " + line + b"\n" for line in pretty.split(b"\n"))
    pieces = body.splitlines(keepends=True)
    for cut in ([body + b"\n"], [*pieces, b"\n"], [body]):
        assert read(ChatReader({}, str), *cut).text == "Hello"


OBJECTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3)


def parse(stream: bytes, cuts: list[int]) -> list[ServerSentEvent]:
    parser, events, start = SSEParser(), [], 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        events += parser.feed(stream[start:cut])
        start = cut
    return [*events, *parser.close()]


@given(
    st.lists(OBJECTS, max_size=6),
    st.lists(st.sampled_from([b"\n", b"\n\n", b"\r\n", b"\r\n\r\n", b"\r"]), min_size=6, max_size=6),
    st.lists(st.sampled_from([b"data: ", b"data:", b""]), min_size=6, max_size=6),
    st.lists(st.integers(0, 400), max_size=10),
)
def test_whole_objects_are_events_however_they_are_parted_and_cut(
    objects: list[dict[str, Any]], ends: list[bytes], fields: list[bytes], cuts: list[int]
) -> None:
    written = [json.dumps(one).encode() for one in objects]
    stream = b"".join(field + one + end for field, one, end in zip(fields, written, ends, strict=False))
    assert [event.data for event in parse(stream, cuts)] == written


LINES = st.lists(
    st.sampled_from(
        [
            b"data: {}",
            b"data: {",
            b"data: }",
            b"data: [DONE]",
            b"data: x",
            b"{",
            b"}",
            b"{}",
            b"[",
            b"",
            b"event: e",
            b"error: x",
            b": c",
            b"id: 1",
            b'data: {"a":"\\ud83d"}',
            b"done",
            b"data: done",
            b"data:",
            b"data: [",
            b"}]",
        ]
    ),
    max_size=12,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 200), max_size=12))
def test_where_a_stream_is_cut_makes_no_difference(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = end.join(lines)
    assert parse(stream, cuts) == parse(stream, [])


@pytest.mark.parametrize("line", [b": c\n", b"event: x\n", b"id: 1\n", b"{\n", b"x: {\n"])
def test_a_long_line_is_looked_at_once_however_many_short_ones_follow(line: bytes) -> None:
    """A line of 900 KB that looks like an object, then 20,000 lines: seconds, if each looked at it again."""
    parser = SSEParser()
    parser.feed(b'data: {"' + b"x" * 900_000 + b"}\n")
    for _ in range(20_000):
        assert parser.feed(line) == []
    assert len(parser.feed(b"\n")) == 1
