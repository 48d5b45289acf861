"""The rate by the server's own clock: 20/s, then 100/s, then 5/s, ten seconds each.

`python -m tests.benchmarks.rate` prints for each stretch the requests that arrived, the fullest window of one
second, and how soon the change was felt. The simulator stamps arrivals; both processes read one system clock.

With `--stress` the run is stopped for 60 s and for moments, slid each 100 ms, shown a wall clock that jumps
by a day; the kernel stamps arrivals. It prints how many windows of one second held more than they may.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from llmdash.config import Settings
from llmdash.engine.model.commands import Cancel, SetRate
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings
from tests.arrivals import arrivals
from tests.rate_stress import Steered, excess, steered
from tests.simulated import DEFAULT_KEYS, SimulatorClient

STRETCH_S = 10.0
RATES = (20.0, 100.0, 5.0, 50.0)
SLIDES = (1.0, 5.0, 20.0, 60.0, 100.0, 300.0)


def fullest_second(times: list[float]) -> int:
    """The most arrivals in any window of one second."""
    return max((bisect_left(times, start + 1.0) - index for index, start in enumerate(times)), default=0)


def drive(folder: Path, simulator: SimulatorProcess) -> list[float]:
    """Run through the rates; gives the times at which each was set."""
    source = Arithmetic(count=100_000, seed=1)
    settings = Settings(rate=RATES[0], concurrency=128)
    session = LocalSession(make_plan(source, RunOrder(Input(seed=1)), settings, folder, simulator))
    set_at = []
    session.start()
    for rate in RATES:
        set_at.append(time.monotonic())
        session.command(SetRate(rate))
        time.sleep(STRETCH_S)
    session.command(Cancel())
    session.join()
    return set_at


def slides(client: Steered, rng: random.Random) -> None:
    """Another rate each 100 ms for half a minute."""
    client.slide(30.0, SLIDES, rng)


def long_stops(client: Steered, rng: random.Random) -> None:
    """Three stops of a minute, with slides behind two of them."""
    client.set(100.0)
    for _ in range(3):
        time.sleep(rng.uniform(2.0, 4.0))
        client.stop(60.0)
        time.sleep(rng.uniform(0.0, 1.5))
        client.slide(5.0, SLIDES, rng)
        client.set(rng.choice(SLIDES))


def short_stops(client: Steered, rng: random.Random) -> None:
    """A stop of up to a second every second or so, at the highest rate."""
    client.set(300.0)
    for _ in range(40):
        time.sleep(rng.uniform(0.5, 1.2))
        client.stop(rng.uniform(0.01, 1.0))


def stress() -> None:
    """Print what the server saw of each trouble."""
    print("trouble       seconds  requests  windows looked at  above their rate")
    troubles: dict[str, Callable[[Steered, random.Random], None]] = {
        "slides": slides,
        "short stops": short_stops,
        "long stops": long_stops,
    }
    for name, trouble in troubles.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            arrivals(0.1) as server,
            steered(server, Path(folder), wrong_clocks=True) as client,
        ):
            began = time.monotonic()
            client.set(SLIDES[-1])
            trouble(client, random.Random(1))
            client.end()
            seconds, times = time.monotonic() - began, server.sorted()
        above = excess(times, client.changes)
        print(f"{name:12} {seconds:8.0f} {len(times):9,d} {len(times):18,d} {len(above):17d}")
        for words in above[:5]:
            print(f"    {words}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stress", action="store_true")
    if parser.parse_args().stress:
        stress()
    else:
        stretches()


def stretches() -> None:
    """Print each stretch of a steady rate, and how soon it was in force."""
    settings = SimulatorSettings(keys=DEFAULT_KEYS, latency=0.3, strict=True)
    with tempfile.TemporaryDirectory() as name, SimulatorProcess(settings) as process:
        set_at = drive(Path(name), process)
        client = SimulatorClient(settings, process.base_url())
        arrivals = sorted(client.stats(arrivals=True)["arrivals"])
    print("    rate  arrived  of ideal  fullest s  allowed  felt after      bar")
    for rate, began, ended in zip(RATES, set_at, [*set_at[1:], set_at[-1] + STRETCH_S], strict=True):
        times = [at for at in arrivals if began <= at < ended]
        achieved = (len(times) - 1) / (times[-1] - times[0])
        allowed = int(rate + max(1.0, rate * 0.05))
        felt = f"{(times[0] - began) * 1000:8.0f} ms" if began is not set_at[0] else f"{'start':>11}"
        print(
            f"{rate:7g}/s {len(times):8d} {achieved / rate:8.1%} {fullest_second(times):10d} {allowed:8d} "
            f"{felt} {1000 / rate + 50:5.0f} ms"
        )


if __name__ == "__main__":
    main()
