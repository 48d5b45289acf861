"""The event stream format, sentence by sentence, and at every cut."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmdash.llms.wire.sse import LineTooLong, ServerSentEvent, SSEParser


def parse(stream: bytes, cuts: list[int] | None = None) -> list[ServerSentEvent]:
    parser, events, start = SSEParser(), [], 0
    for cut in [*sorted(cuts or []), len(stream)]:
        events += parser.feed(stream[start:cut])
        start = max(start, cut)
    return events


def data(stream: bytes) -> list[bytes]:
    return [event.data for event in parse(stream)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_in_cr_lf_or_crlf(end: bytes) -> None:
    assert data(b"data: a" + end + end + b"data: b" + end + end) == [b"a", b"b"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_other_line_separators_are_data(separator: str) -> None:
    text = f"a{separator}b".encode()
    assert data(b"data: " + text + b"\n\n") == [text]


def test_one_leading_space_is_dropped_and_no_more() -> None:
    assert data(b"data:a\n\ndata: b\n\ndata:  c\n\n") == [b"a", b"b", b" c"]


def test_several_data_lines_are_joined_by_line_feeds() -> None:
    assert data(b"data: a\ndata\ndata: c\n\n") == [b"a\n\nc"]


def test_comments_and_unknown_fields_are_skipped() -> None:
    assert data(b": ping\n\nid: 7\nretry: 10\nfoo: bar\ndata: x\n\n") == [b"x"]


def test_an_event_without_data_is_not_dispatched_and_its_name_is_forgotten() -> None:
    assert parse(b"event: ping\n\ndata: x\n\n") == [ServerSentEvent(b"message", b"x")]


def test_the_event_name_goes_with_its_data() -> None:
    assert parse(b"event: error\ndata: {}\n\n") == [ServerSentEvent(b"error", b"{}")]


def test_an_event_that_is_not_ended_by_a_blank_line_is_not_dispatched() -> None:
    assert data(b"data: whole\n\ndata: cut\n") == [b"whole"]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_byte_order_mark_is_skipped_wherever_it_is_cut(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: x\n\n"
    assert parse(stream, [cut]) == [ServerSentEvent(b"message", b"x")]


def test_a_short_first_piece_is_not_lost() -> None:
    assert parse(b"data: x\n\n", [1, 2]) == [ServerSentEvent(b"message", b"x")]


def test_a_line_beyond_the_cap_is_refused_even_if_it_never_ends() -> None:
    parser = SSEParser(line_limit=1000)
    with pytest.raises(LineTooLong):
        for _ in range(200):
            parser.feed(b"x" * 10)


def test_the_data_of_one_event_is_capped_as_well() -> None:
    parser = SSEParser(line_limit=1000)
    with pytest.raises(LineTooLong):
        parser.feed(b"data: xxxxxxxx\n" * 200)


_LINES = st.lists(
    st.tuples(
        st.sampled_from([b"data: ", b"data:", b"event: ", b": ", b"x: ", b""]),
        st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"")),
        st.sampled_from([b"\n", b"\r\n", b"\r"]),
    ),
    max_size=12,
)


@given(_LINES, st.lists(st.integers(0, 200), max_size=20))
def test_where_the_bytes_are_cut_makes_no_difference(
    lines: list[tuple[bytes, bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(b"".join(line) for line in lines)
    assert parse(stream, [min(cut, len(stream)) for cut in cuts]) == parse(stream)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_fail(stream: bytes) -> None:
    whole = parse(stream)
    assert parse(stream, list(range(len(stream)))) == whole


@given(st.lists(st.text(max_size=20).map(lambda text: text.replace("\r", "").replace("\n", "")), max_size=8))
def test_what_a_server_writes_is_what_is_read(texts: list[str]) -> None:
    stream = b"".join(b"data: " + text.encode("utf-8", "surrogatepass") + b"\n\n" for text in texts)
    assert data(stream) == [text.encode("utf-8", "surrogatepass") for text in texts]


def by_the_book(stream: bytes) -> list[ServerSentEvent]:
    """What the standard says, word by word, of a stream that is there as a whole."""
    *lines, _unfinished = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    events: list[ServerSentEvent] = []
    name, data = b"", b""
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append(ServerSentEvent(name or b"message", data.removesuffix(b"\n")))
            name, data = b"", b""
        elif field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return events


_BYTES = st.binary(max_size=8).filter(lambda some: not {*b"{[oO"} & {*some})
"""Nothing that is read although the standard does not say so: the start of a JSON document without a field;
and without an `o` no field is called `error`, and no end mark is `done`.
"""


class Stream(RuleBasedStateMachine):
    """Bytes arrive in whatever pieces: at every moment the events are those of the standard."""

    def __init__(self) -> None:
        super().__init__()
        self.parser = SSEParser()
        self.sent = b""
        self.events: list[ServerSentEvent] = []

    def feed(self, piece: bytes) -> None:
        self.sent += piece
        self.events += self.parser.feed(piece)

    @rule(
        field=st.sampled_from([b"data", b"event", b"id", b"", b"\xef\xbb\xbfdata"]),
        value=_BYTES,
    )
    def a_field(self, field: bytes, value: bytes) -> None:
        self.feed(field + b": " + value)

    @rule(end=st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"]))
    def an_end_of_a_line(self, end: bytes) -> None:
        self.feed(end)

    @rule(piece=_BYTES | st.sampled_from([b"", b"\xef", b"\xbb", b"\xbf", b"da", b"ta:"]))
    def any_bytes(self, piece: bytes) -> None:
        self.feed(piece)

    @invariant()
    def the_events_are_those_of_the_standard(self) -> None:
        # A byte order mark of which the end has not come is held back, and no event ends before it has.
        assert self.events == by_the_book(self.sent)


test_at_every_moment_the_events_are_those_of_the_standard = Stream.TestCase

_LIMIT = 20_000
_MOST = 20 * _LIMIT  # a line of two bytes a piece costs an object and a pointer for each


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"x", id="one line, a byte at a time"),
        pytest.param(b"xy", id="one line, two bytes at a time"),
        pytest.param(b"x" * 500, id="one line"),
        pytest.param(b"data: xy\n" * 100, id="one event"),
        pytest.param(b"data\n" * 100, id="one event of empty lines"),
        pytest.param(b"event: x\n" * 100, id="names without data"),
        pytest.param(b": ping\n\n" * 100, id="comments"),
        pytest.param(b"\r" * 1000, id="nothing but line ends"),
    ],
)
def test_a_stream_of_any_length_takes_no_more_memory_than_the_cap_allows(piece: bytes) -> None:
    parser = SSEParser(_LIMIT)
    tracemalloc.start()
    try:
        for _ in range(2 * _MOST // len(piece)):
            parser.feed(piece)
    except LineTooLong:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < _MOST


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 40))
def test_nothing_but_a_line_too_long_is_ever_raised(pieces: list[bytes], limit: int) -> None:
    parser = SSEParser(limit)
    try:
        events = [event for piece in pieces for event in parser.feed(piece)]
    except LineTooLong:
        return
    assert all(len(event.data) <= limit for event in events)
