"""Paths as terminals and file managers paste them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.text.pasted import is_a_file, is_there, pasted_paths


def no_file(_text: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("'/a b/c.jsonl'", ["/a b/c.jsonl"]),
        ('"/a b/c.jsonl"', ["/a b/c.jsonl"]),
        ("'/a b/c.jsonl' ", ["/a b/c.jsonl"]),
        ("/a\\ b/c.jsonl\n", ["/a b/c.jsonl"]),
        ("/a b/c.jsonl", ["/a b/c.jsonl"]),
        ("file:///a%20b", ["/a b"]),
        ("file://[a", ["file://[a"]),
        ("file://host/a%20b\r\n", ["/a b"]),
        ("'/a b' '/c d'", ["/a b", "/c d"]),
        ("/a\\ b /c", ["/a b", "/c"]),
        ("file:///a\nfile:///b%25\n", ["/a", "/b%"]),
        ("/it's.jsonl", ["/it's.jsonl"]),
        ("'/it'\\''s.jsonl'", ["/it's.jsonl"]),
        ("prompts.jsonl", ["prompts.jsonl"]),
        ("~/a\\ b", ["~/a b"]),
        ("", []),
        (" \n\n", []),
    ],
)
def test_quotes_escapes_and_uris_are_taken_off(text: str, paths: list[str]) -> None:
    assert pasted_paths(text, no_file) == paths


def test_the_name_of_a_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    odd = tmp_path / "'a' \\b.jsonl"
    odd.touch()
    assert pasted_paths(str(odd)) == [str(odd)]
    assert not is_a_file("\0")


@given(
    st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1), min_size=1)
)
def test_what_a_shell_would_quote_comes_back(names: list[str]) -> None:
    paths = [f"/{name}" for name in names]
    assert pasted_paths(" ".join(map(shlex.quote, paths)), no_file) == paths


@given(st.text())
def test_whatever_is_pasted_gives_paths_of_one_line(text: str) -> None:
    assert not any("\n" in path for path in pasted_paths(text, no_file) if "%0A" not in text.upper())


@pytest.mark.parametrize("text", ["x" * 3000, "/" + "x" * 3000, "~nobody-of-this-name/x", "a\0b"])
def test_a_name_that_no_file_can_have_is_none(text: str) -> None:
    assert not is_a_file(text)
    assert not is_there(text)
