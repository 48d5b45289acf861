"""The differences of two texts: nothing is lost, what is the same is the same, and no text takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.comparison import Piece
from llmdash.engine.model.word_difference import marked

texts = st.text(st.sampled_from("ab c.\n漢字"), max_size=60)


def kept(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces if not piece.differs)


@given(texts, texts)
def test_the_pieces_are_the_texts_and_what_does_not_differ_is_in_both(a: str, b: str) -> None:
    left, right, found = marked(a, b)
    assert "".join(piece.text for piece in left) == a
    assert "".join(piece.text for piece in right) == b
    assert kept(left) == kept(right)
    assert found


@given(st.text())
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    left, right, _ = marked(text, text)
    assert left == right
    assert not any(piece.differs for piece in left)


def test_words_differ_as_a_whole() -> None:
    left, right, _ = marked("the result is 24, then", "the result is 25, then more")
    assert left == (
        Piece("the result is ", differs=False),
        Piece("24", differs=True),
        Piece(", then", differs=False),
    )
    assert right[-1] == Piece(" more", differs=True)


def test_characters_of_scripts_without_blanks_differ_one_by_one() -> None:
    left, _, _ = marked("今日は晴れ", "今日は雨れ")
    assert [piece.text for piece in left if piece.differs] == ["晴"]


@pytest.mark.parametrize(
    ("a", "b"),
    [("$" * 20_000, "%" * 20_000), ("x " * 10_000, "y " * 10_000)],
    ids=["signs", "words"],
)
def test_texts_with_too_many_differences_differ_as_a_whole(a: str, b: str) -> None:
    left, right, found = marked(f"same {a} end", f"same {b} end")
    assert not found
    assert left[0].text.startswith("same ")
    assert left[-1].text.endswith(" end")
    assert "".join(piece.text for piece in right) == f"same {b} end"
