"""The dashboard in a real terminal: start, slide, pause, resume, inspect, quit."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment, llmdash
from tests.cli.terminal import Terminal, engines


def done(screen: str) -> int:
    """The number of jobs that are done, as the header shows it; 0 if it shows none."""
    match = re.search(r"✓ +([\d,]+)(?: done|  )", screen)
    return int(match[1].replace(",", "")) if match else 0


@pytest.mark.parametrize(("columns", "rows"), [(120, 36), (80, 24)])
def test_a_batch_is_started_tuned_paused_inspected_and_left(tmp_path: Path, columns: int, rows: int) -> None:
    env = environment(tmp_path)
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=env, columns=columns, rows=rows) as terminal:
        terminal.wait_for(
            lambda screen: done(screen) > 5 and all(words in screen for words in ("running", "20.0/s"))
        )

        terminal.keys("+")
        terminal.wait_for("22.0/s")

        terminal.keys("p")
        terminal.wait_for("paused")
        terminal.keys("p")
        terminal.wait_for("running")

        before = done(terminal.screen)
        terminal.wait_for(lambda screen: done(screen) > before)

        terminal.keys("\r")
        terminal.wait_for("Attempts")
        terminal.keys("\x1b")
        terminal.wait_for(" Jobs ")

        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.is_clean
        assert "llmdash run --resume" in terminal.screen.replace("\n", "")


def test_a_drag_on_the_slider_reaches_the_limiter(tmp_path: Path) -> None:
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        column, row = terminal.find("┤ 1000")
        terminal.click(column - 2, row)
        terminal.wait_for(lambda screen: not re.search(r"set\s+20\.0/s", screen))
        terminal.stop_run()
        assert terminal.wait() == 0


def test_a_window_that_changes_its_size_keeps_the_dashboard_whole(tmp_path: Path) -> None:
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        for columns, rows in ((80, 24), (40, 10), (200, 60), (120, 36)):
            terminal.resize(columns, rows)
            terminal.read(0.3)
        terminal.wait_for(" Jobs ")
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.is_clean


def test_a_bare_start_asks_what_to_run_and_spends_nothing_before_enter(tmp_path: Path) -> None:
    with Terminal(cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for("arithmetic.toml")
        assert "simulator" in terminal.screen
        terminal.keys("\r")
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.is_clean


def test_a_terminal_that_goes_away_leaves_a_run_that_goes_on_without_spinning(tmp_path: Path) -> None:
    env = environment(tmp_path)
    arguments = ("demo", "--limit", 120, "--rate", "30/s", "--run-dir", "kept")
    with Terminal(*arguments, cwd=tmp_path, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        [engine] = engines(str(tmp_path))
        terminal.keys("p")  # so that it has not ended before the viewer has, however long that takes
        terminal.wait_for("paused")
        terminal.hang_up()
        code = terminal.wait_without_reading()
        assert code == 128 + signal.SIGHUP
        assert len(list(JournalReader(tmp_path / "kept").results())) < 120, "the viewer ends at once"
        assert llmdash("ctl", "kept", "resume", cwd=tmp_path, env=env).code == 0
        seconds = 0.0
        while engine in engines(str(tmp_path)):
            seconds = processor_s(engine) or seconds
            time.sleep(0.05)
    assert seconds < 10.0, "processor seconds of a run that takes a few"
    assert len(list(JournalReader(tmp_path / "kept").results())) == 120


def processor_s(process: int) -> float:
    """The processor seconds that a process has taken; 0 if it is gone."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
