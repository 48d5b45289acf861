"""The tables of the manual's page about speed, and that of the README.

`just bench --json BENCH` and `just costs --json COSTS` measure; then `python -m tests.manual.speed_page
--bench BENCH --costs COSTS` writes what they found between the marks of both files. Either may be left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import llmdash
from tests.benchmarks.cases.p1_p2_batch import PEERS as BATCHES
from tests.benchmarks.cases.p1_p2_batch import WHAT as BATCH
from tests.benchmarks.cases.p3_latency import WHAT as LATENCY
from tests.benchmarks.cases.p4_streams import BURST, CPU_CHUNK, PACED
from tests.benchmarks.cases.p4_streams import WAYS as STREAMS
from tests.benchmarks.costs import Costs, cost_table
from tests.benchmarks.figures import RATE, shown
from tests.benchmarks.peer_programs import PROGRAMS

__all__ = ["PAGE", "README", "TABLES", "bars", "between", "costs", "marks", "ratios", "whole"]

ROOT = Path(llmdash.__file__).parents[1]
PAGE = ROOT / "llmdash" / "manual" / "pages" / "speed.md"
README = ROOT / "README.md"
TABLES = {"ratios": (PAGE, README), "bars": (PAGE,), "costs": (PAGE,)}
"""The tables, and the files with marks for each."""
_NAMES = {
    "LangChain": "langchain",
    "httpx": "httpx",
    "openai SDK": "openai",
    "litellm": "litellm",
}
_PEERS = {
    **{title: (BATCHES[name][1], STREAMS[name][1]) for title, name in _NAMES.items()},
    "cookbook": ("cookbook's processor",),
    **{name: (name,) for name in PROGRAMS},
}
"""The columns, and what each is called in the rows that were measured."""
_RATIOS = {
    (BATCH, RATE): "jobs a second: 64 in flight, answers at once",
    (LATENCY, RATE): "jobs a second: 512 in flight, answers after 125 ms",
    (BURST, CPU_CHUNK): "processor time a chunk: 200 streams, as fast as they come",
    (PACED, CPU_CHUNK): "processor time a chunk: 200 streams, 4,000 chunks/s",
}
"""What and unit of the rows whose ratios are shown, and what they are called."""
_NUMBER = re.compile(r"^P\d+(?:, P\d+)*: ")


def marks(table: str) -> tuple[str, str]:
    """Return the lines around a table."""
    return f"<!-- {table}: begin -->\n", f"<!-- {table}: end -->\n"


def between(text: str, table: str, lines: Sequence[str]) -> str:
    """Return a text with these lines between the marks of a table. Raises ValueError where it has none."""
    begin, end = marks(table)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no marks of {table}")
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}"


def ratios(bench: Mapping[str, Any]) -> list[str]:
    """Return the table of how many times as good llmdash is as each of the others."""
    found = {(row["what"], row["who"], row["unit"]): row["ratio"] for row in bench["rows"]}
    rows = [
        (title, *(_ratio(found.get((what, name, unit)) for name in names) for names in _PEERS.values()))
        for (what, unit), title in _RATIOS.items()
    ]
    return [*_markdown(("", *_PEERS), rows), "", _measured(bench)]


def bars(bench: Mapping[str, Any]) -> list[str]:
    """Return the table of the figures that are beside a bar themselves."""
    rows = [
        (
            f"{_NUMBER.sub('', row['what'])}{_who(row['who'])}",
            f"{shown(row['median'])} {row['unit']}",
            f"{row['goal']['bar']:g}",
        )
        for row in bench["rows"]
        if row["goal"] and row["ratio"] is None
    ]
    return _markdown(("", "measured", "bar"), rows)


def costs(found: Mapping[str, Any]) -> list[str]:
    """Return the table of what each layer costs."""
    table = cost_table(Costs(found["job_us"], found["chunk_us"], found["second_ms"]))
    paid = ", ".join(f"{name} {ms:.0f} ms" for name, ms in found["second_ms"].items())
    machine = f"Python {found['python']}, {found['processors']} processors"
    return [
        *_markdown(("layer", "µs a job", "µs a chunk", ""), table),
        "",
        f"{machine}. While chunks stream, of a second: {paid}.",
    ]


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        _line(titles),
        "|---" * len(titles) + "|",
        *map(_line, rows),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _ratio(found: Iterator[float | None]) -> str:
    return next((f"{ratio:.1f}x" for ratio in found if ratio is not None), "-")


def _who(who: str) -> str:
    return "" if who == "llmdash" else f": {who}"


def _measured(bench: Mapping[str, Any]) -> str:
    versions = {name: version for of in bench["versions"].values() for name, version in of.items()}
    names = ("langchain-openai", "httpx", "openai", "litellm", "aiperf", "guidellm")
    packages = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    times = "one round" if bench["rounds"] == 1 else f"medians of {bench['rounds']} interleaved rounds"
    machine = f"{bench['processors']} processors, Python {bench['python']}"
    return f"llmdash over each, {times}; {machine}; {packages}."


def whole(path: Path) -> dict[str, Any]:
    """Read what was measured. Ends the program where it was tried out only, with fewer jobs."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found["scale"] != 1:
        sys.exit(f"{path}: tried out with {found['scale']:g} of the jobs: no figure to show")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", type=Path, metavar="FILE", help="what `just bench --json FILE` wrote")
    parser.add_argument("--costs", type=Path, metavar="FILE", help="what `just costs --json FILE` wrote")
    asked = parser.parse_args()
    lines: dict[str, list[str]] = {}
    if asked.bench is not None:
        bench = whole(asked.bench)
        lines |= {"ratios": ratios(bench), "bars": bars(bench)}
    if asked.costs is not None:
        lines["costs"] = costs(whole(asked.costs))
    for table, found in lines.items():
        for path in TABLES[table]:
            path.write_text(between(path.read_text(encoding="utf-8"), table, found), encoding="utf-8")


if __name__ == "__main__":
    main()
