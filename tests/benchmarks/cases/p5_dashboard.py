"""P5: what an open dashboard costs: the same run headless and in a terminal that is read all the time.

Nobody draws what is read: who emulates a terminal in Python takes a third of a core. The prompts are JSON
lines with fields that are carried along, every answer is checked, the table shows fields and prompts.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.bench import jobs_per_second
from tests.benchmarks.cases.case import CPU_JOB, Case, Step
from tests.benchmarks.figures import OF_HEADLESS, RATE, THIS, Goal, Row
from tests.benchmarks.measurements import Measurements
from tests.benchmarks.open_dashboards import llmdash
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import finished, home, prompt_file
from tests.waiting import wait_for

__all__ = ["P5"]

_LONGEST_S = 600.0


class _Pace(NamedTuple):
    what: str
    jobs: int
    rate: str


FULL = _Pace("P5: dashboard open, full speed", 20_000, "unlimited")
PACED = _Pace("P5: dashboard open, 100 jobs/s", 1_000, "100/s")


def beside_headless(pace: _Pace, measurements: Measurements) -> Mapping[Row, float]:
    """A headless run, then one with the dashboard open; processor time includes the starts."""
    jobs = measurements.jobs(pace.jobs, 500)
    how = ("--rate", pace.rate, "--no-stream", "--concurrency", "64", "--check", "contains", "--run-dir")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone, watched = folder / "alone", folder / "run"
        env, program = home(folder, measurements.target()), llmdash(measurements)
        arguments = ("run", str(prompt_file(folder, jobs)), *how)
        command = [*program, *arguments, str(alone), "--headless", "--json"]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with RecordedTerminal(*arguments, watched, cwd=folder, env=env, command=program) as terminal:
            processes = terminal.engine, terminal.process.pid
            wait_for(lambda: finished(watched) == jobs, within_s=_LONGEST_S, every_s=0.1)
            engine, screen = (cpu_s(pid) / jobs * 1e6 for pid in processes)
            terminal.stop_reading()
        headless, shown = jobs_per_second(alone), jobs_per_second(watched)
    return {
        Row(pace.what, THIS, OF_HEADLESS): 100 * shown / headless,
        Row(pace.what, "dashboard open", RATE, alone=True): shown,
        Row(pace.what, "headless", RATE, alone=True): headless,
        Row(pace.what, "the engine", CPU_JOB, alone=True): engine,
        Row(pace.what, "the screen", CPU_JOB, alone=True): screen,
    }


P5 = Case(
    "P5",
    "a run with the dashboard open beside a headless one",
    (
        Step("dashboard open, full speed", partial(beside_headless, FULL)),
        Step("dashboard open, 100 jobs/s", partial(beside_headless, PACED)),
    ),
    {
        Row(FULL.what, THIS, OF_HEADLESS): Goal(80, 90),
        Row(PACED.what, THIS, OF_HEADLESS): Goal(99),
    },
)
