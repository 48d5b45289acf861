"""The user's file of keys: what it may say, and what is wrong with it, by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.settings.chosen_keys import ChosenKeys, key_name, read_keys

KNOWN = ("pause", "filter", "wall")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [str(problem) for problem in read_keys(path, KNOWN)[1]]


def test_an_action_has_one_key_or_several(path: Path) -> None:
    path.write_text('[keys]\npause = "space"\nfilter = ["/", "ctrl+F", "/"]\n')
    chosen, wrong = read_keys(path, KNOWN)
    assert chosen.keys == {"pause": ("space",), "filter": ("slash", "ctrl+f")}
    assert chosen.lines == {"pause": 2, "filter": 3}
    assert chosen.keymap == {"pause": "space", "filter": "slash,ctrl+f"}
    assert wrong == []


def test_without_a_file_nothing_is_chosen(path: Path) -> None:
    assert read_keys(path, KNOWN) == (ChosenKeys(path), [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[keys]\n\npuase = "x"\n', "{}:3: puase: is not an action; did you mean pause?"),
        ('[keys]\nfly = "x"\n', "{}:2: fly: is not an action; llmdash manual keyboard lists them"),
        ('[keys]\npause = "spaec"\n', "{}:2: pause: 'spaec' is not a key"),
        ('[keys]\npause = "hyper+x"\n', "modifiers are ctrl, alt, shift"),
        ("[keys]\npause = 7\n", "{}:2: pause: 7 is not a key; write it in quotes"),
        ("[keys]\npause = []\n", "{}:2: pause: has no key"),
        ('[keys]\npause = "ctrl+c"\n', "{}:2: pause: ctrl+c always leaves"),
        ('pause = "x"\n', "{}:1: pause is not known; write [keys] above the keys"),
        ("keys = 1\n", "{}:1: keys must be a table"),
        ("[keys\n", "{}:1: no key is changed: "),
    ],
)
def test_what_is_wrong_is_said_with_its_line(path: Path, text: str, says: str) -> None:
    (said,) = problems(path, text)
    assert says.format(path) in said


def test_the_rest_of_a_file_with_a_mistake_holds(path: Path) -> None:
    path.write_text('[keys]\nfly = "x"\npause = "x"\n')
    assert read_keys(path, KNOWN)[0].keys == {"pause": ("x",)}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("+", "plus"), ("ctrl++", "ctrl+plus"), ("plus", "plus"), ("?", "question_mark"), (" ", "space"),
        ("A", "A"), ("shift+a", "A"), ("ctrl+A", "ctrl+a"), ("shift+ctrl+left", "ctrl+shift+left"),
        ("F5", "f5"), ("esc", "escape"), ("PgDn", "pagedown"), ("question_mark", "question_mark"), ("é", "é"),
    ],
)  # fmt: skip
def test_a_key_is_a_sign_or_a_name(written: str, name: str) -> None:
    if written == "é":
        assert key_name(written)
    else:
        assert key_name(written) == name


@given(st.text(max_size=12))
def test_whatever_stands_for_a_key_is_one_or_refused(text: str) -> None:
    try:
        assert key_name(text)
    except ValueError as refused:
        assert "key" in str(refused)
