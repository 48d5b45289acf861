"""The text of a stream: wrapped a piece at a time exactly as if it had come at once."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.ui.stream.gap_lines import Ruler
from llmdash.ui.stream.text import KEEP_CHARACTERS, KEEP_CHUNKS, AnswerHeading, Chunk, StreamText
from llmdash.ui.stream.wrapping import Kind, Line, LineKind
from tests.ui.widget_app import HOSTILE

CHUNKS = st.lists(
    st.tuples(
        st.text(st.sampled_from("ab c\n日👩\u200d\u0301\t\x1b"), max_size=12) | st.sampled_from(HOSTILE[:-1]),
        st.none() | st.floats(min_value=0, max_value=100),
    ).map(lambda pair: Chunk(*pair)),
    max_size=30,
)


RULERS = st.sampled_from(Ruler)


def drawn(lines: Sequence[Line]) -> list[str]:
    return ["".join(span.text for span in line) for line in lines]


def wrapped(chunks: Sequence[Chunk], width: int, marks: bool = True, ruler: Ruler = Ruler.NONE) -> list[str]:
    text = StreamText()
    text.configure(width, marks, ruler)
    text.add(chunks)
    return drawn(list(text.lines))


@given(CHUNKS, st.integers(min_value=1, max_value=30), st.booleans(), RULERS)
def test_piece_by_piece_is_the_same_as_all_at_once(
    chunks: list[Chunk], width: int, marks: bool, ruler: Ruler
) -> None:
    text = StreamText()
    text.configure(width, marks, ruler)
    for chunk in chunks:
        text.add([chunk])
    assert drawn(list(text.lines)) == wrapped(chunks, width, marks, ruler)


@given(CHUNKS, st.integers(min_value=2, max_value=30), RULERS)
@example([Chunk("\u0301 ", None), Chunk("日本", None)], 2, Ruler.NONE)
def test_no_line_is_wider_than_the_pane(chunks: list[Chunk], width: int, ruler: Ruler) -> None:
    assert all(cell_len(line) <= width for line in wrapped(chunks, width, ruler=ruler))


@given(CHUNKS, st.integers(min_value=2, max_value=30), st.integers(min_value=2, max_value=30))
def test_the_text_survives_a_change_of_width(chunks: list[Chunk], one: int, other: int) -> None:
    text = StreamText()
    text.configure(one, True, Ruler.NONE)
    text.add(chunks)
    plain = text.plain
    text.configure(other, True, Ruler.NONE)
    assert text.plain == plain
    assert drawn(list(text.lines)) == wrapped(chunks, other)


def test_marks_stand_behind_chunks_and_can_be_left_out() -> None:
    chunks = [Chunk("{", None), Chunk('"a"', None), Chunk("}", None)]
    assert wrapped(chunks, 20) == ['{|"a"|}|']
    assert wrapped(chunks, 20, marks=False) == ['{"a"}']


def test_chunks_without_text_share_one_mark() -> None:
    thoughts = [Chunk("", None)] * 60
    answer = [Chunk("a", None), Chunk("b", None)]
    assert wrapped([*thoughts, *answer], 20) == ["reasoning|a|b|"]
    assert wrapped([*answer, *thoughts, *answer], 20) == ["a|b|reasoning|a|b|"]


def test_words_stay_whole_where_they_can() -> None:
    chunks = [Chunk("the quick", None), Chunk(" brown", None), Chunk(" fo", None), Chunk("x", None)]
    assert wrapped(chunks, 11, marks=False) == ["the quick", "brown fox"]
    assert wrapped([Chunk("abcdefgh", None)], 3) == ["abc", "def", "gh|"]
    assert wrapped([Chunk("日本語テキスト", None)], 5) == ["日本", "語テ", "キス", "ト|"]


def test_line_breaks_in_the_text_break_the_line() -> None:
    assert wrapped([Chunk("a\n\nb\r\nc", None)], 10) == ["a", "", "b", "c|"]


JSON = ('{"', "expression", '":', ' "', "4", " x", " 17", " -", " 3", '",', ' "', "result", '":', " 65", "}")
USUAL = 0.02


def ruled(gaps: Sequence[float], ruler: Ruler, width: int = 80) -> list[str]:
    return wrapped([Chunk(*pair) for pair in zip(JSON, gaps, strict=True)], width, ruler=ruler)


def test_below_each_mark_is_the_gap_before_its_chunk_as_a_height_and_a_stall_in_words() -> None:
    gaps = [0.4, *[USUAL] * 7, 0.26, *[USUAL] * 6]
    assert ruled(gaps, Ruler.HEIGHTS) == [
        '{"|expression|":| "|4| x| 17| -| 3|",| "|result|":| 65|}|',
        "  ▁          ▂  ▂  ▂ ▂  ▂   ▂  ▂  █ 0.26s      ▂  ▂   ▂ ▂",
    ]


def test_below_each_mark_is_the_gap_in_milliseconds_if_wanted() -> None:
    gaps = [
        0.4,
        0.026,
        0.014,
        0.031,
        0.022,
        0.018,
        0.025,
        0.019,
        0.243,
        0.024,
        0.02,
        0.028,
        0.016,
        0.022,
        0.12,
    ]
    assert ruled(gaps, Ruler.TIMES)[1] == "           26 14 31   18  25 19 243   20     28 16  22 120"


def test_a_height_grows_with_its_gap() -> None:
    gaps = [0.4, *[USUAL] * 8, 0.005, 0.03, 0.04, 0.05, 0.055, 0.08]
    assert ruled(gaps, Ruler.HEIGHTS)[1].split()[-6:] == ["▁", "▄", "▅", "▆", "▆", "▇"]


def test_gaps_stand_below_the_line_that_their_marks_are_in() -> None:
    lines = ruled([0.4, *[USUAL] * 14], Ruler.HEIGHTS, width=20)
    assert lines[0] == '{"|expression|":|'
    assert lines[1] == "  ▁          ▂  ▂"
    assert len(lines) == 6


def test_a_slow_but_steady_stream_has_no_stalls() -> None:
    text = StreamText()
    text.configure(80, True, Ruler.HEIGHTS)
    text.add([Chunk("x", 2.0)] * 20)
    stalls = [span for line in text.lines for span in line if span.kind is Kind.STALL]
    assert len(stalls) <= 1  # the first gap has nothing to be compared with


def test_each_line_says_how_it_ends() -> None:
    text = StreamText()
    text.configure(11, True, Ruler.HEIGHTS)
    text.head(AnswerHeading("one"))
    text.add([Chunk("the quick brown\nabcdefghijklmno", 0.1)])
    assert list(text.rows) == [
        LineKind.HEADING, LineKind.BROKEN_AT_BLANK, LineKind.TEXT, LineKind.BROKEN, LineKind.TEXT,
        LineKind.GAPS,
    ]  # fmt: skip
    assert text.last_text == 4


def test_answers_follow_one_another_under_headings() -> None:
    text = StreamText()
    text.configure(10, True, Ruler.NONE)
    text.head(AnswerHeading("one"))
    text.add([Chunk("a", None), Chunk("b", None)])
    text.head(AnswerHeading("two", ", and too long"))
    text.add([Chunk("c", None)])
    assert drawn(list(text.lines)) == ["one", "a|b|", "two, and …", "c|"]
    text.rename(AnswerHeading("2"))
    assert drawn(list(text.lines)) == ["one", "a|b|", "2", "c|"]
    text.configure(10, False, Ruler.NONE)
    assert drawn(list(text.lines)) == ["one", "ab", "2", "c"]
    assert text.plain == "abc"
    text.drop_last()
    assert drawn(list(text.lines)) == ["one", "ab", ""]
    text.head(AnswerHeading("3"))
    text.add([Chunk("d", None)])
    assert drawn(list(text.lines)) == ["one", "ab", "3", "d"]


def test_a_heading_that_was_dropped_cannot_be_renamed() -> None:
    text = StreamText()
    text.head(AnswerHeading("gone"))
    text.add([Chunk("x", None)] * (KEEP_CHUNKS * 3 // 2))
    text.rename(AnswerHeading("back"))
    assert "back" not in drawn(list(text.lines))[0]


def test_only_the_end_of_an_endless_stream_is_kept() -> None:
    text = StreamText()
    text.configure(60, True, Ruler.NONE)
    for number in range(60):
        text.add([Chunk(f"{number:05} " * 100 + "\n", 0.01) for _chunk in range(100)])
    assert len(text.plain) <= KEEP_CHARACTERS * 5 // 4 + 60_000
    assert drawn(list(text.lines))[-2].endswith("00059 ")
    text.clear()
    text.add([Chunk("x", None)] * (2 * KEEP_CHUNKS))
    assert len(text.plain) <= KEEP_CHUNKS * 5 // 4
    assert len(text.lines) * 60 >= KEEP_CHUNKS
