"""The rate by the server's own clock: 20/s, then 100/s, then 5/s, ten seconds each.

`python -m tests.benchmarks.rate` prints for each stretch the requests that arrived, the fullest window of one
second, and how soon the change was felt. The simulator stamps arrivals; both processes read one system clock.
"""

from __future__ import annotations

import tempfile
import time
from bisect import bisect_left
from pathlib import Path

from llmdash.config import Settings
from llmdash.engine.commands import Cancel, SetRate
from llmdash.engine.session import LocalSession
from llmdash.launch.plans import Input, make_plan
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.simulator.process import SimulatorProcess
from tests.simulated import Simulated

STRETCH_S = 10.0
RATES = (20.0, 100.0, 5.0, 50.0)


def fullest_second(times: list[float]) -> int:
    """The most arrivals in any window of one second."""
    return max((bisect_left(times, start + 1.0) - index for index, start in enumerate(times)), default=0)


def drive(folder: Path, simulator: SimulatorProcess) -> list[float]:
    """Run through the rates; gives the times at which each was set."""
    source = Arithmetic(count=100_000, seed=1)
    settings = Settings(rate=RATES[0], concurrency=128)
    session = LocalSession(make_plan(source, Input(seed=1), settings, folder, simulator))
    set_at = []
    session.start()
    for rate in RATES:
        set_at.append(time.monotonic())
        session.command(SetRate(rate))
        time.sleep(STRETCH_S)
    session.command(Cancel())
    session.join()
    return set_at


def main() -> None:
    endpoint = Simulated(latency=0.3)
    with tempfile.TemporaryDirectory() as name:
        set_at = drive(Path(name), endpoint._process)
        arrivals = sorted(endpoint.stats(arrivals=True)["arrivals"])
    endpoint.close()
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
