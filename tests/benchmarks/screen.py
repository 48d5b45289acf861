"""P6, P7 and P9: what the screen costs, and how fast it is, in a real terminal of 120 x 36.

Everything is on: streams, checks, carried fields, previews, two endpoints, limits of each key, a budget, and
a rate that is found by itself. `python -m tests.benchmarks.screen [start|keys|load|bytes ...]` prints figures
beside their bars; without a word all of them. Where others load the machine its clock says little: then the
processor time beside it counts, and the better third of many tries.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles

from tests.arrivals import arrivals
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import Lines, Pressed, RecordedTerminal
from tests.benchmarks.rows import finished, home, prompt_file
from tests.benchmarks.streaming_target import LONG
from tests.waiting import wait_for

JOBS = 100_000
JOBS_PER_S = 500
"""A thousand changes a second: each row changes twice, and a time ticks besides."""
LATENCY_S, CHUNKS = 0.2, 10
_WARM_S, _RAMP_S = 5.0, 180
_ROWS = re.compile(r"([\d,]+)–[\d,]+ of [\d,]+ ━")
"""What the border of the table says of the rows that are shown."""
_FILTER = re.compile(r"^. ?/ (\S*)")
"""The line in which a filter is typed."""
_LETTERS = (*"result", *"\x7f" * 6)
"""A word that each answer has, typed and taken back: letter by letter another order is wanted."""
_TOP_LEFT = b"\x1b[1;1H"
"""What the first picture begins with."""


def _say(what: str, *figures: str, bar: str = "") -> None:
    print(f"{what:44}" + "".join(f"{figure:>14}" for figure in figures) + f"   {bar}", flush=True)


@contextmanager
def target(chunks: int = CHUNKS) -> Iterator[str]:
    """A target in its own process that streams; gives its base URL."""
    command = [sys.executable, "-m", "tests.benchmarks.streaming_target", str(LATENCY_S), str(chunks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()


@contextmanager
def dashboard(
    rate: str, jobs: int = JOBS, *, first: str = "", bytes_per_s: float = 0.0
) -> Iterator[RecordedTerminal]:
    """The dashboard of a run that has been at work for some seconds."""
    with tempfile.TemporaryDirectory() as name, target() as base_url:
        folder = Path(name)
        prompts = prompt_file(folder, jobs, first)
        how = (
            "--rate",
            rate,
            "--concurrency",
            "512",
            "--stream",
            "--check",
            "contains",
            "--auto",
            "--budget",
            "1000",
            "--run-dir",
            folder / "run",
        )
        with RecordedTerminal(
            "run", prompts, *how, cwd=folder, env=home(folder, base_url), bytes_per_s=bytes_per_s
        ) as terminal:
            if not _reaches(folder / "run", rate):
                print(f"by itself the run does not come to {rate} here: from now on that is its rate")
                terminal.keys("a")
            time.sleep(_WARM_S)
            yield terminal
            terminal.stop_reading()


def _reaches(run: Path, rate: str) -> bool:
    """Wait until as many jobs a second end as the rate lets, which is found by itself, from a low one on.
    Return False where that is not so after a minute, or where the run is over before.
    """
    wanted = 0.9 * float(rate.removesuffix("/s"))
    wait_for(lambda: finished(run), "the first answers")
    for _second in range(_RAMP_S):
        before = finished(run)
        time.sleep(1.0)
        if finished(run) - before >= wanted:
            return True
    return False


# P9: from the start to the first picture.


def start(times: int = 9) -> None:
    """Print how long the first picture of each command takes, and of a large file the first request."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = home(folder, "http://127.0.0.1:9/v1")
        for arguments in ((), ("demo",)):
            shown = [_first_picture(arguments, folder, env) for _ in range(times)]
            _say(" ".join(("first picture of llmdash", *arguments)), *_best(shown), bar="350 ms, better 250")
        helped = [_help(folder, env) for _ in range(times)]
        _say("llmdash --help", *_best(helped), bar="150 ms, better 100")
        _say("1,000,000 lines to the first request", f"{_first_request(folder):.1f} s", bar="10 s, better 5")


def _first_picture(arguments: Sequence[str], folder: Path, env: dict[str, str]) -> tuple[float, float]:
    """Return seconds until the screen is drawn, and of processor time of that process until then."""
    with RecordedTerminal(*arguments, cwd=folder, env=env) as terminal:
        wait_for(lambda: any(_TOP_LEFT in piece for _, piece in terminal.pieces), every_s=0.002)
        spent = cpu_s(terminal.process.pid)
        terminal.stop_reading()
        at = next(at for at, piece in terminal.pieces if _TOP_LEFT in piece)
        return at - terminal.begun, spent


def _help(folder: Path, env: dict[str, str]) -> tuple[float, float]:
    before, begun = getrusage(RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "llmdash", "--help"],
        cwd=folder,
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    took, after = time.monotonic() - begun, getrusage(RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _first_request(folder: Path) -> float:
    prompts = prompt_file(folder, 1_000_000)
    with arrivals(0.05) as endpoint:
        begun = time.time()
        env = home(folder, endpoint.base_url)
        with RecordedTerminal("run", prompts, "--rate", "1/s", cwd=folder, env=env) as terminal:
            wait_for(lambda: endpoint.times, within_s=300)
            terminal.stop_reading()
        return endpoint.times[0] - begun


def _best(pairs: Sequence[tuple[float, float]]) -> tuple[str, str]:
    """Return the median of the better third, by the clock and of processor time."""
    clock, spent = (1e3 * median(sorted(each)[: max(1, len(each) // 3)]) for each in zip(*pairs, strict=True))
    return f"{clock:.0f} ms", f"{spent:.0f} ms cpu"


# P6: from a key to its picture.


def keys(presses: int = 100) -> None:
    """Print how long keys take until the screen shows their effect, in three orders of the table."""
    with dashboard(f"{JOBS_PER_S}/s") as terminal:
        for title, typed in (("newest first", ""), ("sorted by time", "T"), ("with a text", "/result\r")):
            for key in typed:
                terminal.keys(key)
                time.sleep(0.2)
            time.sleep(2.0)
            terminal.keys("\x1b[B" * 5)
            time.sleep(1.0)
            moves = _press(terminal, presses, ("\x1b[B", "\x1b[A"), _cursor_moved)
            pages = _press(terminal, presses, ("\x1b[6~",), _page_moved)
            _say_keys(f"{title}: a row", terminal, moves)
            _say_keys(f"{title}: a page", terminal, pages)
            terminal.keys("\x1b[H")
        for key in "\x1b/":
            terminal.keys(key)
            time.sleep(1.0)
        _say_keys("a letter of the filter", terminal, _press(terminal, presses, _LETTERS, _filter_changed))


def _press(
    terminal: RecordedTerminal,
    times: int,
    typed: Sequence[str],
    shows: Callable[[Lines, Lines], bool],
    within_s: float = 0.2,
) -> list[Pressed]:
    gaps, pressed = Random(1), []
    for number in range(times):
        pressed.append(terminal.press(typed[number % len(typed)], shows))
        time.sleep(gaps.uniform(within_s / 4, within_s))
    return pressed


def _say_keys(title: str, terminal: RecordedTerminal, pressed: Sequence[Pressed]) -> None:
    shown = terminal.shown_after(pressed)
    came = sorted(each for each in shown if each < inf)
    cuts = quantiles(came, n=100)
    figures = [f"{1e3 * cuts[at]:.0f} ms" for at in (49, 98)]
    _say(title, *figures, f"{len(shown) - len(came)} of {len(shown)} late", bar="30 / 80 ms, better 20 / 50")


def _cursor_moved(before: Lines, now: Lines) -> bool:
    return _cursor(before) != _cursor(now)


def _page_moved(before: Lines, now: Lines) -> bool:
    return _first_row(before) != _first_row(now) and not any("· ·" in line[:8] for line in now)


def _filter_changed(before: Lines, now: Lines) -> bool:
    return _filter(before) != _filter(now)


def _filter(lines: Lines) -> str:
    return next((found[1] for line in lines if (found := _FILTER.search(line))), "")


def _cursor(lines: Lines) -> int:
    return next((y for y, line in enumerate(lines) if line[1:2] == "›"), -1)


def _first_row(lines: Lines) -> str:
    return next((found[1] for line in lines if (found := _ROWS.search(line))), "")


# P7: what the dashboard takes of a core.


def load(seconds: float = 10.0) -> None:
    """Print the share of a core that the dashboard takes while much changes."""
    _say_load(f"{JOBS_PER_S:,} jobs/s of {CHUNKS} chunks", seconds, "")
    _say_load(f"{JOBS_PER_S:,} jobs/s, one stream of 5,000/s", seconds, LONG + " ")


def _say_load(title: str, seconds: float, first: str) -> None:
    with dashboard(f"{JOBS_PER_S}/s", first=first) as terminal:
        if first:
            terminal.keys(":1\r")
            time.sleep(1.0)
        for what in ("", ", sorted by time"):
            if what:
                terminal.keys("T")
                time.sleep(2.0)
            pids = terminal.process.pid, terminal.engine
            done, sent = finished(terminal.folder / "run"), terminal.size
            begun, before = time.monotonic(), [cpu_s(pid) for pid in pids]
            time.sleep(seconds)
            took = time.monotonic() - begun
            own, engine = (f"{(cpu_s(pid) - old) / took:.0%}" for pid, old in zip(pids, before, strict=True))
            done, sent = finished(terminal.folder / "run") - done, terminal.size - sent
            _say(
                title + what,
                own,
                f"engine {engine}",
                f"{done / took:.0f} jobs/s",
                f"{sent / took / 1e3:.1f} KB/s",
                bar="25 %, better 15",
            )


# What a terminal is sent.


def sent(seconds: float = 10.0) -> None:
    """Print the bytes a second at work and at rest, and how old the picture is on a line of 10 KB/s."""
    with dashboard("100/s", 3_000) as terminal:
        before = terminal.size
        time.sleep(seconds)
        _say("sent at 100 jobs/s", f"{(terminal.size - before) / seconds / 1e3:.1f} KB/s")
        terminal.keys("p")
        time.sleep(5.0)
        before = terminal.size
        time.sleep(seconds)
        _say("sent while paused", f"{(terminal.size - before) / seconds / 1e3:.2f} KB/s")
    with dashboard("100/s", 3_000, bytes_per_s=10_000) as terminal:
        time.sleep(seconds)
        terminal.keys("\x1b[B" * 3)
        time.sleep(3.0)
        moves = _press(terminal, 10, ("\x1b[B", "\x1b[A"), _cursor_moved, within_s=3.0)
        time.sleep(2.0)
        shown = sorted(terminal.shown_after(moves))
        _say("a row on a line of 10 KB/s", f"{1e3 * median(shown):.0f} ms")


def main() -> None:
    parts = {"start": start, "keys": keys, "load": load, "bytes": sent}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
