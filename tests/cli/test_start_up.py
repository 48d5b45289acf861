"""What a start loads: no more than the run needs, as every user waits for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash
from tests.simulated import Simulated

SCREENS = {"rich", "textual"}
PRICES = {"genai_prices", "pydantic"}
SERVERS = {"starlette", "uvicorn"}
WORKERS = {"cryptography", "dask", "distributed", "tornado"}
RUN = ("run", "p.txt", "--headless", "--run-dir", "kept")


def loaded(*arguments: object, cwd: Path, env: dict[str, str]) -> set[str]:
    """The top-level packages that a start with `arguments` loads until its end."""
    ended = llmdash(*arguments, cwd=cwd, env={**env, "PYTHONPROFILEIMPORTTIME": "1"})
    assert ended.code == 0, ended.err[-1000:]
    return set(re.findall(r"^import time:.*\| +([A-Za-z_]\w*)", ended.err, re.MULTILINE))


def test_a_headless_run_on_this_machine_loads_no_screen_no_server_no_workers_and_no_prices(
    simulator: Callable[..., Simulated], tmp_path: Path
) -> None:
    (tmp_path / "p.txt").write_text("Why?\n")
    found = loaded(*RUN, cwd=tmp_path, env=environment(tmp_path, simulator()))
    assert "aiohttp" in found
    assert not found & (SCREENS | SERVERS | WORKERS | PRICES)


@pytest.mark.parametrize("command", ["", "run", "ask", "check", "compare"])
def test_help_loads_nothing_that_asks_or_draws(tmp_path: Path, command: str) -> None:
    found = loaded(*command.split(), "--help", cwd=tmp_path, env=environment(tmp_path))
    assert "click" in found
    assert not found & (
        SCREENS | SERVERS | WORKERS | PRICES | {"aiohttp", "asyncio", "httpx", "regex", "jsonschema"}
    )


@pytest.mark.parametrize(
    "modules",
    [
        "llmdash.launch.run_order, llmdash.launch.watching, llmdash.ui.screens.dashboard",
        "llmdash.launch.home_screen, llmdash.ui.screens.home",
    ],
    ids=["dashboard", "home"],
)
def test_what_shows_a_run_loads_nothing_of_what_runs_it(modules: str) -> None:
    """That is loaded meanwhile by the process of the engine, or once a run is chosen."""
    found = imported(modules)
    engine = {name.split(".")[2] for name in found if name.startswith("llmdash.engine.")}
    assert engine <= {"journal", "metrics", "model"}


def test_home_is_there_before_runs_prompts_and_results_can_be_read() -> None:
    """The first picture lists files by their names, and looks into the rest once it is there."""
    found = imported("llmdash.launch.home_screen, llmdash.ui.app, llmdash.ui.screens.home")
    later = (
        "llmdash.prompts.readers",
        "llmdash.prompts.source",
        "llmdash.reports.export",
        "llmdash.runs.",
        "llmdash.remote.",
        "llmdash.simulator.",
        "llmdash.ui.screens.find_file",
        "llmdash.ui.screens.palette",
    )
    assert "llmdash.engine.model.frame" not in found
    assert not [name for name in found if name.startswith(later)]


def test_a_command_loads_no_other() -> None:
    found = imported("llmdash.cli.program")
    assert {name for name in found if name.startswith("llmdash.cli.")} == {
        f"llmdash.cli.{part}" for part in ("commands", "errors", "examples", "help_layout", "home", "program")
    }


def test_a_bare_start_loads_nothing_that_reads_a_command_line() -> None:
    assert "click" not in imported("llmdash.__main__, llmdash.cli.home, llmdash.launch.home_screen")


def test_the_process_of_an_engine_is_started_before_what_is_said_to_it_is_loaded() -> None:
    assert "llmdash.launch.engine_line" not in imported("llmdash.launch.engine_process")


def imported(modules: str) -> set[str]:
    """All modules that are there once these are."""
    code = f"import sys, {modules}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )
