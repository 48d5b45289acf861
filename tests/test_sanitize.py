"""Nothing that a model or a file says reaches the terminal as a command."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, split_graphemes

from llmdash.sanitize import clean, clean_line

anything = st.text(st.characters(exclude_categories=()))
hostile = st.text(
    st.sampled_from("a\x1b\x9b\x07\x00\x7f\x85\r\n\t\u202e\u2066\u200f\u2028\ufeff\U000e0041\ud800[]/漢")
)


def steers(text: str) -> list[str]:
    """The characters that a terminal might obey or hide, but for joiners and fillers of scripts."""
    kept = "\u200c\u200d"
    return [
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or (is_format(c) and c not in kept)
    ]


def is_format(character: str) -> bool:
    """Bidirectional controls, tags and invisible marks; other format characters belong to scripts."""
    code = ord(character)
    ranges = ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F))
    return code in (0x61C, 0x180E, 0xFEFF) or any(low <= code <= high for low, high in ranges)


@given(anything | hostile)
def test_nothing_clean_steers_a_terminal(text: str) -> None:
    assert not steers(clean(text).replace("\n", "").replace("\t", ""))
    assert not steers(clean_line(text))


@given(anything | hostile)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_line(clean_line(text)) == clean_line(text)
    assert clean_line(clean(text)) == clean_line(text)


@given(anything | hostile)
def test_every_character_keeps_its_place(text: str) -> None:
    assert len(clean(text)) == len(clean_line(text)) == len(text)


@given(anything | hostile)
def test_what_is_clean_can_be_written_as_utf_8(text: str) -> None:
    for shown in (clean(text), clean_line(text)):
        assert shown.encode("utf-8").decode("utf-8") == shown


@given(anything | st.text(st.sampled_from("a|漢👩🏽❤\ufe0f\u200d\u0301\x1b")))
def test_the_cells_of_a_line_are_those_of_its_clusters(text: str) -> None:
    """Where they differ, a line cut by its clusters is wider than its place."""
    line = clean_line(text)
    assert cell_len(line) == sum(size for _start, _end, size in split_graphemes(line)[0])


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" \n\t\u00a0\u3000")))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert clean(text) is text


def test_every_code_point_is_either_kept_or_made_visible() -> None:
    for code in range(0x110000):
        character = chr(code)
        shown = clean(character)
        assert shown == character or not steers(shown)
    every = "".join(map(chr, range(0x110000)))
    assert not steers(clean(every).replace("\n", "").replace("\t", ""))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;cm0=\x07", "␛]52;c;cm0=␇"),
        ("\x1b[2J\x00\x7f", "␛[2J␀␡"),
        ("\x9b31m\x90q", "�31m�q"),
        ("\x85\u2028\u2029", "␤␤␤"),
        ("a\r\nb", "a␍\nb"),
        ("user\u202egnp.exe\u2069", "user⇄gnp.exe⇄"),
        ("\u200e\u200f\u061c", "⇄⇄⇄"),
        ("hi\U000e0068\U000e0069\U000e007f", "hi���"),
        ("a\ud800b\udfff", "a�b�"),
        ("\ufeffa\u200bb\u2060", "·a·b·"),
        ("👩\u200d💻 é\u0301 می\u200cخواهم", "👩\u200d💻 é\u0301 می\u200cخواهم"),
        ("🏳\ufe0f\u200d🌈 👩🏽\u200d🚀", "🏳\ufe0f\u200d🌈 👩🏽\u200d🚀"),
        ("a\u200db 👩\u200d| \u200d👩", "a·b 👩·| ·👩"),
        ("👩\u200d\u200d👩 a\ufe0f\u200d👩", "👩··👩 a\ufe0f·👩"),
        ("[/] [bold]x[/bold]", "[/] [bold]x[/bold]"),
    ],
)
def test_what_is_hidden_becomes_a_glyph(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_stays_one_line() -> None:
    assert clean_line("a\nb\tc\x1b") == "a⏎b c␛"
    assert clean("a\nb\tc") == "a\nb\tc"
    assert clean_line("plain") == "plain"


@pytest.mark.parametrize("piece", ["word ", "line\n", "\x1b", "\x1b[31m", "漢\n", "\u202e"])
def test_two_megabytes_are_cleaned(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    assert clean(text)[: len(piece)] == clean(piece)
    assert len(clean_line(text)) == len(text)
