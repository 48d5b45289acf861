"""The text of a stream: wrapped a piece at a time exactly as if it had come at once."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.ui.stream.text import KEEP_CHARACTERS, KEEP_CHUNKS, Chunk, Kind, Line, StreamText
from tests.ui.widget_app import HOSTILE

CHUNKS = st.lists(
    st.tuples(
        st.text(st.sampled_from("ab c\n日👩\u200d\u0301\t\x1b"), max_size=12) | st.sampled_from(HOSTILE[:-1]),
        st.none() | st.floats(min_value=0, max_value=100),
    ).map(lambda pair: Chunk(*pair)),
    max_size=30,
)


def drawn(lines: list[Line] | tuple[Line, ...]) -> list[str]:
    return ["".join(span.text for span in line) for line in lines]


def wrapped(chunks: list[Chunk], width: int, marks: bool = True, ruler: bool = False) -> list[str]:
    text = StreamText()
    text.configure(width, marks, ruler)
    text.add(chunks)
    return drawn(list(text.lines))


@given(CHUNKS, st.integers(min_value=1, max_value=30), st.booleans(), st.booleans())
def test_piece_by_piece_is_the_same_as_all_at_once(
    chunks: list[Chunk], width: int, marks: bool, ruler: bool
) -> None:
    text = StreamText()
    text.configure(width, marks, ruler)
    for chunk in chunks:
        text.add([chunk])
    assert drawn(list(text.lines)) == wrapped(chunks, width, marks, ruler)


@given(CHUNKS, st.integers(min_value=2, max_value=30))
@example([Chunk("\u0301 ", None), Chunk("日本", None)], 2)
def test_no_line_is_wider_than_the_pane(chunks: list[Chunk], width: int) -> None:
    assert all(cell_len(line) <= width for line in wrapped(chunks, width))


@given(CHUNKS, st.integers(min_value=2, max_value=30), st.integers(min_value=2, max_value=30))
def test_the_text_survives_a_change_of_width(chunks: list[Chunk], one: int, other: int) -> None:
    text = StreamText()
    text.configure(one, True, False)
    text.add(chunks)
    plain = text.plain
    text.configure(other, True, False)
    assert text.plain == plain
    assert drawn(list(text.lines)) == wrapped(chunks, other)


def test_marks_stand_between_chunks_and_can_be_left_out() -> None:
    chunks = [Chunk("{", None), Chunk('"a"', None), Chunk("}", None)]
    assert wrapped(chunks, 20) == ['{|"a"|}']
    assert wrapped(chunks, 20, marks=False) == ['{"a"}']


def test_chunks_without_text_share_one_mark() -> None:
    thoughts = [Chunk("", None)] * 60
    answer = [Chunk("a", None), Chunk("b", None)]
    assert wrapped([*thoughts, *answer], 20) == ["|a|b"]
    assert wrapped([*answer, *thoughts, *answer], 20) == ["a|b||a|b"]


def test_words_stay_whole_where_they_can() -> None:
    chunks = [Chunk("the quick", None), Chunk(" brown", None), Chunk(" fo", None), Chunk("x", None)]
    assert wrapped(chunks, 11, marks=False) == ["the quick", "brown fox"]
    assert wrapped([Chunk("abcdefgh", None)], 3) == ["abc", "def", "gh"]
    assert wrapped([Chunk("日本語テキスト", None)], 5) == ["日本", "語テ", "キス", "ト"]


def test_line_breaks_in_the_text_break_the_line() -> None:
    assert wrapped([Chunk("a\n\nb\r\nc", None)], 10) == ["a", "", "b", "c"]


def test_gap_times_stand_before_their_chunk_and_a_stall_is_marked() -> None:
    gaps = [0.4] + [0.02] * 8 + [3.2]
    chunks = [Chunk("x", gap) for gap in gaps]
    text = StreamText()
    text.configure(200, True, True)
    text.add(chunks)
    spans = list(itertools.chain.from_iterable(text.lines))
    assert spans[0] == ("⁴⁰⁰", Kind.GAP)
    assert spans[-3:] == [("‖3.20s", Kind.STALL), ("|", Kind.MARK), ("x", Kind.TEXT)]
    assert [span.text for span in spans if span.kind is Kind.STALL] == ["‖3.20s"]


def test_a_slow_but_steady_stream_has_no_stalls() -> None:
    text = StreamText()
    text.configure(80, True, True)
    text.add([Chunk("x", 2.0)] * 20)
    stalls = [span for line in text.lines for span in line if span.kind is Kind.STALL]
    assert len(stalls) <= 1  # the first gap has nothing to be compared with


def test_answers_follow_one_another_under_headings() -> None:
    text = StreamText()
    text.configure(10, True, False)
    text.head("one")
    text.add([Chunk("a", None), Chunk("b", None)])
    text.head("two, and too long")
    text.add([Chunk("c", None)])
    assert drawn(list(text.lines)) == ["one", "a|b", "two, and …", "c"]
    text.rename("2")
    assert drawn(list(text.lines)) == ["one", "a|b", "2", "c"]
    text.configure(10, False, False)
    assert drawn(list(text.lines)) == ["one", "ab", "2", "c"]
    assert text.plain == "abc"


def test_a_heading_that_was_dropped_cannot_be_renamed() -> None:
    text = StreamText()
    text.head("gone")
    text.add([Chunk("x", None)] * (KEEP_CHUNKS * 3 // 2))
    text.rename("back")
    assert "back" not in drawn(list(text.lines))[0]


def test_only_the_end_of_an_endless_stream_is_kept() -> None:
    text = StreamText()
    text.configure(60, True, False)
    for number in range(60):
        text.add([Chunk(f"{number:05} " * 100 + "\n", 0.01) for _chunk in range(100)])
    assert len(text.plain) <= KEEP_CHARACTERS * 5 // 4 + 60_000
    assert drawn(list(text.lines))[-2].endswith("00059 ")
    text.clear()
    text.add([Chunk("x", None)] * (2 * KEEP_CHUNKS))
    assert len(text.plain) <= KEEP_CHUNKS * 5 // 4
    assert len(text.lines) * 60 >= KEEP_CHUNKS
