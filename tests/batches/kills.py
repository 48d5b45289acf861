"""Runs in batches that are killed with `kill -9` at every step of their way out and back, and resumed.

    python -m tests.batches.kills --kills 1000 --jobs 80

prints what came of it: kills by step, jobs lost, results doubled, and requests that the provider has executed
more often than the journal says. A step is a commit of the journal, a call to the provider or its answer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from typing import Any

from tests.batches.ledger import Ledger
from tests.batches.scenarios import SCENARIOS
from tests.batches.story import Story, Told, tell

__all__ = ["main"]

_KILLS_A_RUN = 4
_BATCHES = 3
"""How many batches a run has, at least."""


def stories(jobs: int, kills_a_run: int, seed: int, only: str) -> Iterator[Story]:
    """Yield stories without end: every scenario of every shape in turn, each time killed one step later."""
    size = max(2, (jobs - 1) // _BATCHES)
    each = [
        Story(shape, scenario, jobs, size, kills_a_run, 1, seed)
        for scenario in SCENARIOS
        for shape in scenario.shapes
        if only in f"{shape}: {scenario.name}"
    ]
    for turn in count():
        for number, story in enumerate(each):
            # Neighbouring scenarios begin at different steps, so that few turns already see many of them.
            first = 1 + (7 * turn + 3 * number) % 70
            yield replace(story, first_kill=first, seed=seed + 1_000 * turn + number)


def run_lane(lane: int, lanes: int, asked: argparse.Namespace, file: Path) -> None:
    """Tell every story that is this lane's turn, until there were kills enough; a line of JSON each."""
    killed = 0
    told_all = stories(asked.jobs, asked.kills_a_run, asked.seed, asked.only)
    with file.open("w") as lines:
        for turn, story in zip(cycle(range(lanes)), told_all, strict=False):
            if turn != lane:
                continue
            if killed >= asked.kills / lanes:
                return
            told = _told(story, asked.keep)
            killed += len(told.kills)
            print(json.dumps(_line(told)), file=lines, flush=True)
            for problem in told.problems:
                print(f"{story.name}: {problem}", file=sys.stderr, flush=True)


def _told(story: Story, keep: Path | None) -> Told:
    folder = Path(tempfile.mkdtemp(prefix="batch-kills-", dir=keep))
    try:
        told = tell(story, folder)
    except Exception:  # noqa: BLE001 - the other stories are worth telling
        told = Told(story, problems=[traceback.format_exc()])
    if keep is None or not told.problems:
        shutil.rmtree(folder)
    else:
        print(f"kept in {folder}", file=sys.stderr)
    return told


def _line(told: Told) -> dict[str, Any]:
    return {
        "story": told.story.name,
        "kills": told.kills,
        "problems": told.problems,
        "ledger": vars(told.ledger),
        "seconds": told.seconds,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as many stories as have so many kills, and print the figures; 1 if anything was wrong."""
    asked = _asked(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="batch-kills-") as folder:
        files = [Path(folder) / f"lane-{lane}" for lane in range(asked.lanes)]
        _run_lanes(asked, files)
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    print(report(lines, time.monotonic() - began))
    return int(any(line["problems"] for line in lines) or not lines)


def _run_lanes(asked: argparse.Namespace, files: Sequence[Path]) -> None:
    from tests.warm.server import load

    load("tests.batches.starts", "llmdash.llms.anthropic")
    pids = []
    for lane, file in enumerate(files):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                run_lane(lane, len(files), asked, file)
                code = 0
            except BaseException:  # noqa: BLE001 - a process of its own
                traceback.print_exc()
            finally:
                os._exit(code)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def report(lines: Sequence[dict[str, Any]], seconds: float) -> str:
    """The figures, a line each."""
    kills: Counter[str] = Counter()
    total = Ledger(0)
    for line in lines:
        kills.update(line["kills"])
        ledger = line["ledger"]
        for name in vars(total):
            setattr(total, name, getattr(total, name) + ledger[name])
    count = sum(kills.values())
    rows = [
        (
            "kills",
            f"{count:,} in {len(lines):,} runs, {seconds:.0f} s ({seconds / max(1, count):.2f} s each)",
        ),
        ("jobs", f"{total.jobs:,}"),
        ("executed by the provider", f"{total.executed:,}, of them live {total.live:,}"),
        (
            "executed twice, announced",
            f"{total.announced:,}, of them in batches {total.announced_in_batches:,}",
        ),
        ("attempts left unknown", f"{total.unknown:,}"),
        ("input files left there", f"{total.files_left:,}"),
        ("problems", f"{sum(len(line['problems']) for line in lines):,}"),
    ]
    steps = [f"  {number:5}  {label}" for label, number in sorted(kills.items())]
    return "\n".join([*(f"{name:28}{said}" for name, said in rows), "kills by step", *steps])


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.batches.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=80, help="of each run")
    parser.add_argument("--kills-a-run", type=int, default=_KILLS_A_RUN)
    parser.add_argument("--lanes", type=int, default=3, help="runs at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the name of the scenarios wanted")
    parser.add_argument("--keep", type=Path, help="a folder in which the runs are kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
