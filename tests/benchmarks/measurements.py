"""What every case measures with: environments and targets that are made when first wanted, and processes
whose processor time is counted.
"""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import jobs_per_second, no_home, prompts, served
from tests.benchmarks.environments import (
    ROOT,
    Environment,
    environment_of_commit,
    environment_of_peers,
    environment_of_target,
    environment_of_tree,
)

__all__ = ["SCRIPTS", "Headless", "Measurements", "NotMeasured", "cpu_s_of_children"]

SCRIPTS = Path(__file__).parent
_LONGEST_S = 900.0


class NotMeasured(Exception):
    """Something cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Headless:
    """What a run came to: jobs a second, and microseconds of processor time a job, starts included."""

    rate: float
    cpu_us: float


@dataclass
class Measurements:
    """Works in `folder`; `commit` is the one before, by its hash. What it makes ends with `resources`.

    `scale` multiplies the numbers of jobs: 1.0 measures, less of it tries out.
    """

    folder: Path
    commit: str
    scale: float
    resources: ExitStack
    _environments: dict[str, Environment] = field(default_factory=dict)
    _targets: dict[tuple[str, ...], str] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)

    def jobs(self, wanted: int, least: int = 1) -> int:
        """Return so many jobs, scaled, and no fewer than `least`."""
        return max(least, round(wanted * self.scale))

    def environment(self, name: str) -> Environment:
        """Return `tree`, `before`, `target`, or an environment of peers, made if it is not there yet.

        Raises NotMeasured if it does not install.
        """
        if name not in self._environments:
            try:
                self._environments[name] = self._made(name)
            except subprocess.CalledProcessError as error:
                raise NotMeasured(f"{name} does not install") from error
        return self._environments[name]

    @property
    def versions(self) -> Mapping[str, Mapping[str, str]]:
        """The versions of all packages in each environment that was used."""
        return {name: each.versions for name, each in self._environments.items()}

    def target(self, *options: object) -> str:
        """Return the base URL of a target with these options of `target.py`, which runs until the end."""
        words = tuple(map(str, options))
        if words not in self._targets:
            command = self.environment("target").command(SCRIPTS / "target.py", *words)
            self._targets[words] = self.resources.enter_context(served(command))
        return self._targets[words]

    def printed(self, name: str, *arguments: object, base_url: str = "", **env: str) -> str:
        """Return what a command of an environment prints that has keys for `base_url`, nothing of the user's.

        Raises NotMeasured if it fails, or takes longer than a quarter of an hour.
        """
        command, program = self.environment(name).command(*arguments), _called(arguments)
        try:
            ended = subprocess.run(
                command,
                cwd=self.folder,
                env={**no_home(self.folder, base_url), **env},
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{program}: no end within {_LONGEST_S:.0f} s") from None
        if ended.returncode:
            raise NotMeasured(f"{program}: {_last_line(ended.stderr or ended.stdout)}")
        return ended.stdout

    def figures(self, name: str, *arguments: object, base_url: str = "") -> dict[str, float]:
        """Return the JSON that a script prints in its last line."""
        found: dict[str, float] = json.loads(
            self.printed(name, *arguments, base_url=base_url).splitlines()[-1]
        )
        return found

    def module(self, name: str, *arguments: object) -> dict[str, float]:
        """Return the JSON that a module of these benchmarks prints, run with what this tree depends on."""
        words = ("-m", f"tests.benchmarks.{name}", *arguments)
        found: dict[str, float] = json.loads(self.printed("tree", *words, PYTHONPATH=str(ROOT)))
        return found

    def headless(self, name: str, base_url: str, jobs: int, in_flight: int, *options: str) -> Headless:
        """Run the program once over expressions, with everything on.

        Raises NotMeasured if a job failed or was tried twice.
        """
        run = self.folder / f"run-{next(self._numbers)}"
        how = ("--headless", "--json", "--rate", "unlimited", "--concurrency", in_flight, "--run-dir", run)
        command = ("-m", "llmdash", "run", prompts(self.folder, jobs), *how, *options)
        self.environment(name)  # made before the count begins: what makes it is a child, too
        before_s = cpu_s_of_children()
        summary: dict[str, Any] = self.figures(name, *command, base_url=base_url)
        cpu_s = cpu_s_of_children() - before_s
        if summary["done"] != jobs or summary["retries"]:
            raise NotMeasured(f"a run with faults: {summary['done']} of {jobs} done")
        return Headless(jobs_per_second(run, in_flight), cpu_s / jobs * 1e6)

    def _made(self, name: str) -> Environment:
        if name == "tree":
            return environment_of_tree()
        if name == "before":
            return environment_of_commit(self.commit)
        return environment_of_target() if name == "target" else environment_of_peers(name)


def cpu_s_of_children() -> float:
    """Seconds of processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _called(arguments: Sequence[object]) -> str:
    """The script or the module among the arguments of an interpreter."""
    return Path(next(str(word) for word in arguments if word != "-m")).name


def _last_line(text: str) -> str:
    return next((line.strip()[:160] for line in reversed(text.splitlines()) if line.strip()), "no word")
