"""The end of a run is told: on the wire of a terminal, and to the command of the user's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash
from tests.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("notify", "terminal", "wire"),
    [
        ("desktop", {"TERM_PROGRAM": "iTerm.app"}, b"\x1b]9;llmdash: "),
        ("desktop", {"TERM": "xterm-kitty"}, b"\x1b]99;"),
        ("bell", {}, b"\a"),
    ],
)
def test_a_dashboard_tells_its_terminal_when_the_run_is_done(
    tmp_path: Path, notify: str, terminal: dict[str, str], wire: bytes
) -> None:
    env = {**environment(tmp_path), **terminal}
    order = ("demo", "--limit", 3, "--notify", notify)
    with Terminal(*order, cwd=tmp_path, env=env) as opened:
        opened.wait_for("What came of it")
        opened.wait_for(lambda _screen: wire in bytes(opened.raw))
        opened.keys("q")
        assert opened.wait() in (0, 3)
        assert opened.is_clean


def test_the_command_gets_the_summary_and_no_key(tmp_path: Path) -> None:
    script = tmp_path / "read.py"
    script.write_text(
        "import json, os, sys\n"
        "said = {**json.load(sys.stdin), 'env': dict(os.environ)}\n"
        "json.dump(said, open(sys.argv[1], 'w'))\n"
    )
    command = f"{sys.executable} '{script}' '{tmp_path}/got'"
    key = "sk-told-0123456789abcdefghij"
    env = {"OPENAI_API_KEY": key, "HARMLESS": "yes"}
    ran = llmdash(
        "demo",
        "--headless",
        "--limit",
        "5",
        "--on-end",
        command,
        cwd=tmp_path,
        env={**environment(tmp_path), **env},
    )
    assert ran.code in (0, 3), ran.err
    got = json.loads((tmp_path / "got").read_text())
    assert (got["type"], got["why"], got["jobs"]) == ("summary", "done", 5)
    assert got["env"]["HARMLESS"] == "yes"
    assert key not in json.dumps(got)


def test_a_command_that_fails_does_not_change_the_exit_code(tmp_path: Path) -> None:
    env = environment(tmp_path)
    ran = llmdash("demo", "--headless", "--limit", "3", "--on-end", "exit 9", cwd=tmp_path, env=env)
    assert ran.code in (0, 3)
    assert "status 9" in ran.err + ran.out


def test_a_folder_whose_settings_name_a_command_has_to_be_trusted(tmp_path: Path) -> None:
    (tmp_path / "llmdash.toml").write_text(f"on_end = 'touch {tmp_path}/ran'\n")
    (tmp_path / "prompts.txt").write_text("one\n")
    env = environment(tmp_path)
    ran = llmdash("run", "prompts.txt", "--simulate", "--headless", cwd=tmp_path, env=env)
    assert ran.code == 2
    assert "on_end" in ran.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_the_results_are_complete_before_the_command_runs_and_the_screen_says_so(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "p.txt").write_text("1 + 1\n2 + 2\n3 + 3\n")
    env = environment(tmp_path)
    order = ("run", "p.txt", "--simulate", "--out", name, "--on-end", f"cp {name} seen")
    with Terminal(*order, cwd=tmp_path, env=env) as opened:
        opened.wait_for(f"{name} is complete")
        said = (tmp_path / name).read_bytes()
        seen = tmp_path / "seen"
        opened.wait_for(lambda _screen: seen.exists() and seen.read_bytes() == said)
        opened.keys("q")
        assert opened.wait() == 0
    assert (tmp_path / "seen").read_bytes() == said == (tmp_path / name).read_bytes()
    assert len(said.splitlines()) == 3 + (name == "r.csv")
