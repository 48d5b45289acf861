"""What a terminal is sent: as little as shows the same."""

from __future__ import annotations

from random import Random

import pyte
import pytest

from llmdash.ui.terminal.lean_output import lean

_COLOURS = "38;2;10;20;30;48;2;1;2;3"
_STYLES = (f"1;{_COLOURS}", _COLOURS, "48;2;1;2;3", "7", "1;4;31", "31;40", "2;31")


def _cells(data: str) -> list[object]:
    screen = pyte.Screen(40, 6)
    pyte.Stream(screen).feed(data)
    return [screen.buffer[y][x] for y in range(6) for x in range(40)]


def _drawn(random: Random) -> str:
    """What draws some pieces of text in some styles at some places, as Textual does."""
    pieces = []
    for _ in range(random.randrange(12)):
        style = random.choice(_STYLES)
        move = random.choice(("", "", "\r\n", f"\x1b[{random.randrange(1, 7)};{random.randrange(1, 30)}H"))
        pieces.append(f"{move}\x1b[{style}m{random.choice('ab ')}\x1b[0m{random.choice(('', '', 'c'))}")
    return "".join(pieces)


def test_the_picture_is_the_same() -> None:
    random = Random(1)
    for _ in range(300):
        data = _drawn(random)
        assert _cells(lean(data)) == _cells(data), repr(data)
        assert len(lean(data)) <= len(data)


def test_what_stays_as_it_is_is_not_said_again() -> None:
    text, ground = "\x1b[38;2;9;9;9;48;2;1;2;3m", "48;2;1;2;3m"
    drawn = f"{text}a\x1b[0m\x1b[38;2;8;8;8;{ground}b\x1b[0m\x1b[2;1H{text}c\x1b[0m"
    assert lean(drawn) == f"{text}a\x1b[38;2;8;8;8mb\x1b[2;1H\x1b[38;2;9;9;9mc\x1b[0m"


@pytest.mark.parametrize(
    "data",
    [
        "\x1b[?25l\x1b[0m",
        "\x1b[58;2;1;2;3ma\x1b[0mb\x1b[0m",
        "\x1b[31ma\x1b[32mb\x1b[0m",
        "\x1b[0ma\x1b[31mb",
    ],
    ids=["none", "unknown", "one on another", "open end"],
)
def test_what_is_not_known_is_sent_as_it_is(data: str) -> None:
    assert lean(data) == data
