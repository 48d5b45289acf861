"""R6: a disk that fills and is freed again, over and over, under a run at work.

`python -m tests.full_disk --cycles 20` mounts a small file system of its own (as root, or in a user
namespace), keeps a run on it, fills it to the last byte, frees it, and counts: what was lost, what was
doubled, and how long requests still left after the disk was full.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from llmdash.config import Settings
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import SetRate
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import AlertKind
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings
from tests.simulated import DEFAULT_KEYS, SimulatorClient

RATE = 400.0
SETTLED_S = 0.3
"""Without a new request for so long, dispatch has stopped."""
UNTOLD_S = 30.0
"""How long it may stand still before the screen says why, however busy the machine is."""


class Figures(NamedTuple):
    """What came of it. `refused_s`: seconds from the full disk to the first row it refused, since the journal
    goes on in the room that its log has already; `stops_s`: from there to the last request that left.
    """

    jobs: int
    done: int
    lost: int
    requests: int
    answered: int
    attempts: int
    told: int
    refused_s: list[float]
    stops_s: list[float]


def namespace() -> list[str] | None:
    """The command in front of a program that may mount; None where the system does not let us."""
    for command in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        probe = [*command, "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()]
        if (
            shutil.which("unshare")
            and subprocess.run(probe, capture_output=True, check=False).returncode == 0
        ):
            return command
    return None


def _run(command: str, *arguments: str) -> None:
    subprocess.run([shutil.which(command) or command, *arguments], check=True)


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A folder on a file system of that size."""
    folder = Path(tempfile.mkdtemp())
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))
        folder.rmdir()


def fill(folder: Path) -> Path:
    """Take every byte that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65_536, 4_096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return ballast


def look(session: LocalSession) -> Frame:
    return session.frame(View(jobs=JobsView(height=0)))


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def is_held(session: LocalSession) -> bool:
    """Whether the screen says that the disk is full."""
    return any(alert.kind is AlertKind.DISK for alert in look(session).alerts)


def cycle(session: LocalSession, endpoint: SimulatorClient, disk: Path) -> tuple[float, float, bool]:
    """Fill, wait until requests stop, free, wait until they go on.

    Gives when the first row was refused, how long after it the last request left, and whether it was told.
    """
    before = look(session).run.done
    wait_until(lambda: look(session).run.done > before + 20)
    ballast = fill(disk)
    full_at = time.monotonic()
    held_at = last_at = full_at
    last = endpoint.stats()["requests"]
    while time.monotonic() - last_at < (SETTLED_S if held_at > full_at else UNTOLD_S):
        if held_at == full_at and is_held(session):
            held_at = time.monotonic()
        if (now := endpoint.stats()["requests"]) != last:
            last, last_at = now, time.monotonic()
    told = is_held(session)
    saved = look(session).run.done
    ballast.unlink()
    wait_until(lambda: look(session).run.done > saved)
    wait_until(lambda: not is_held(session))
    return held_at - full_at, max(0.0, last_at - held_at), told


def measure(cycles: int, jobs: int, rate: float = RATE) -> Figures:
    """Cycles at this rate; what is left of the jobs then goes at RATE."""
    process = SimulatorProcess(SimulatorSettings(keys=DEFAULT_KEYS, latency=0.05, strict=True, seed=3))
    endpoint = SimulatorClient(process.settings, process.base_url())
    source = Arithmetic(count=jobs, seed=3)
    settings = Settings(rate=rate, concurrency=64)
    try:
        with small_disk(8 + jobs // 1_000) as disk:
            plan = make_plan(source, RunOrder(Input(seed=3)), settings, disk / "run", process)
            (disk / "run").mkdir()
            session = LocalSession(plan)
            session.start()
            seen = [cycle(session, endpoint, disk) for _ in range(cycles)]
            session.command(SetRate(RATE))
            assert session.join(600.0)
            if session.crash is not None:
                raise session.crash
            server, last = endpoint.stats(), look(session).run
            results = [result.index for result in JournalReader(disk / "run").results()]
            lost = jobs - len(set(results)) + (len(results) - len(set(results)))
            return Figures(
                jobs,
                last.done,
                lost,
                server["requests"],
                sum(key["ok"] for key in server["by_key"].values()),
                last.attempts,
                sum(told for *_, told in seen),
                [refused for refused, *_ in seen],
                [stops for _, stops, _ in seen],
            )
    finally:
        process.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=RATE, help="of requests while the disk fills")
    parser.add_argument("--stops-within", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.inside:
        command = namespace()
        if command is None:
            sys.exit("this system lets nobody mount a file system: run as root")
        again = [*command, sys.executable, "-m", "tests.full_disk", "--inside"]
        sys.exit(subprocess.run([*again, *sys.argv[1:]], check=False).returncode)
    found = measure(given.cycles, given.jobs, given.rate)
    print(f"cycles of a full disk          {given.cycles}, told on screen {found.told}")
    print(f"jobs                           {found.jobs}, done {found.done}, lost or doubled {found.lost}")
    print(f"requests at the server         {found.requests}, answered {found.answered}")
    print(f"attempts in the journal        {found.attempts}")
    print(f"time to the first refused row  {max(found.refused_s):.3f} s at most")
    print(
        f"from there to the last request {max(found.stops_s):.3f} s at most (bar: {given.stops_within:g} s)"
    )
    sys.exit(0 if is_balanced(found, given.cycles, given.stops_within) else 1)


def is_balanced(found: Figures, cycles: int, stops_within_s: float) -> bool:
    """True if nothing was lost, doubled or sent too late, and each time it was told."""
    whole = found.jobs == found.done == found.answered and found.requests == found.attempts
    return whole and found.lost == 0 and found.told == cycles and max(found.stops_s) <= stops_within_s


if __name__ == "__main__":
    main()
