"""`llmdash manual`, the examples below each command's help, and completion in a real shell."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from llmdash.cli import main
from llmdash.cli.examples import EXAMPLES
from llmdash.cli.help_layout import COMMAND_GROUPS, OPTION_GROUPS
from llmdash.manual import TOPICS, page_of
from tests.cli.command import environment, llmdash
from tests.cli.parsed import parse
from tests.pages import commands_of


def test_without_a_topic_the_topics_are_listed(tmp_path: Path) -> None:
    ended = llmdash("manual", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()[: len(TOPICS)]] == list(TOPICS)


def test_a_page_is_plain_where_there_is_no_terminal(tmp_path: Path) -> None:
    ended = llmdash("manual", "rate", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.out, ended.err) == (0, page_of("rate").text, "")


def test_on_a_terminal_a_page_is_drawn_in_the_pager(tmp_path: Path) -> None:
    pager = tmp_path / "less"
    pager.write_text(f'#!/bin/sh\ncat > "{tmp_path}/paged.txt"\n')
    pager.chmod(0o755)
    terminal, program = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "llmdash", "manual", "rate"],
            env=environment(tmp_path, PAGER=str(pager), TERM="xterm-256color"),
            stdin=program,
            stdout=program,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(program)
        os.close(terminal)
    assert (done.returncode, done.stderr) == (0, b"")
    paged = (tmp_path / "paged.txt").read_text()
    assert "Rate and concurrency" in paged and "# Rate" not in paged
    assert "\x1b[" in paged


def test_a_topic_that_is_not_there_names_the_near_ones(tmp_path: Path) -> None:
    ended = llmdash("manual", "kyes", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "llmdash: there is no page about 'kyes'; did you mean keys?\n"


def test_a_search_names_pages(tmp_path: Path) -> None:
    env = environment(tmp_path)
    found = llmdash("manual", "--search", "trial BUDGET", cwd=tmp_path, env=env)
    assert found.out.splitlines()[0].split()[0] == "trial-and-budget"
    none = llmdash("manual", "--search", "no-such-word", cwd=tmp_path, env=env)
    assert (none.code, none.out) == (2, "")
    both = llmdash("manual", "rate", "--search", "key", cwd=tmp_path, env=env)
    assert both.code == 2


def commands() -> dict[str, click.Command]:
    """Every command by the words that call it."""
    assert isinstance(main, click.Group)
    return {" ".join(words): command for words, command in commands_of(main)}


def test_every_command_has_examples_and_all_examples_are_of_a_command() -> None:
    assert set(EXAMPLES) == {"llmdash", *commands()}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in EXAMPLES.items() for line, _what in lines]
)
def test_every_example_can_be_given(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / file).touch()
    parse(line)
    assert name == "llmdash" or line.startswith(f"llmdash {name}")


@pytest.mark.parametrize("name", ["run", "runs export", "manual"])
def test_the_examples_stand_below_the_help(name: str, tmp_path: Path) -> None:
    ended = llmdash(*name.split(), "--help", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    below = ended.out.partition("Examples:\n")[2].splitlines()
    assert [line.partition("  #")[0].strip() for line in below if line.strip()] == [
        line for line, _what in EXAMPLES[name]
    ]


@pytest.mark.parametrize("group", ["", "runs", "batches"])
def test_what_a_command_does_is_said_in_full_in_the_list(group: str, tmp_path: Path) -> None:
    shown = llmdash(*group.split(), "--help", cwd=tmp_path, env=environment(tmp_path, COLUMNS="80")).out
    lines = shown.partition("Examples:")[0].splitlines()[1:]
    assert [line for line in lines if line.endswith("...")] == []


def test_every_command_and_option_that_has_a_heading_exists() -> None:
    named = [name for names in COMMAND_GROUPS.values() for name in names]
    assert sorted(named) == sorted(name for name in commands() if " " not in name)
    options = {param.name for command in commands().values() for param in command.params}
    placed = [name for names in OPTION_GROUPS.values() for name in names]
    assert len(placed) == len(set(placed))
    assert set(placed) <= options


@pytest.mark.parametrize("name", ["run", "demo", "compare", "bench", "check"])
def test_every_option_of_a_long_help_stands_under_a_heading(name: str) -> None:
    params = {param.name for param in commands()[name].params if isinstance(param, click.Option)}
    own = {"yes", "skip", "greetings", "seed"}
    assert params - {option for names in OPTION_GROUPS.values() for option in names} <= own


# Completion.


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with runs and a file of settings, and `llmdash` as a command."""
    runs = tmp_path / ".local" / "share" / "llmdash" / "runs"
    for name in ("20260101-000000-sums", "20260102-000000-poems"):
        (runs / name).mkdir(parents=True)
    (tmp_path / "llmdash.toml").write_text('[[endpoint]]\nname = "claude"\n[[endpoint]]\nname = "mine"\n')
    (tmp_path / "prompts.jsonl").touch()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "llmdash"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmdash "$@"\n')
    program.chmod(0o755)
    return tmp_path


def completed(home: Path, line: str) -> list[str]:
    """What bash offers for the last word of a line, by the script that `llmdash completion bash` prints."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    words = line.split(" ")
    script = f"""
    eval "$(llmdash completion bash)"
    COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
    COMP_CWORD={len(words) - 1}
    _llmdash_completion llmdash
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    env = environment(home)
    env["PATH"] = f"{home / 'bin'}:{env['PATH']}"
    done = subprocess.run(
        [bash, "-c", script], cwd=home, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("llmdash man", ["manual"]),
        ("llmdash manual trial", ["trial-and-budget"]),
        ("llmdash runs open 2026", ["20260102-000000-poems", "20260101-000000-sums"]),
        ("llmdash runs open ", ["last", "20260102-000000-poems", "20260101-000000-sums"]),
        ("llmdash runs compare last 20260101", ["20260101-000000-sums"]),
        ("llmdash attach 20260102", ["20260102-000000-poems"]),
        ("llmdash run --endpoint ", ["claude", "mine"]),
        ("llmdash run --forec", ["--forecast"]),
        ("llmdash completion ", ["bash", "zsh", "fish"]),
        ("llmdash ctl last pau", ["pause"]),
        ("llmdash themes mor", ["morning-mist"]),
        ("llmdash themes --set ember", ["emberwood"]),
        ("llmdash run --check num", ["number"]),
        ("llmdash run --dialect anth", ["anthropic"]),
    ],
)
def test_bash_completes(home: Path, line: str, offered: list[str]) -> None:
    assert completed(home, line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str, tmp_path: Path) -> None:
    ended = llmdash("completion", shell, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    assert f"_LLMDASH_COMPLETE={shell}_complete" in ended.out
    assert (program := shutil.which(shell)) is None or (
        subprocess.run([program, "-n"], input=ended.out, text=True, check=True).returncode == 0
    )


def test_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    assert llmdash("completion", "csh", cwd=tmp_path, env=environment(tmp_path)).code == 2
