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

import pytest

from tests.arrivals import Arrivals, arrivals, most_in_a_second
from tests.cli.command import environment, llmdash, start

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

    def __init__(self, folder: Path, endpoint: Arrivals, rate: int, stack: ExitStack) -> None:
        self._folder, self._endpoint, self._rate, self._stack = folder, endpoint, rate, stack

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

    def sent(self, since: float, until: float) -> int:
        times = self._endpoint.sorted()
        return bisect_left(times, until) - bisect_left(times, since)


@pytest.mark.parametrize(
    ("rate", "steady_s"),
    [
        (60, 3.0),
        pytest.param(60, 12.0, marks=pytest.mark.slow),
        pytest.param(200, 12.0, marks=pytest.mark.slow),
    ],
)
def test_three_runs_keep_one_limit_while_a_fourth_joins_and_one_is_killed(
    endpoint: Arrivals, tmp_path: Path, rate: int, steady_s: float
) -> None:
    with ExitStack() as stack:
        runs = Runs(tmp_path, endpoint, rate, stack)
        pids = [runs.start(name) for name in ("evals", "nightly", "mine")]
        while len(set(endpoint.keys)) < 3:
            time.sleep(0.1)
        time.sleep(2.0)
        began = time.time()
        time.sleep(steady_s)
        joined = time.time()
        pids.append(runs.start("late"))
        while len(set(endpoint.keys)) < 4:
            time.sleep(0.1)
        time.sleep(2.0 + steady_s / 2)
        told = json.loads(llmdash("limits", "--json", cwd=tmp_path / "mine", env=runs.env("mine")).out)
        os.kill(pids[0], signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(pids[0], signal.SIGKILL)
        killed = time.time()
        time.sleep(3.0 + steady_s)
        ended = time.time()
    [limit] = told
    assert limit["name"] == "org-a"
    assert {run["run"] for run in limit["runs"]} == {"evals", "nightly", "mine", "late"}
    assert sum(run["share"] for run in limit["runs"]) <= rate + 0.01
    print("most", most_in_a_second(endpoint.sorted()), "steady", runs.sent(began, joined) / (joined - began),
          "after the kill", runs.sent(killed + 2, ended) / (ended - killed - 2))  # fmt: skip
    assert most_in_a_second(endpoint.sorted()) <= rate + max(1.0, rate * 0.05)
    assert runs.sent(began, joined) / (joined - began) >= 0.95 * rate
    assert runs.sent(killed + 2.0, ended) / (ended - killed - 2.0) >= 0.95 * rate
