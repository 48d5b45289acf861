"""`--auto` and the setting `auto`: the rate is found by itself, up to the one that is set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import configure, environment, llmdash
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]


def settings(folder: Path) -> list[tuple[str, str | None]]:
    """What was set at each start of the run, in order."""
    moments = JournalReader(folder).moments()
    return [(each.kind, each.value) for each in moments if each.kind in ("rate", "auto")]


def run(folder: Path, env: dict[str, str], *arguments: Any) -> int:
    (folder / "p.txt").write_text("".join(f"What is {n} + 1?\n" for n in range(8)))
    return llmdash("run", "p.txt", "--headless", "--run-dir", "kept", *arguments, cwd=folder, env=env).code


def test_without_a_rate_nothing_is_above_what_is_found(tmp_path: Path, simulator: Simulator) -> None:
    assert run(tmp_path, environment(tmp_path, simulator()), "--auto") == 0
    assert settings(tmp_path / "kept") == [("rate", "null"), ("auto", "on")]
    shown = llmdash("runs", "show", "kept", cwd=tmp_path, env=environment(tmp_path)).out
    assert "found by itself (auto)" in shown


def test_a_rate_is_the_most(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, 'auto = true\nrate = "20/s"\n')
    assert run(tmp_path, environment(tmp_path, simulator())) == 0
    assert settings(tmp_path / "kept") == [("rate", "20.0"), ("auto", "on")]


def test_it_is_off_by_default_and_can_be_switched_off(tmp_path: Path, simulator: Simulator) -> None:
    configure(tmp_path, "auto = true\n")
    assert run(tmp_path, environment(tmp_path, simulator()), "--no-auto", "--rate", "50/s") == 0
    assert settings(tmp_path / "kept") == [("rate", "50.0")]


def test_a_resume_restores_it_unless_told_otherwise(tmp_path: Path, simulator: Simulator) -> None:
    env = environment(tmp_path, simulator())
    assert run(tmp_path, env, "--auto", "--trial", 2) == 9
    resumed = ("run", "--resume", "--run-dir", "kept", "--headless")
    assert llmdash(*resumed, cwd=tmp_path, env=env).code == 9
    assert llmdash(*resumed, "--release", "--no-auto", cwd=tmp_path, env=env).code == 0
    assert [said for said in settings(tmp_path / "kept") if said[0] == "auto"] == [("auto", "on")] * 2
