"""What viewers cost the engine they watch, and what becomes of a run whose viewers are killed.

`python -m tests.benchmarks.viewers` runs batches that are answered at once (as in `floor`), watched by 0, 1
and 3 dashboards in processes of their own, then kills 200 viewers that ask as fast as they can.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Drain
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.session import LocalSession
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, Usage
from llmdash.prompts.source import Prompt, PromptList
from llmdash.remote.client import RemoteSession
from llmdash.remote.codec import FrameMessage, encode
from llmdash.remote.server import SessionServer

__all__ = ["Cost", "cost_of_viewers", "kill_viewers"]

FPS = 15
WATCHED = View(jobs=JobsView(height=45), series=SeriesView(160))
"""What a dashboard on a terminal of 60 lines asks for."""
KEYS = 3
IN_FLIGHT = 64
ANSWER = Delta(text="2", finish_reason="stop", usage=Usage(50, 15))


@dataclass(frozen=True)
class Cost:
    """What a run took: processor time of its process, all threads together, and its speed."""

    cpu_us_a_job: float
    jobs_per_s: float


class _Answers(LLM):
    """A model that answers after `pause_s` seconds."""

    model = "floor"

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    async def _astream(self, *_prompt: Any, **_options: Any) -> AsyncIterator[Delta]:  # type: ignore[override]
        if self._pause_s:
            await asyncio.sleep(self._pause_s)
        yield ANSWER


def _plan(jobs: int, folder: Path, pause_s: float = 0.0) -> RunPlan:
    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        yield [Member(_Answers(pause_s), f"key-{number}", Endpoint("nowhere")) for number in range(KEYS)]

    prompts = [Prompt(f"{n}", (("user", f"Work out {n} + 1."),)) for n in range(jobs)]
    source = PromptList("floor", "f" * 64, prompts)
    facts = RunFacts("floor", "floor", "nowhere", KEYS)
    return RunPlan(source, connect, folder, facts, rate=None, concurrency=IN_FLIGHT)


@contextmanager
def watching(folder: Path, viewers: int, fps: float) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Viewers in processes of their own, once each has its first frame."""
    command = [sys.executable, "-m", "tests.benchmarks.viewers", "--watch", str(folder), "--fps", str(fps)]
    with tempfile.TemporaryFile() as errors:
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) for _ in range(viewers)]
        try:
            for one in running:
                assert one.stdout is not None
                one.stdout.readline()
            yield running
        finally:
            for one in running:
                one.kill()
                one.communicate()


def cost_of_viewers(viewers: int, jobs: int) -> Cost:
    """Run `jobs` jobs that are answered at once, watched by that many dashboards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session = LocalSession(_plan(jobs, folder))
        with SessionServer(session, folder) as server, watching(folder, viewers, FPS):
            assert server.viewers == viewers
            cpu, wall = time.process_time(), time.perf_counter()
            session.start()
            session.join()
            cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    _check(session, jobs)
    return Cost(cpu_s / jobs * 1e6, jobs / wall_s)


def kill_viewers(kills: int, at_once: int = 4) -> int:
    """Kill viewers of a run at work that ask as fast as they can. Return the number of its jobs.

    Raises RuntimeError if the run was touched.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session = LocalSession(_plan(1_000_000, folder, pause_s=0.02))
        with SessionServer(session, folder) as server:
            session.start()
            for _ in range(0, kills, at_once):
                with watching(folder, at_once, 10_000) as running:
                    for one in running:
                        one.send_signal(signal.SIGKILL)
            session.command(Drain())
            session.join()
            time.sleep(0.1)
            assert not server.viewers, "the engine still counts viewers that are dead"
        ended = _check(session, session.frame(View()).run.done)
        tries = [result.attempts for result in JournalReader(folder).results()]
    if tries != [1] * ended.done:
        raise RuntimeError(f"{len(tries)} results for {ended.done} jobs, or more than one attempt each")
    return ended.done


def _check(session: LocalSession, jobs: int) -> RunPart:
    run = session.frame(View()).run
    if session.crash is not None:
        raise session.crash
    if (run.done, run.attempts, run.failed, run.retries) != (jobs, jobs, 0, 0):
        raise RuntimeError(f"the run was touched: {run}")
    return run


def _watch(folder: Path, fps: float) -> None:
    """Be a viewer until killed, or until the run ends; say so once the first frame is there."""
    session = RemoteSession.attach(folder)
    print(len(encode(FrameMessage(0, session.frame(WATCHED)))), flush=True)
    while session.alive:
        due = time.perf_counter() + 1 / fps
        session.frame(WATCHED)
        time.sleep(max(0.0, due - time.perf_counter()))


def _round_trips(jobs: int) -> tuple[list[float], int]:
    """Seconds from a view to its frame, of a run at a tenth of its speed, and the bytes of a frame."""
    with tempfile.TemporaryDirectory() as name:
        session = LocalSession(_plan(jobs, Path(name), pause_s=0.2))
        with SessionServer(session, Path(name)):
            session.start()
            viewer = RemoteSession.attach(Path(name))
            times = []
            for _ in range(100):
                time.sleep(1 / FPS)
                begun = time.perf_counter()
                frame = viewer.frame(WATCHED)
                times.append(time.perf_counter() - begun)
            session.command(Drain())
            session.join()
    return times, len(encode(FrameMessage(0, frame)))


def main() -> None:
    """Print the tables, or be one of the viewers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watch", type=Path)
    parser.add_argument("--fps", type=float, default=FPS)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--kills", type=int, default=200)
    args = parser.parse_args()
    if args.watch is not None:
        _watch(args.watch, args.fps)
        return
    cost_of_viewers(0, 200)
    costs: dict[int, list[Cost]] = {0: [], 1: [], 3: []}
    for _ in range(args.times):
        for viewers, found in costs.items():
            found.append(cost_of_viewers(viewers, args.jobs))
    alone = statistics.median(cost.cpu_us_a_job for cost in costs[0])
    for viewers, found in costs.items():
        cpu = statistics.median(cost.cpu_us_a_job for cost in found)
        speed = statistics.median(cost.jobs_per_s for cost in found)
        print(f"{viewers} viewers   {cpu:6.1f} us a job ({cpu / alone - 1:+.1%})   {speed:8,.0f} jobs/s")
    times, size = _round_trips(20_000)
    slow = statistics.quantiles(times, n=20)[-1]
    print(f"a frame     {size:,} bytes, {statistics.median(times) * 1e3:.2f} ms, p95 {slow * 1e3:.2f} ms")
    print(f"{args.kills} viewers killed at full speed: {kill_viewers(args.kills):,} jobs, none touched")


if __name__ == "__main__":
    main()
