"""A key is sent to its endpoint and found nowhere else, whatever goes wrong and whoever repeats it.

The text of an answer is left out: it is what was paid for, and is kept as it came. To mask in it what happens
to equal a key would spoil answers where keys are short.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.canaries import Lair, canary, found_in
from tests.cli.command import environment
from tests.cli.faulty import faulty
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.faults.catalogue import CATALOGUE

BROKEN = str(Path(__file__).with_name("broken.py"))
RUN = ("run", "sums.txt", "--headless", "--rate", "200/s", "--run-dir", "kept")
FORMATS = ("r.jsonl", "r.json", "r.csv", "r.tsv", "r.parquet", "r.batch.jsonl")
DIALECTS = ("openai-chat", "openai-completions", "openai-responses", "anthropic", "promptlayer-openai")
ECHOED = ("401", "500", "302", "200-error", "stream-auth")
"""Faults of every kind, with the key in the message, the body, the address a redirect names, a page."""


@pytest.fixture(scope="module")
def faults() -> Iterator[str]:
    """A server that repeats the key in whatever it says of a fault."""
    with faulty("--faults", "mixed", "--echo", "--share", 0.6, "--most", 2, "--latency", 0.02) as root:
        yield root


def assert_kept_to_itself(lair: Lair) -> None:
    files = lair.search_files()
    print(f"{lair.searched:,} bytes searched, {files} files among them; found: {len(lair.leaks)}")
    assert lair.leaks == []


def test_the_search_finds_a_key_in_every_spelling() -> None:
    key = canary()
    for said in (
        f"Bearer {key}!",
        json.dumps({"error": key}),
        "?key=" + key.replace("/", "%2F").replace("+", "%2B"),
        base64.b64encode(f"user:{key}".encode()).decode(),
    ):
        assert found_in(said.encode(), (key,)), said
    assert not found_in(b"sk-...a1f3", (key,))


def test_a_run_over_every_fault_tells_no_key_in_any_output_file_or_process(
    tmp_path: Path, faults: str
) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    lair.run(*RUN, "--json", "--out", FORMATS[0])
    lair.run("doctor", "kept")
    journal = (lair.work / "kept" / "journal.sqlite").read_bytes()
    assert b"sk-..." in journal, "the server did repeat keys, and their place is told"
    assert_kept_to_itself(lair)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_and_no_format_tells_a_key(tmp_path: Path, faults: str, dialect: str) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    lair.run(*RUN, "--dialect", dialect, "--json")
    for name in FORMATS:
        lair.run("run", "--resume", "--run-dir", "kept", "--dialect", dialect, "--headless", "--out", name)
    lair.run("check", "--dialect", dialect)
    lair.run("compare", "sums.txt", "--limit", 4, "--dialect", dialect, "--json")
    assert_kept_to_itself(lair)


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(CATALOGUE))
def test_no_fault_tells_a_key(tmp_path: Path, faults: str, fault: str) -> None:
    lair = Lair(tmp_path, f"{faults}/{fault}/v1")
    lair.run("ask", "1 + 1")
    lair.run("stream", "1 + 1", "--events")
    lair.run("ask", "1 + 1", "--no-stream")
    lair.run("check")
    assert_kept_to_itself(lair)


@pytest.mark.slow
def test_no_command_tells_a_key_that_the_server_repeats(tmp_path: Path, faults: str) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    for fault in ECHOED:
        lair.run("ask", "1 + 1", "--base-url", f"{faults}/{fault}/v1")
    lair.run("stream", "1 + 1", "--events")
    lair.run("check")
    lair.run("compare", "sums.txt", "--limit", 2)
    assert_kept_to_itself(lair)


@pytest.mark.slow
def test_a_key_of_the_users_own_environment_reaches_no_child(tmp_path: Path, faults: str) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    (lair.work / ".env").unlink()
    given = {"OPENAI_API_KEY": ",".join(lair.keys), "OPENAI_BASE_URL": f"{faults}/v1"}
    lair.run(*RUN, **given)
    lair.run("run", "sums.txt", "--simulate", "--headless", "--rate", "100/s", **given)
    lair.run("init", "--yes", **given)
    assert_kept_to_itself(lair)


def test_the_dashboard_and_its_inspector_tell_no_key(tmp_path: Path, faults: str) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    with lair.terminal("run", "sums.txt", "--rate", "100/s", "--run-dir", "kept") as terminal:
        terminal.wait_for(lambda screen: done(screen) > 20)
        terminal.keys("\r")
        terminal.wait_for("Attempts")
        for key in "ccyCnnp":
            terminal.keys(key)
            terminal.read(0.1)
        terminal.stop_run()
        terminal.wait()
    assert_kept_to_itself(lair)


@pytest.mark.parametrize("part", ["ui", pytest.param("engine", marks=pytest.mark.slow)])
def test_a_fault_of_the_program_that_holds_a_key_does_not_tell_it(
    tmp_path: Path, faults: str, part: str
) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    with lair.terminal(command=(sys.executable, BROKEN, part, "20")) as terminal:
        assert terminal.wait() == 1
        assert "broken on purpose; Authorization: Bearer sk-..." in terminal.screen
    assert_kept_to_itself(lair)


def test_a_fault_without_a_screen_does_not_tell_a_key(tmp_path: Path, faults: str) -> None:
    lair = Lair(tmp_path, f"{faults}/v1")
    done = subprocess.run(
        [sys.executable, BROKEN, "headless", "10"],
        cwd=lair.work,
        env=lair.env(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"broken on purpose" in done.stderr
    lair.look("stdout", done.stdout)
    lair.look("stderr", done.stderr)
    assert_kept_to_itself(lair)


def test_a_comparison_that_breaks_tells_no_key_not_even_that_of_promptlayer(tmp_path: Path) -> None:
    """Of all keys there are, not only of those that requests are paid with."""
    key, reporting = canary(), canary()
    env = environment(
        tmp_path,
        OPENAI_API_KEY=key,
        PROMPTLAYER_API_KEY=reporting,
        LLMDASH_DIALECT="promptlayer-chat-openai",
    )
    command = (sys.executable, BROKEN, "compare", "100")
    with Terminal(cwd=tmp_path, env=env, command=command) as terminal:
        assert terminal.wait() == 1
        assert "llmdash stopped because of a fault of its own" in terminal.screen
        assert "broken on purpose; Authorization: Bearer" in terminal.screen
    assert not found_in(bytes(terminal.raw), (key, reporting))
