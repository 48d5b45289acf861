"""Copies: where they go, what is said of it, and that the text goes nowhere else."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmdash.ui.clipboard import Clipboard, copied_words, takes_osc52


def program(folder: Path, name: str, code: int = 0) -> str:
    """A program that writes down what it was given: standard input, arguments and environment."""
    path = folder / name
    path.write_text(
        f'#!/bin/sh\ncat > "{folder}/{name}.in"\necho "$@" > "{folder}/{name}.args"\n'
        f'env > "{folder}/{name}.env"\nexit {code}\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def clipboard(
    folder: Path, environment: Mapping[str, str], *names: str, platform: str = "linux"
) -> Clipboard:
    paths = {name: program(folder, name) for name in names}
    return Clipboard(environment, platform=platform, find=paths.get)


async def test_the_text_goes_in_by_standard_input_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    board = clipboard(
        tmp_path, {"WAYLAND_DISPLAY": "wayland-0", "OPENAI_API_KEY": "sk-of-the-user"}, "wl-copy"
    )
    assert await board.copy("it's $HOME\n日本") == "wl-copy"
    assert (tmp_path / "wl-copy.in").read_text("utf-8") == "it's $HOME\n日本"
    assert "HOME\n" not in (tmp_path / "wl-copy.args").read_text()
    given = (tmp_path / "wl-copy.env").read_text()
    assert "WAYLAND_DISPLAY=wayland-0" in given
    assert "sk-of-the-user" not in given


@pytest.mark.parametrize(
    ("environment", "platform", "there", "used"),
    [
        ({"DISPLAY": ":0"}, "linux", ("xclip", "xsel"), "xclip"),
        ({"DISPLAY": ":0"}, "linux", ("xsel",), "xsel"),
        ({}, "darwin", ("pbcopy",), "pbcopy"),
        ({"WSL_INTEROP": "/run/x"}, "linux", ("clip.exe",), "clip.exe"),
        ({}, "linux", ("xclip", "wl-copy"), None),
        ({"DISPLAY": ":0"}, "linux", (), None),
    ],
)
async def test_the_program_that_fits_the_session_is_used(
    tmp_path: Path, environment: dict[str, str], platform: str, there: tuple[str, ...], used: str | None
) -> None:
    assert await clipboard(tmp_path, environment, *there, platform=platform).copy("x") == used


async def test_a_program_that_fails_or_cannot_be_started_leaves_it_to_the_next(tmp_path: Path) -> None:
    paths = {"wl-copy": program(tmp_path, "wl-copy", code=1), "xclip": str(tmp_path / "gone")}
    paths["xsel"] = program(tmp_path, "xsel")
    board = Clipboard({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, platform="linux", find=paths.get)
    assert await board.copy("x") == "xsel"


@pytest.mark.parametrize(
    ("environment", "takes"),
    [
        ({"TERM_PROGRAM": "Apple_Terminal", "TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7003"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "tmux-256color", "TMUX": "/run/x", "TERM_PROGRAM": "WezTerm"}, None),
        ({"TERM": "xterm-256color"}, None),
    ],
)
def test_whether_the_terminal_takes_osc_52_is_known_where_it_says_so(
    environment: dict[str, str], takes: bool | None
) -> None:
    assert takes_osc52(environment) is takes


@pytest.mark.case("screen", "copy-notice")
def test_it_is_said_what_was_copied_how_much_and_where() -> None:
    assert copied_words("the answer", "abc", "xclip", False) == (
        "Copied the answer, 3 characters: to the clipboard by xclip"
    )
    assert copied_words("the answer", "a", "xclip", None).endswith(
        "1 character: to the clipboard by xclip, and sent to the terminal"
    )
    assert (
        copied_words("it", "abc", None, True)
        == "Copied it, 3 characters: to the terminal's clipboard (OSC 52)"
    )
    assert "if it takes that" in copied_words("it", "abc", None, None)
    assert "takes no copies" in copied_words("it", "abc", None, False)
    assert "cut" in copied_words("it", "x" * 100_000, None, True)
