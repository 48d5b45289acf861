"""Large batches that end otherwise than hoped: half expired, stuck at their deadline, cancelled in vain.

    python -m tests.batches.scale --jobs 10001 --late 5001

runs each for every shape of a batch service, and prints what was executed, when, and what it cost beside the
same sum done by hand.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.batches.scenarios import KEEPING, SHAPES, Scenario, Shape
from tests.batches.story import Story, Told, tell
from tests.cli.command import configure

__all__ = ["main"]

_INPUT, _OUTPUT, _SHARE = Decimal("2.50"), Decimal("10.00"), Decimal("0.40")
"""Dollars for a million tokens, and what a batch costs of that."""
_PRICES = f'[prices."sim-small"]\ninput = {_INPUT}\noutput = {_OUTPUT}\nbatch = {_SHARE}\n'
_MILLION = Decimal(1_000_000)
_EXACT = Decimal("0.000001")
_EXPIRES = 0.37

Check = Callable[[Told, Path], Iterator[str]]


def expired(jobs: int) -> tuple[Scenario, int, Check]:
    """A batch that expires once 37 % are executed: those are kept, the others are sent again, once."""

    def check(told: Told, folder: Path) -> Iterator[str]:
        kept = int((jobs - 1) * _EXPIRES)
        yield from _differences("answered in the batch", _answered(folder, in_batch=True), kept)
        yield from _differences("answered one by one", _answered(folder, in_batch=False), jobs - kept)
        yield from _differences("executed", told.ledger.executed, jobs)
        yield from _costs(folder)

    return Scenario("expired", {"expired": _EXPIRES}, shapes=KEEPING), jobs, check


def gone(jobs: int) -> tuple[Scenario, int, Check]:
    """The same where what is executed by then cannot be fetched: all are sent again, which is announced."""

    def check(told: Told, folder: Path) -> Iterator[str]:
        unseen = int((jobs - 1) * _EXPIRES)
        yield from _differences("answered one by one", _answered(folder, in_batch=False), jobs)
        yield from _differences("executed", told.ledger.executed, jobs + unseen)

    shapes = tuple(each for each in SHAPES if each not in KEEPING)
    return Scenario("gone", {"expired": _EXPIRES}, shapes=shapes, is_unclear=True), jobs, check


def late(jobs: int) -> tuple[Scenario, int, Check]:
    """A batch that is stuck at its deadline: all are sent one by one, once."""

    def check(told: Told, folder: Path) -> Iterator[str]:
        yield from _differences("answered one by one", _answered(folder, in_batch=False), jobs)
        yield from _differences("executed", told.ledger.executed, jobs)
        yield from _costs(folder)

    return Scenario("late", {"stuck": True}, deadline_s=0.5 + jobs / 3_334), jobs, check


def in_vain(jobs: int) -> tuple[Scenario, int, Check]:
    """A batch whose cancel changes nothing: nothing is sent one by one, but for the first job."""

    def check(told: Told, folder: Path) -> Iterator[str]:
        yield from _differences("executed one by one", told.ledger.live, 1)
        yield from _differences("executed", told.ledger.executed, jobs)
        yield from _costs(folder)

    # It is out by its deadline, and ends some seconds later.
    orders = {"slow": 9.0 + jobs / 200, "vain": True}
    return Scenario("in vain", orders, deadline_s=0.6 + jobs / 2_500), jobs, check


def _answered(folder: Path, *, in_batch: bool) -> int:
    return len(_jobs(folder, in_batch=in_batch))


def _jobs(folder: Path, *, in_batch: bool) -> set[int]:
    """The jobs whose answer came in a batch, or not."""
    question = "SELECT job FROM attempts WHERE state = 'ok' AND (batch IS NOT NULL) = ?"
    with closing(sqlite3.connect(f"{(folder / 'kept' / 'journal.sqlite').as_uri()}?mode=ro", uri=True)) as db:
        return {job for (job,) in db.execute(question, (in_batch,))}


def _costs(folder: Path) -> Iterator[str]:
    """What the run says it cost, beside the sum over its answers."""
    summary = json.loads((folder / "out").read_text().splitlines()[-1])
    batched = _jobs(folder, in_batch=True)
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    in_batches = sum((_price(line) * _SHARE for line in lines if line["index"] in batched), Decimal())
    others = sum((_price(line) for line in lines if line["index"] not in batched), Decimal())
    said = sum((Decimal(each["cost"] or 0) for each in summary["batches"]), Decimal())
    if abs(said - in_batches) >= _EXACT:
        yield f"the batches cost ${in_batches}, it says ${said}"
    whole = Decimal(summary["cost"])
    if abs(whole - in_batches - others) >= _EXACT:
        yield f"all cost ${in_batches + others}, it says ${whole}"


def _price(line: dict[str, Any]) -> Decimal:
    usage = line["usage"]
    dollars: Decimal = (usage["input_tokens"] * _INPUT + usage["output_tokens"] * _OUTPUT) / _MILLION
    return dollars


def _differences(what: str, found: int, wanted: int) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found:,}, not {wanted:,}"


def run(shape: Shape, made: tuple[Scenario, int, Check]) -> tuple[str, list[str]]:
    """Run one; return a line about it, and what is wrong."""
    scenario, jobs, check = made
    with tempfile.TemporaryDirectory(prefix="batch-scale-") as name:
        folder = Path(name)
        configure(folder, _PRICES)
        told = tell(Story(shape, scenario, jobs, jobs, kills=0, first_kill=0, seed=3), folder)
        problems = told.problems or list(check(told, folder))
        cost = "" if told.problems else json.loads((folder / "out").read_text().splitlines()[-1])["cost"]
    ledger = told.ledger
    figures = (
        f"{jobs:,} jobs, {ledger.executed:,} executed, {ledger.live:,} of them live, {told.seconds:.1f} s"
    )
    return f"{shape:10} {scenario.name:8} {figures}, ${cost}", problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, and print a line each; 1 if anything was wrong."""
    from tests.warm.server import load

    parser = argparse.ArgumentParser(prog="python -m tests.batches.scale", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_001, help="of the run whose batch expires")
    parser.add_argument("--late", type=int, default=5_001, help="of those with a deadline")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    asked = parser.parse_args(arguments)
    load("tests.batches.starts", "llmdash.llms.anthropic")
    wrong = 0
    for shape in asked.shapes:
        for made in (expired(asked.jobs), gone(asked.jobs), late(asked.late), in_vain(asked.late)):
            if shape not in made[0].shapes:
                continue
            line, problems = run(shape, made)
            print(line, *(f"  {each}" for each in problems[:5]), sep="\n", flush=True)
            wrong += len(problems)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
