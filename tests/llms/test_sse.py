"""The event stream format, sentence by sentence, and at every cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.sse import LineTooLong, ServerSentEvent, SSEParser


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
