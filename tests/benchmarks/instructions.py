"""Instructions of the hot functions, counted by callgrind: the same on a busy machine as on a quiet one.

`python -m tests.benchmarks.instructions [--update]` prints them beside those that are expected and ends with
1 where one takes more than a tenth more. What is expected differs between builds of Python: `--update` keeps
the counts of this one beside those of others.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.benchmarks.environments import ROOT

__all__ = ["TOLERANCE", "Compared", "calls_counted", "compared", "this_python"]

EXPECTED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.1
_MARK = "getloadavg"
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)

Counts = Mapping[str, int]
"""Instructions of one call, by the name of what is called."""


class Compared(NamedTuple):
    """A count beside the one that is expected; None where none is."""

    name: str
    instructions: int
    expected: int | None

    @property
    def change(self) -> float:
        """How much more it is, as a share; 0 where nothing is expected."""
        return self.instructions / self.expected - 1 if self.expected else 0.0

    @property
    def is_more(self) -> bool:
        """True if it is more than is tolerated."""
        return self.change > TOLERANCE

    def __str__(self) -> str:
        beside = (
            f"{self.expected:>12,}  {self.change:+7.1%}" if self.expected else f"{'none yet':>12}  {'':7}"
        )
        verdict = "more" if self.is_more else "less: --update keeps it" if self.change < -TOLERANCE else ""
        return f"{self.name:36} {self.instructions:>12,}  {beside}  {verdict}".rstrip()


def compared(counts: Counts, expected: Counts) -> list[Compared]:
    """Return each count beside what is expected of it."""
    return [Compared(name, count, expected.get(name)) for name, count in counts.items()]


def calls_counted(measured: Sequence[tuple[str, int]], totals: Sequence[int]) -> dict[str, int]:
    """Return the instructions of one call of each.

    `totals` has those up to each mark since the one before, and of what is measured (a name, and how often it
    was called) each has a mark before and one behind it. Where one is measured often the median counts.
    """
    found: dict[str, list[float]] = {}
    for (name, times), total in zip(measured, totals[1::2], strict=True):
        found.setdefault(name, []).append(total / times)
    return {name: round(median(counts)) for name, counts in found.items()}


def this_python() -> str:
    """What decides how many instructions a function takes, besides its own code."""
    compiler = platform.python_compiler()
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}, {compiler}"


def _counted() -> dict[str, int]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "counts"
        tool = ("valgrind", "--tool=callgrind", f"--dump-before={_MARK}", f"--callgrind-out-file={out}")
        command = [*tool, sys.executable, "-m", "tests.benchmarks.hot_functions"]
        env = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        if ended.returncode:
            sys.exit(f"the functions cannot be called under valgrind:\n{ended.stderr}")
        return calls_counted(json.loads(ended.stdout), list(_totals(out)))


def _totals(out: Path) -> Iterator[int]:
    """The instructions up to each mark, since the one before."""
    number = 1
    while (dump := out.with_name(f"{out.name}.{number}")).exists():
        found = _TOTAL.search(dump.read_text())
        yield int(found[1]) if found else 0
        number += 1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="just instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="keep the counts as those that are expected")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("not counted: valgrind is not installed")
        return 0
    kept: dict[str, dict[str, int]] = json.loads(EXPECTED.read_text())
    counts, python = _counted(), this_python()
    rows = compared(counts, kept.get(python, {}))
    print(f"instructions a call, {python}", *rows, sep="\n")
    if asked.update:
        EXPECTED.write_text(json.dumps({**kept, python: counts}, indent=2) + "\n")
        return 0
    if python not in kept:
        print("of this Python no counts are kept: --update keeps them")
    return int(any(row.is_more for row in rows))


if __name__ == "__main__":
    sys.exit(main())
