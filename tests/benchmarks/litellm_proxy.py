"""A run through a litellm proxy whose provider has faults, beside the same run at the provider itself.

`python -m tests.benchmarks.litellm_proxy [--prompts N] [--latency S] [--share P] [--json FILE]` starts a
simulator that drops a share of its connections, cuts events in as many streams, and answers as many requests
with a 429 and a wait of a second. Retries and cooldowns are off in the proxy: what goes wrong reaches
llmdash. The exit code is 1 unless every prompt is done and right through the proxy, in less than twice the
time that it takes without.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings
from tests.benchmarks.bench import prompts
from tests.benchmarks.environments import Environment, environment_of_proxy
from tests.simulated import stats_of

_FAULTS = ("drop", "half-json", "rate-limit:1")
_SIMULATED_KEY = "sim-key-1"
_PROXY_KEY = "sk-proxy-0123456789abcdef"
_MODEL = "m"
_READY_S = 180.0
_MOST_TIMES = 2.0


@dataclass(frozen=True)
class Asked:
    """What is asked: the number of prompts, the mean latency in seconds, the share of each fault."""

    prompts: int
    latency: float
    share: float

    @contextmanager
    def provider(self) -> Iterator[str]:
        """A simulator with the faults; gives its base URL."""
        faults = dict.fromkeys(_FAULTS, self.share)
        settings = SimulatorSettings(keys=(_SIMULATED_KEY,), latency=self.latency, faults=faults)
        with SimulatorProcess(settings) as simulator:
            yield simulator.base_url()


@dataclass(frozen=True)
class Figures:
    """What came of a run. `elapsed_s` is that of its summary; `served` are the faults by name."""

    jobs: int
    done: int
    right: int
    empty: int
    attempts: int
    elapsed_s: float
    served: Mapping[str, int]

    @property
    def whole(self) -> bool:
        """True if every prompt has a right answer, and so none is empty or a part."""
        return self.jobs == self.done == self.right and self.empty == 0


@contextmanager
def proxy(environment: Environment, folder: Path, provider: str) -> Iterator[str]:
    """A litellm proxy before `provider`; gives its base URL. Raises RuntimeError if it does not start."""
    config = folder / "litellm.json"  # which is YAML, too
    config.write_text(json.dumps(_config(provider)))
    port = _free_port()
    command = environment.command(
        environment.python.with_name("litellm"), "--config", config, "--host", "127.0.0.1", "--port", port
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (
        (folder / "litellm.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/health/liveliness", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _config(provider: str) -> dict[str, Any]:
    """Everything reaches the client as it came."""
    provided = {"model": f"openai/{_MODEL}", "api_base": provider, "api_key": _SIMULATED_KEY}
    return {
        "model_list": [{"model_name": _MODEL, "litellm_params": {**provided, "max_retries": 0}}],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "allowed_fails": 1_000_000},
        "general_settings": {"master_key": _PROXY_KEY},
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once there is an answer at `url`."""
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the proxy does not start: {process.args!r}")


def run(folder: Path, name: str, count: int, base_url: str, key: str, simulator: str) -> Figures:
    """A headless run of `count` sums at `base_url`, behind which is the simulator."""
    options = ("--headless", "--json", "--rate", "unlimited", "--model", _MODEL, "--run-dir", folder / name)
    done = subprocess.run(
        [sys.executable, "-m", "llmdash", "run", prompts(folder, count), *options],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "OPENAI_API_KEY": key,
            "OPENAI_BASE_URL": base_url,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    summary = json.loads(done.stdout.splitlines()[-1])
    return Figures(
        summary["jobs"],
        summary["done"],
        (summary.get("score") or {}).get("right", 0),
        summary["empty"],
        summary["attempts"],
        summary["elapsed_s"],
        stats_of(simulator)["faults"],
    )


def measured(asked: Asked, folder: Path) -> dict[str, Figures]:
    """The run at the provider itself, and the run through the proxy, each with a provider of its own."""
    environment = environment_of_proxy()
    with asked.provider() as provider:
        direct = run(folder, "direct", asked.prompts, provider, _SIMULATED_KEY, provider)
    with asked.provider() as provider, proxy(environment, folder, provider) as base_url:
        through = run(folder, "through", asked.prompts, base_url, _PROXY_KEY, provider)
    return {"direct": direct, "through the proxy": through}


def lines(figures: Mapping[str, Figures]) -> Iterator[str]:
    """The table, and under it how many times as long the proxy takes."""
    yield f"{'':18} {'done':>9} {'right':>6} {'empty':>6} {'attempts':>9} {'seconds':>8}  faults served"
    for name, each in figures.items():
        served = ", ".join(f"{fault} {count}" for fault, count in sorted(each.served.items()))
        done = f"{each.done}/{each.jobs}"
        counts = f"{done:>9} {each.right:6} {each.empty:6} {each.attempts:9}"
        yield f"{name:18} {counts} {each.elapsed_s:8.1f}  {served}"
    yield f"\n{times(figures):.2f} times as long"


def times(figures: Mapping[str, Figures]) -> float:
    """How many times as long the second run took as the first."""
    direct, through = figures.values()
    return through.elapsed_s / direct.elapsed_s


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--prompts", type=int, default=500, metavar="N")
    parser.add_argument("--latency", type=float, default=1.0, metavar="S", help="mean seconds an answer")
    parser.add_argument("--share", type=float, default=0.05, metavar="P", help="of each of the faults")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = measured(Asked(given.prompts, given.latency, given.share), Path(name))
    print("\n".join(lines(figures)))
    if given.json is not None:
        rows = {name: vars(each) for name, each in figures.items()}
        given.json.write_text(json.dumps({"rows": rows, "times": times(figures)}, indent=2) + "\n")
    whole = all(each.whole for each in figures.values())
    return 0 if whole and times(figures) < _MOST_TIMES else 1


if __name__ == "__main__":
    sys.exit(main())
