"""One run of the whole path in this process, and the processor time of each of its layers.

`python -m tests.benchmarks.layer_costs BASE_URL JOBS IN_FLIGHT [--stream] [--sampled]` runs rows with carried
fields against BASE_URL, watched by a dashboard's viewer in another process. It prints JSON: microseconds of
processor time a job of each thread, and where it is `sampled`, the share of each layer in the time of the
thread of requests: that is looked at every two milliseconds of processor time, from inside.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from llmdash.config.loading import load_settings
from llmdash.engine.model.view import View
from llmdash.engine.plan import RunPlan
from llmdash.engine.session import LocalSession
from llmdash.launch.inputs import open_input
from llmdash.launch.judgement import Judgement
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_folders import run_folder
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.remote.server import SessionServer
from tests.benchmarks.layers import layer_of_frame
from tests.benchmarks.processes import thread_cpu_s
from tests.benchmarks.rows import home, prompt_file
from tests.benchmarks.viewers import FPS, watching

_EVERY_S = 0.002
_LOOK_S = 0.05
_REQUESTS = "requests"
"""The name of the thread of requests in what is printed."""


class _OwnThreadSession(LocalSession):
    """A run on the thread that starts it: signals, and with them samples, come to the main thread."""

    _works = False

    def start(self) -> None:
        self._works = True
        self._work()
        self._works = False

    @property
    def alive(self) -> bool:
        return self._works


class _Sampler:
    """Looks at the main thread from time to time, as long as it is open: the share of each layer.

    A look weighs as much as the thread worked since the one before: one that only waited weighs nothing.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = 0.0

    @contextmanager
    def open(self) -> Iterator[None]:
        self._last = time.thread_time()
        before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self.seconds[layer_of_frame(frame)] += time.thread_time() - self._last
        self._last = time.thread_time()

    def shares(self) -> dict[str, float]:
        """Return the share of each layer in all that the thread worked."""
        total = sum(self.seconds.values())
        return {name: seconds / total for name, seconds in self.seconds.items()}


class _Threads:
    """What the other threads take, by their names: looked at now and then, as each may end at any time."""

    def __init__(self) -> None:
        self.spent: dict[int, tuple[str, float]] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self) -> dict[str, float]:
        """Return the seconds of processor time by the name of the thread."""
        self._ends.set()
        self._thread.join()
        found: defaultdict[str, float] = defaultdict(float)
        for name, seconds in self.spent.values():
            found[name] += seconds
        return found

    def _look(self) -> None:
        while not self._ends.wait(_LOOK_S):
            for thread in threading.enumerate():
                if thread.name.startswith("llmdash-") and thread.native_id is not None:
                    self._note(thread.native_id, thread.name)

    def _note(self, native_id: int, name: str) -> None:
        try:
            self.spent[native_id] = name, thread_cpu_s(native_id)
        except OSError:
            return  # it has ended meanwhile


def _plan(base_url: str, jobs: int, in_flight: int, folder: Path, *, stream: bool) -> RunPlan:
    settings = load_settings(
        {"rate": "unlimited", "concurrency": in_flight, "stream": stream},
        environ=home(folder, base_url),
        cwd=folder,
        user_config=folder / ".config" / "llmdash" / "llmdash.toml",
    )
    given = Input(prompt_file(folder, jobs))
    order = RunOrder(given, judgement=Judgement(check="contains"))
    return make_plan(open_input(given, {}), order, settings, run_folder(folder, "costs"), None)


def measured(plan: RunPlan, *, sampled: bool) -> dict[str, object]:
    """Run it. Return microseconds a job of each thread, seconds by the clock, and the shares of layers."""
    session, sampler, jobs = _OwnThreadSession(plan), _Sampler(), len(plan.source)
    with SessionServer(session, plan.folder), watching(plan.folder, 1, FPS):
        threads, begun, spent = _Threads(), time.monotonic(), time.thread_time()
        if sampled:
            with sampler.open():
                session.start()
        else:
            session.start()
        spent = time.thread_time() - spent
        took_s, others = time.monotonic() - begun, threads.close()
    if session.crash is not None:
        raise session.crash
    done = session.frame(View()).run
    if (done.done, done.failed) != (jobs, 0):
        raise RuntimeError(f"a run with faults: {done}")
    by_thread = {_REQUESTS: spent, **others}
    found = {name: seconds / jobs * 1e6 for name, seconds in by_thread.items()}
    return {"us": found, "took_s": took_s, "shares": sampler.shares() if sampled else {}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("jobs", type=int)
    parser.add_argument("in_flight", type=int)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--sampled", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        plan = _plan(asked.base_url, asked.jobs, asked.in_flight, Path(name), stream=asked.stream)
        print(json.dumps(measured(plan, sampled=asked.sampled)))


if __name__ == "__main__":
    main()
