"""P9, first-frame: from the start of a process to its first picture, to the end of `--help`, and to the first
request of a large file.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.arrivals import arrivals
from tests.benchmarks.cases.case import MS, Case, Step
from tests.benchmarks.figures import THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements, cpu_s_of_children
from tests.benchmarks.open_dashboards import llmdash
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import home, prompt_file
from tests.waiting import wait_for

__all__ = ["FIRST_FRAME", "P9"]

LINES = 1_000_000
_TIMES = 6
_TOP_LEFT = b"\x1b[1;1H"
"""What the first picture begins with."""
_CPU = "cpu ms"
_FRAME, _HELP, _LINES = "P9: first frame", "P9: llmdash --help", "P9: 1,000,000 lines"
_DEMO = "llmdash demo"
_TIMES_MINIMAL = "x minimal Textual"
_UNTIL_SENT = Row(_LINES, "start to first request", "s", alone=True)


def first_frames(measurements: Measurements) -> Mapping[Row, float]:
    """First pictures of llmdash and of the least that Textual shows, one after the other."""
    minimal = measurements.environment("tree").command(SCRIPTS / "minimal_app.py")
    ways: dict[str, tuple[list[str], tuple[str, ...]]] = {
        THIS: (llmdash(measurements), ()),
        "minimal Textual": (minimal, ()),
        _DEMO: (llmdash(measurements), ("demo",)),
    }
    taken: dict[str, list[tuple[float, float]]] = {who: [] for who in ways}
    for _ in range(_TIMES):
        for who, (command, arguments) in ways.items():
            taken[who].append(_first_picture(command, arguments, measurements.folder))
    found: dict[Row, float] = {}
    for who, pairs in taken.items():
        found.update(_best(Row(_FRAME, who, "", alone=who != THIS), pairs))
    for unit in (MS, _CPU):
        own, least = (found[Row(_FRAME, who, unit, alone=who != THIS)] for who in (THIS, "minimal Textual"))
        found[Row(_FRAME, THIS, f"{unit}, {_TIMES_MINIMAL}")] = own / least
    return found


def help_text(measurements: Measurements) -> Mapping[Row, float]:
    """`llmdash --help` to its end."""
    command = [*llmdash(measurements), "--help"]
    env = home(measurements.folder, "http://127.0.0.1:9/v1")
    pairs = []
    for _ in range(_TIMES):
        spent, begun = cpu_s_of_children(), time.monotonic()
        subprocess.run(command, cwd=measurements.folder, env=env, check=True, stdout=subprocess.DEVNULL)
        pairs.append((time.monotonic() - begun, cpu_s_of_children() - spent))
    return dict(_best(Row(_HELP, THIS, ""), pairs))


def first_request(measurements: Measurements) -> Mapping[Row, float]:
    """A file of a million lines, from the start of the program to its first request."""
    prompts = prompt_file(measurements.folder, measurements.jobs(LINES, 1_000))
    with arrivals(0.05) as endpoint:
        begun = time.time()
        env = home(measurements.folder, endpoint.base_url)
        command = llmdash(measurements)
        words = ("run", prompts, "--rate", "1/s")
        with RecordedTerminal(*words, cwd=measurements.folder, env=env, command=command) as terminal:
            wait_for(lambda: endpoint.times, within_s=300)
            terminal.stop_reading()
        took_s = endpoint.times[0] - begun
    prompts.unlink()
    return {_UNTIL_SENT: took_s}


def _first_picture(command: Sequence[str], arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return seconds until the screen is drawn, and of processor time of that process until then."""
    env = home(folder, "http://127.0.0.1:9/v1")
    with RecordedTerminal(*arguments, cwd=folder, env=env, command=command) as terminal:
        wait_for(lambda: any(_TOP_LEFT in piece for _, piece in terminal.pieces), every_s=0.002)
        spent = cpu_s(terminal.process.pid)
        terminal.stop_reading()
        at = next(at for at, piece in terminal.pieces if _TOP_LEFT in piece)
        return at - terminal.begun, spent


def _best(row: Row, pairs: Sequence[tuple[float, float]]) -> Iterator[tuple[Row, float]]:
    """The median of the better third, by the clock and of processor time."""
    for unit, each in zip((MS, _CPU), zip(*pairs, strict=True), strict=True):
        yield row._replace(unit=unit), 1e3 * median(sorted(each)[: max(1, len(each) // 3)])


_FIRST_FRAMES = Step("first frames", first_frames)
_OVER_MINIMAL = {Row(_FRAME, THIS, f"{unit}, {_TIMES_MINIMAL}"): Goal(1.7) for unit in (MS, _CPU)}

P9 = Case(
    "P9",
    "from the start to the first frame, to the end of --help, to the first request of 1,000,000 lines",
    (_FIRST_FRAMES, Step("help", help_text), Step("a million lines", first_request)),
    {
        Row(_FRAME, THIS, MS): Goal(350, 250),
        Row(_HELP, THIS, MS): Goal(150, 100),
        _UNTIL_SENT: Goal(10, 5),
        **_OVER_MINIMAL,
    },
)
FIRST_FRAME = Case(
    "first-frame", "the first frame beside that of a minimal Textual app", (_FIRST_FRAMES,), _OVER_MINIMAL
)
