"""The command of --on-end: it gets the summary and no key, prints to a private log, and cannot last."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.config import Settings
from llmdash.config.telling import TellingSettings
from llmdash.launch.on_end import LOG, EndCommand
from llmdash.launch.told import end_command
from llmdash.secrets import Secret
from tests.waiting import PATIENCE_S, has_ended, wait_for

ENVIRONMENT = {"PATH": os.environ.get("PATH", "")}


def run_for_ever(script: str, folder: Path, has_begun: Callable[[], bool]) -> str | None:
    """Run a command that does not end by itself; for longer, if it was ended before it had begun."""
    longest_s = 2.0
    while True:
        problem = EndCommand(script, folder, ENVIRONMENT, longest_s=longest_s).run({})
        if has_begun() or longest_s > PATIENCE_S:
            return problem
        longest_s *= 2


def test_the_command_reads_the_summary_from_its_standard_input(tmp_path: Path) -> None:
    command = EndCommand(f"cat > '{tmp_path}/got.json'", tmp_path, ENVIRONMENT)
    assert command.run({"type": "summary", "done": 3}) is None
    assert json.loads((tmp_path / "got.json").read_text()) == {"type": "summary", "done": 3}


def test_what_it_prints_is_in_a_log_that_only_the_user_can_read(tmp_path: Path) -> None:
    command = EndCommand("echo out; echo err >&2", tmp_path, ENVIRONMENT)
    assert command.run({}) is None
    assert (tmp_path / LOG).read_text() == "out\nerr\n"
    assert (tmp_path / LOG).stat().st_mode & 0o777 == 0o600


def test_one_that_does_not_read_is_no_fault(tmp_path: Path) -> None:
    assert EndCommand("true", tmp_path, ENVIRONMENT).run({"text": "x" * 1_000_000}) is None


def test_one_that_fails_is_reported_with_its_status(tmp_path: Path) -> None:
    problem = EndCommand("exit 3", tmp_path, ENVIRONMENT).run({})
    assert problem is not None
    assert "status 3" in problem


def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 1000 & echo $! > '{child}'; sleep 1000"
    problem = run_for_ever(script, tmp_path, lambda: child.exists() and child.read_text() != "")
    assert problem is not None
    assert "was ended" in problem
    number = int(child.read_text())
    wait_for(lambda: has_ended(number), "its child to end")


@pytest.mark.parametrize(
    "script", ["head -c 20000000 /dev/zero", "exec cat /dev/zero"], ids=["much", "endless"]
)
def test_one_that_prints_much_does_not_fill_the_disk(tmp_path: Path, script: str) -> None:
    run_for_ever(f"echo first; {script}", tmp_path, lambda: (tmp_path / LOG).stat().st_size > 0)
    log = (tmp_path / LOG).read_bytes()
    assert len(log) <= 1_000_000
    assert log.startswith(b"first\n")


def test_one_that_reads_late_gets_the_whole_summary(tmp_path: Path) -> None:
    command = EndCommand(f"sleep 0.6; wc -c > '{tmp_path}/size'", tmp_path, ENVIRONMENT)
    assert command.run({"text": "x" * 1_000_000}) is None
    assert int((tmp_path / "size").read_text()) > 1_000_000


def test_one_that_leaves_something_running_is_not_waited_for(tmp_path: Path) -> None:
    begun = time.monotonic()
    script = f"sleep 600 & echo $! > '{tmp_path}/left'"
    assert EndCommand(script, tmp_path, ENVIRONMENT).run({}) is None
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
    assert time.monotonic() - begun < PATIENCE_S


def test_a_folder_that_is_gone_is_reported(tmp_path: Path) -> None:
    problem = EndCommand("true", tmp_path / "gone", ENVIRONMENT).run({})
    assert problem is not None
    assert "was not run" in problem


def test_its_environment_has_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-on-end-0123456789abcdef"
    monkeypatch.setenv("MINE", f"Bearer {key}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-another-provider")
    monkeypatch.setenv("OPENAI_API_KEY_2", "sk-second")
    monkeypatch.setenv("HARMLESS", "yes")
    settings = Settings(keys=(Secret(key),), telling=TellingSettings(on_end="env"))
    command = end_command(settings, tmp_path)
    assert command is not None
    assert command.run({}) is None
    said = (tmp_path / LOG).read_text()
    assert "HARMLESS=yes" in said
    assert "sk-" not in said


def test_without_the_setting_there_is_none(tmp_path: Path) -> None:
    assert end_command(Settings(), tmp_path) is None
