"""What reports tell the user to type can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from llmdash.reports.wording import resume_command


@pytest.mark.parametrize("folder", ["kept", "my runs/first one", "it's $HOME", "-x;rm y"])
def test_the_command_that_goes_on_names_the_folder_to_a_shell(folder: str) -> None:
    assert shlex.split(resume_command(Path(folder))) == ["llmdash", "run", "--resume", "--run-dir", folder]


def test_the_command_that_goes_on_cannot_steer_a_terminal() -> None:
    assert "\x1b" not in resume_command(Path("kept\x1b[2J"))
