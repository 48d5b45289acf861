"""How a terminal is made to call its user: what it knows decides, and no text gets out of its sequence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.terminal.attention import BELL, attention

TERMINALS = [
    {"TERM_PROGRAM": "iTerm.app"},
    {"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"},
    {"TERM_PROGRAM": "WezTerm"},
    {"TERM": "xterm-ghostty"},
    {"TERM": "xterm-kitty"},
    {"TERM": "foot"},
    {"TERM": "rxvt-unicode-256color"},
]
SEQUENCE = re.compile(r"(\x1b\](9|777|99);[^\x00-\x1f\x7f-\x9f]*\x1b\\)+")


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        (TERMINALS[0], "\x1b]9;llmdash: run is done\x1b\\"),
        (TERMINALS[3], "\x1b]777;notify;llmdash;run is done\x1b\\"),
        (TERMINALS[4], "\x1b]99;i=llmdash:d=0;llmdash\x1b\\\x1b]99;i=llmdash:p=body;run is done\x1b\\"),
    ],
)
def test_a_terminal_with_notifications_shows_one(environ: dict[str, str], shown: str) -> None:
    assert attention("llmdash", "run is done", environ) == shown


@pytest.mark.parametrize("environ", [{}, {"TERM": "xterm-256color"}, {"TERM_PROGRAM": "Apple_Terminal"}])
def test_others_ring(environ: dict[str, str]) -> None:
    assert attention("llmdash", "run is done", environ) == BELL


@pytest.mark.parametrize("inside", [{"TMUX": "tmux-0/default,1,0"}, {"STY": "12.pts-0"}])
def test_inside_of_a_multiplexer_there_is_the_bell_alone(inside: dict[str, str]) -> None:
    assert attention("llmdash", "run is done", {**TERMINALS[0], **inside}) == BELL


@given(st.text(), st.sampled_from(TERMINALS))
def test_no_text_ends_a_sequence_or_adds_a_field(text: str, environ: dict[str, str]) -> None:
    written = attention("llmdash", text, environ)
    assert SEQUENCE.fullmatch(written)
    assert written.count(";") == attention("llmdash", "", environ).count(";")
