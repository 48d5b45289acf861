"""What a dashboard takes at rest, in real terminals of 80 x 24 and 120 x 36, each after it has settled.

`python -m tests.benchmarks.rest [home|done|paused|waiting ...]` prints for each process (the dashboard, its
engine, the simulator) the share of a core in 20 seconds and how often it woke in one, and the bytes a second
that the terminal was sent. The bar is half a hundredth of a core for each of them.
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.bench import no_home
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.waiting import wait_for

_SETTLES_S, _LOOKS_S = 20.0, 20.0
_SIZES = (80, 24), (120, 36)
_JOBS = 200
_NOWHERE = "http://127.0.0.1:9/v1"


def _woken(pid: int) -> int:
    """Return how often the threads of a process have woken by now."""
    waits = (each.read_text(encoding="ascii") for each in Path(f"/proc/{pid}/task").glob("*/status"))
    found = (re.search(r"^voluntary_ctxt_switches:\s+(\d+)", each, re.MULTILINE) for each in waits)
    return sum(int(each[1]) for each in found if each is not None)


def _children(pid: int) -> list[int]:
    lists = (each.read_text(encoding="ascii") for each in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for each in lists for child in each.split()]


def _processes(terminal: RecordedTerminal) -> dict[str, int]:
    found = {"dashboard": terminal.process.pid, "engine": terminal.engine}
    if children := _children(terminal.engine):
        found["simulator"] = children[0]
    return found


def _measure(title: str, terminal: RecordedTerminal, processes: Mapping[str, int]) -> None:
    time.sleep(_SETTLES_S)
    before = [(cpu_s(pid), _woken(pid)) for pid in processes.values()]
    begun, sent = time.monotonic(), terminal.size
    time.sleep(_LOOKS_S)
    took = time.monotonic() - begun
    print(f"{title:24}", end="")
    for (name, pid), (cpu, woken) in zip(processes.items(), before, strict=True):
        share, often = (cpu_s(pid) - cpu) / took, (_woken(pid) - woken) / took
        print(f"   {name} {share:6.2%} {often:5.1f}/s", end="")
    print(f"   {(terminal.size - sent) / took:6.0f} B/s", flush=True)
    terminal.stop_reading()


def home(folder: Path, columns: int, rows: int) -> None:
    """Home, where nothing was chosen yet."""
    env = no_home(folder, _NOWHERE)
    with RecordedTerminal(cwd=folder, env=env, columns=columns, rows=rows) as terminal:
        wait_for(lambda: terminal.shows("llmdash"), every_s=0.5)
        _measure(f"home {columns}x{rows}", terminal, {"dashboard": terminal.process.pid})


def done(folder: Path, columns: int, rows: int) -> None:
    """A run that has ended, the same attached to, and once more as it is kept."""
    env, size = no_home(folder, _NOWHERE), {"columns": columns, "rows": rows}
    limit, rate = ("--limit", _JOBS), ("--rate", "unlimited")
    run = ("--run-dir", folder / "run")
    with RecordedTerminal("demo", *limit, *rate, *run, cwd=folder, env=env, **size) as terminal:
        wait_for(lambda: terminal.shows("✓ done"), every_s=0.5)
        _measure(f"done {columns}x{rows}", terminal, _processes(terminal))
        with RecordedTerminal("attach", folder / "run", cwd=folder, env=env, **size) as attached:
            wait_for(lambda: attached.shows("✓ done"), every_s=0.5)
            pids = {"dashboard": attached.process.pid, "engine": terminal.engine}
            _measure(f"done, attached {columns}x{rows}", attached, pids)
    with RecordedTerminal("runs", "open", folder / "run", cwd=folder, env=env, **size) as terminal:
        wait_for(lambda: terminal.shows("✓ done"), every_s=0.5)
        _measure(f"kept {columns}x{rows}", terminal, {"dashboard": terminal.process.pid})


def paused(folder: Path, columns: int, rows: int) -> None:
    """A run that was paused after some seconds."""
    env = no_home(folder, _NOWHERE)
    how = ("--rate", "50/s", "--run-dir", folder / "run")
    with RecordedTerminal("demo", *how, cwd=folder, env=env, columns=columns, rows=rows) as terminal:
        wait_for(lambda: terminal.shows("running"), every_s=0.5)
        time.sleep(5.0)
        terminal.keys("p")
        wait_for(lambda: terminal.shows("paused"), every_s=0.5)
        _measure(f"paused {columns}x{rows}", terminal, _processes(terminal))


def waiting(folder: Path, columns: int, rows: int) -> None:
    """A run at work, whose eight requests are not answered: nothing happens but that time passes."""
    (folder / "prompts.txt").write_text("\n".join(f"Prompt {number}" for number in range(1_000)))
    how = ("--concurrency", 8, "--timeout", "first-byte=3000", "--timeout", "total=4000")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = no_home(folder, f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        arguments = ("run", "prompts.txt", *how, "--run-dir", folder / "run")
        with RecordedTerminal(*arguments, cwd=folder, env=env, columns=columns, rows=rows) as terminal:
            wait_for(lambda: terminal.shows("8 in flight"), every_s=0.5)
            _measure(f"waiting {columns}x{rows}", terminal, _processes(terminal))


def main() -> None:
    """Print the table."""
    parts = {"home": home, "done": done, "paused": paused, "waiting": waiting}
    for name in sys.argv[1:] or parts:
        for columns, rows in _SIZES:
            with tempfile.TemporaryDirectory() as folder:
                parts[name](Path(folder), columns, rows)


if __name__ == "__main__":
    main()
