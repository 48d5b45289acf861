"""What reports tell the user to type can be typed."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from llmdash.reports.wording import resume_command


@pytest.mark.parametrize("folder", ["kept", "my runs/first one", "it's $HOME", "-x;rm y"])
def test_the_command_that_goes_on_names_the_folder_to_a_shell(folder: str) -> None:
    assert shlex.split(resume_command(Path(folder))) == ["llmdash", "run", "--resume", "--run-dir", folder]


@pytest.mark.case("files", "name-not-utf8")
@pytest.mark.parametrize("name", [b"caf\xe9", b"it's\xff\\", b"bell\a", "\u202etxt".encode()])
def test_a_name_that_cannot_be_shown_can_be_typed_all_the_same(name: bytes) -> None:
    command = resume_command(Path(os.fsdecode(name)))
    assert command.isprintable()
    line = command.replace("llmdash run", "printf %s")
    said = subprocess.run(["/usr/bin/env", "bash", "-c", line], capture_output=True, check=True)
    assert said.stdout.endswith(name)


def test_the_command_that_goes_on_cannot_steer_a_terminal() -> None:
    assert "\x1b" not in resume_command(Path("kept\x1b[2J"))
