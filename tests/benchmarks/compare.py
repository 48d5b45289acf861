"""The experiment of the write-up: 90 expressions one after the other and at once, and ten greetings.

`python -m tests.benchmarks.compare [--tenth]`: the simulator answers in 3.7 s on average, which takes six
minutes; `--tenth` of that takes one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

LATENCY_S = 3.7
FASTER = 20.0
GREETINGS_FASTER = 4.0
TO_SLOWEST_CALL = 1.10


def compared(latency: float, *options: str) -> dict[str, dict[str, Any]]:
    """The rows of a comparison by their names; none of them had a failure."""
    command = [sys.executable, "-m", "llmdash", "compare", "--simulate", "--json", "--latency", str(latency)]
    with tempfile.TemporaryDirectory() as home:
        ended = subprocess.run(
            [*command, *options],
            env={"PATH": os.environ["PATH"], "HOME": home},
            check=True,
            capture_output=True,
            text=True,
        )
    return {row["name"]: row for row in map(json.loads, ended.stdout.splitlines()) if row["type"] == "row"}


def judged(name: str, value: float, bar: float, holds: bool) -> str:
    """A line that says whether a bar is met."""
    return f"{name:48} {value:8.2f}  bar {bar:5.2f}  {'met' if holds else 'MISSED'}"


def said(row: dict[str, Any]) -> str:
    """The figures of a row."""
    slowest = f"slowest call {row['slowest_s']:.3f} s"
    return f"{row['what']:22} {row['wall']}  accuracy {row['accuracy']:.1%}  {slowest}"


def main() -> None:
    latency = LATENCY_S / 10 if "--tenth" in sys.argv[1:] else LATENCY_S
    rows = compared(latency, "--skip", "limited")
    lines = [said(row) for row in rows.values()]
    for name in ("one-key", "all-keys"):
        row = rows[name]
        ratio, share = row["speed_up"], row["wall_s"] / row["slowest_s"]
        lines.append(judged(f"{row['what']}: times as fast as serial", ratio, FASTER, ratio >= FASTER))
        lines.append(
            judged(f"{row['what']}: times its slowest call", share, TO_SLOWEST_CALL, share <= TO_SLOWEST_CALL)
        )
    greetings = compared(latency, "--greetings")["one-key"]["speed_up"]
    lines.append(
        judged("ten greetings: times as fast", greetings, GREETINGS_FASTER, greetings >= GREETINGS_FASTER)
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
