"""Runs of several processes that share a limit, by the clock of the server that gets their requests."""

from __future__ import annotations

import json
import os
import signal
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import Arrivals, arrivals, most_in_a_second
from tests.cli.command import environment, llmdash, start
from tests.waiting import first, wait_for

CONFIG = """
rate = "unlimited"
shared_limit = "org-a"
[limits."org-a"]
rate = "{rate}/s"
"""


@pytest.fixture
def endpoint() -> Iterator[Arrivals]:
    with arrivals(0.05) as server:
        yield server


class Runs:
    """Runs that are started one after the other in folders of one home, each with a key of its own."""

    def __init__(self, folder: Path, endpoint: Arrivals, rate: int, used: float, stack: ExitStack) -> None:
        self._folder, self._endpoint, self._rate, self._stack = folder, endpoint, rate, stack
        self._used = used

    def env(self, name: str) -> dict[str, str]:
        key = {"OPENAI_API_KEY": f"sk-test-{name}-0000", "OPENAI_BASE_URL": self._endpoint.base_url}
        return environment(self._folder, None, **key)

    def start(self, name: str) -> int:
        """Start a run that has more to do than the test takes. Returns its process id."""
        folder = self._folder / name
        folder.mkdir()
        (folder / "llmdash.toml").write_text(CONFIG.format(rate=self._rate))
        (folder / f"{name}.txt").write_text("What is 2 + 2?\n" * 20_000)
        command = ("run", f"{name}.txt", "--headless", "--run-dir", "kept")
        return self._stack.enter_context(start(*command, cwd=folder, env=self.env(name))).pid

    def told(self) -> list[Any]:
        """What the program says of the limits; nothing if a run kept it from reading them for too long.

        A run that got no processor for some seconds has lost its share, and is not among those that have one.
        """
        ended = llmdash("limits", "--json", cwd=self._folder / "mine", env=self.env("mine"))
        return json.loads(ended.out) if ended.code == 0 else []

    def wait_for_use(self, seconds: float) -> None:
        """Wait until the share `used` of the limit was used for so long, from now on."""
        since = time.time()
        wait_for(lambda: self._was_used(since, seconds), "the use of the limit", every_s=0.1)

    def _was_used(self, since: float, seconds: float) -> bool:
        times, now = self._endpoint.sorted(), time.time()
        sent = bisect_left(times, now) - bisect_left(times, now - seconds)
        return now - seconds >= since and sent >= self._used * self._rate * seconds


@pytest.mark.parametrize(
    ("rate", "steady_s", "used"),
    [
        (60, 3.0, 0.6),  # what a busy machine can do as well
        pytest.param(60, 12.0, 0.95, marks=pytest.mark.slow),
        pytest.param(200, 12.0, 0.95, marks=pytest.mark.slow),
    ],
)
def test_three_runs_keep_one_limit_while_a_fourth_joins_and_one_is_killed(
    endpoint: Arrivals, tmp_path: Path, rate: int, steady_s: float, used: float
) -> None:
    with ExitStack() as stack:
        runs = Runs(tmp_path, endpoint, rate, used, stack)
        pids = [runs.start(name) for name in ("evals", "nightly", "mine")]
        wait_for(lambda: len(set(endpoint.keys)) == 3, "requests of three runs")
        runs.wait_for_use(steady_s)
        pids.append(runs.start("late"))
        wait_for(lambda: len(set(endpoint.keys)) == 4, "requests of the fourth run")
        runs.wait_for_use(steady_s / 2)
        told = first(runs.told, lambda told: len(told) == 1 and len(told[0]["runs"]) == 4, "four runs")
        os.kill(pids[0], signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(pids[0], signal.SIGKILL)
        runs.wait_for_use(steady_s)
    [limit] = told
    assert limit["name"] == "org-a"
    assert {run["run"] for run in limit["runs"]} == {"evals", "nightly", "mine", "late"}
    assert sum(run["share"] for run in limit["runs"]) <= rate + 0.01
    assert most_in_a_second(endpoint.sorted()) <= rate + max(1.0, rate * 0.05)
