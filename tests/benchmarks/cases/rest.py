"""Rest: what a dashboard takes of a core where nothing changes: its run done, or paused, or on home."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.cases.case import CORE, Case, Step
from tests.benchmarks.figures import Goal, Row
from tests.benchmarks.measurements import Measurements
from tests.benchmarks.open_dashboards import dashboard, jobs_done, llmdash
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import home
from tests.waiting import wait_for

__all__ = ["REST"]

WHAT = "rest: nothing changes"
_DONE, _PAUSED, _HOME = _STATES = ("done", "paused", "home")
_JOBS = 300
_SETTLES_S, _WATCHED_S = 8.0, 15.0


def rest(measurements: Measurements) -> Mapping[Row, float]:
    """Three dashboards at once, as none of them does anything."""
    with ExitStack() as stack:
        paused = stack.enter_context(dashboard(measurements, 10 * _JOBS, "100/s"))
        done = stack.enter_context(dashboard(measurements, _JOBS, "300/s"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command, env = llmdash(measurements), home(folder, "http://127.0.0.1:9/v1")
        opened = stack.enter_context(RecordedTerminal(cwd=folder, env=env, command=command))
        stack.callback(opened.stop_reading)
        paused.keys("p")
        wait_for(lambda: jobs_done(done) == _JOBS, "the end of the run")
        time.sleep(_SETTLES_S)
        terminals = dict(zip(_STATES, (done, paused, opened), strict=True))
        pids = {who: terminal.process.pid for who, terminal in terminals.items()}
        pids[f"{_PAUSED}: the engine"] = paused.engine
        before, sent = (
            {who: cpu_s(pid) for who, pid in pids.items()},
            [each.size for each in terminals.values()],
        )
        begun = time.monotonic()
        time.sleep(_WATCHED_S)
        took = time.monotonic() - begun
        found = {
            Row(WHAT, who, CORE, alone=True): 100 * (cpu_s(pid) - before[who]) / took
            for who, pid in pids.items()
        }
        more = sum(each.size for each in terminals.values()) - sum(sent)
        return {**found, Row(WHAT, "sent, all three", "KB/s", alone=True): more / took / 1e3}


REST = Case(
    "rest",
    "a dashboard that is done, paused, or on home",
    (Step("at rest", rest, rounds=3),),
    {Row(WHAT, who, CORE, alone=True): Goal(0.5) for who in _STATES},
)
