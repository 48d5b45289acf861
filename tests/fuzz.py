"""Fuzzes what reads the words of strangers: `python -m tests.fuzz --seconds 60 [parser|readers|hints|...]`.

Each case comes from a seed of its own, which is printed with a finding; `--case readers:1:4711` tries it
again.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.fuzzing.targets import TARGETS

LONGEST_S = 3.0
"""What a single case may take: an answer that takes longer is a finding, too."""
_TIMES = 3
"""How often a case has to take so long: a virtual machine that stands still has its time counted, too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that went wrong, with the traceback."""

    case: str
    why: str


def tried(case: str) -> Finding | None:
    """Try one case, such as `readers:1:4711`."""
    taken = 0.0
    for _ in range(_TIMES):
        begun = time.process_time()
        try:
            TARGETS[case.partition(":")[0]](random.Random(case))
        except Exception:  # noqa: BLE001 - whatever comes out of a target is what we look for
            return Finding(case, traceback.format_exc().encode("ascii", "backslashreplace").decode())
        taken = time.process_time() - begun
        if taken <= LONGEST_S:
            return None
    return Finding(case, f"took {taken:.1f} s")


def cases(target: str, seed: int) -> Iterator[str]:
    """Cases of a target, without end."""
    return (f"{target}:{seed}:{number}" for number in itertools.count())


def fuzz(targets: Iterable[str], seed: int, seconds: float) -> Iterator[Finding | None]:
    """What comes of each case; every target gets an equal share of the time."""
    waiting = {target: cases(target, seed) for target in targets}
    spent = dict.fromkeys(waiting, 0.0)
    until = time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        target = min(spent, key=spent.__getitem__)
        yield tried(next(waiting[target]))
        spent[target] += time.monotonic() - begun


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[], metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", help="try this one again")
    given = parser.parse_args()
    if given.case:
        finding = tried(given.case)
        print(finding.why if finding else "nothing found")
        return 1 if finding else 0
    count = findings = 0
    for finding in fuzz(given.targets or TARGETS, given.seed, given.seconds):
        count += 1
        if finding is not None:
            findings += 1
            print(f"--case {finding.case}\n{finding.why}", flush=True)
    print(f"{count:,} cases, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
