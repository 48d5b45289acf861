"""The pictures in the README show the app as it is: `python -m tests.readme_pictures` makes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.readme_pictures.making import FOLDER, THEMES, moving_picture

_ANSWERS = "expression result Sure The"
README = Path(__file__).parents[2] / "README.md"


def words_in(svg: str) -> set[str]:
    """What a picture says, without figures and answers: the machine decides where these are cut."""
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", svg)
    return {word for text in texts for word in re.findall(r"[A-Za-z]{3,}", text) if word not in _ANSWERS}


@pytest.mark.parametrize("shade", THEMES)
def test_a_picture_says_what_the_app_says(shade: str) -> None:
    kept = (FOLDER / f"run-{shade}.svg").read_text(encoding="utf-8")
    assert words_in(kept) == words_in(moving_picture(shade))


@pytest.mark.parametrize("shade", THEMES)
def test_the_readme_shows_each_picture(shade: str) -> None:
    assert f".github/pictures/run-{shade}.svg" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("shade", THEMES)
def test_a_picture_neither_loads_nor_runs_anything(shade: str) -> None:
    kept = (FOLDER / f"run-{shade}.svg").read_text(encoding="utf-8")
    assert not re.search(r"<script|<image|href=|url\(|@import", kept)
    assert len(kept) < 1_500_000
