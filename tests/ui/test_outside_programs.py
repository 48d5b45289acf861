"""A pager and an editor over a text: which one, what file, and the terminal before and after."""

from __future__ import annotations

import stat
import sys
import tempfile
from pathlib import Path

import pytest

from llmdash.ui.outside_programs import (
    ProgramError,
    editor_command,
    pager_command,
    run_in_terminal,
    show_text,
)
from tests.cli.command import environment
from tests.cli.terminal import Terminal

ROOT = Path(__file__).parents[2]


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_users_own_programs_are_used_with_their_arguments() -> None:
    assert pager_command({"PAGER": "less -R 'a b'"}) == ["less", "-R", "a b"]
    assert pager_command({}) == ["less"]
    assert editor_command({"EDITOR": "nano", "VISUAL": "code --wait"}) == ["code", "--wait"]
    assert editor_command({"EDITOR": "nano", "VISUAL": " "}) == ["nano"]
    with pytest.raises(ProgramError, match=r"\$PAGER has a quote without its end"):
        pager_command({"PAGER": "less 'x"})


def test_the_file_is_for_nobody_else_and_is_gone_afterwards() -> None:
    seen: list[Path] = []

    def wait(command: list[str]) -> int:
        path = Path(command[-1])
        assert command[:-1] == ["pager", "-x"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text("utf-8") == "日本 \ufffd"
        seen.append(path)
        return 0

    show_text("日本 \ufffd", ".md", ["pager", "-x"], wait)
    assert not seen[0].exists()


def test_a_program_that_cannot_be_started_is_named_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ProgramError, match=r"gone cannot be started: No such file"):
        show_text("x", ".md", [str(tmp_path / "gone")], run_in_terminal)
    assert list(tmp_path.iterdir()) == []


def test_a_program_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    path = script(tmp_path, "pager", f'env > "{tmp_path}/env"')
    show_text("x", ".md", [str(path)], run_in_terminal)
    assert "sk-of-the-user" not in (tmp_path / "env").read_text()


def test_the_pager_has_the_terminal_and_the_dashboard_has_it_again(tmp_path: Path) -> None:
    """Ctrl-C there ends neither the pager, which ignores it, nor the dashboard."""
    pager = script(
        tmp_path,
        "pager",
        'trap "" INT; printf "\\033[2J\\033[H"; echo "PAGER $(stat -c %a "$1")"; grep -c expression "$1"; '
        'printf "ready "; read -r line; echo "got $line"; read -r line',
    )
    env = {**environment(tmp_path), "PAGER": str(pager), "EDITOR": str(pager)}
    command = (sys.executable, "-m", "tests.ui.shown_inspector")
    with Terminal(cwd=ROOT, env=env, command=command) as terminal:
        terminal.wait_for("add-3599")
        terminal.keys("\r")
        terminal.wait_for("171k left")
        terminal.keys("v")
        terminal.wait_for("PAGER 600")
        terminal.wait_for("ready")
        terminal.keys("\x03")
        terminal.keys("hello\r")
        terminal.wait_for("got hello")
        terminal.keys("\r")
        terminal.wait_for("171k left")
        terminal.keys("E")
        terminal.wait_for("PAGER 600")
        terminal.keys("\r\r")
        terminal.wait_for("171k left")
        terminal.keys("\x1b")
        terminal.wait_for("Jobs")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.left_changed == []
