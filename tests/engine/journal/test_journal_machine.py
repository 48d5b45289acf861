"""The journal under any order of events and crashes: what was acknowledged is there, nothing by halves."""

from __future__ import annotations

import asyncio
import os
import queue
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.records import AttemptRecord, ResultRow
from tests.engine.virtual_time import VirtualTimeLoop

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own is made there
"""Where a commit takes no time, if there is such a place."""

WHICH = st.integers(0, 11)
JOBS = range(4)
_PATIENCE_S = 30.0
_GATHERED_S = 0.003
"""Longer than the writer gathers rows."""

T = TypeVar("T")
Attempts = dict[tuple[int, int], str]
Results = dict[int, tuple[str, str | None]]
State = tuple[Attempts, Results]
Step = Callable[[Attempts, Results], object]


class Gated:
    """A journal that writes a group only when it is let: a disk whose every commit is in the test's hand."""

    def __init__(self, journal: JournalFile) -> None:
        self._journal = journal
        self._permits = threading.Semaphore(0)
        self._free = threading.Event()
        self._taken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait_until_taken(self) -> None:
        """Wait until the writer has the next group in hand: what comes later is not put together with it."""
        self._taken.get(timeout=_PATIENCE_S)

    def let(self) -> int:
        """Let one group through, wait until it is on disk, and return how many rows it has: the writer puts
        together what waits.
        """
        self._permits.release()
        return self._written.get(timeout=_PATIENCE_S)

    def open(self) -> None:
        """Let everything through from now on."""
        self._free.set()
        self._permits.release()

    def write(self, group: Group) -> None:
        if not self._free.is_set():
            self._taken.put(None)
            self._permits.acquire()
        self._journal.write(group)
        self._written.put(len(group.attempts) + len(group.results) + len(group.reopened))

    def close(self) -> None:
        self._journal.close()


class JournalMachine(RuleBasedStateMachine):
    """Steps are issued in order; on disk is always what a number of them made of an empty journal, at least
    those that were acknowledged, each with all of its rows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.home = Path(tempfile.mkdtemp(prefix="journal-machine-", dir=FAST))
        self.folder = self._new_folder()
        self.before: State = ({}, {})
        self.steps: list[Step] = []
        self.acknowledged = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.start(JournalFile.create(self.folder, {"name": "x"}))

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.home))

    def start(self, journal: JournalFile) -> None:
        self.gate = Gated(journal)
        self.failures: list[Exception] = []
        self.writer = self.run(self._writer())
        self.steps, self.acknowledged = [], 0
        self.gathering = self.waiting = 0  # rows

    async def _writer(self) -> JournalWriter:
        return JournalWriter(self.gate, self.failures.append)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def model(self, count: int) -> State:
        """What the first `count` steps come to."""
        attempts, results = dict(self.before[0]), dict(self.before[1])
        for step in self.steps[:count]:
            step(attempts, results)
        return attempts, results

    @property
    def now(self) -> State:
        return self.model(len(self.steps))

    def issue(self, step: Step, rows: int = 1) -> Callable[[], None]:
        """Note a step; gives what is called once it is on disk."""
        steps = self.steps
        steps.append(step)
        self.gathering += rows
        number = len(steps)

        def acknowledge() -> None:
            if self.steps is steps:
                self.acknowledged = max(self.acknowledged, number)

        return acknowledge

    # What a run does.

    @property
    def free(self) -> list[int]:
        """The jobs without a result and without a request under way."""
        attempts, results = self.now
        busy = {job for (job, _), state in attempts.items() if state == "sent"}
        return [job for job in JOBS if job not in results and job not in busy]

    @property
    def sent(self) -> list[tuple[int, int]]:
        """The attempts under way."""
        return [attempt for attempt, state in self.now[0].items() if state == "sent"]

    @precondition(lambda self: self.free)
    @rule(which=WHICH)
    def send(self, which: int) -> None:
        job = self.free[which % len(self.free)]
        number = 1 + sum(owner == job for owner, _ in self.now[0])
        done = self.issue(lambda attempts, _: attempts.update({(job, number): "sent"}))

        async def send() -> None:
            await self.writer.sent(AttemptRecord(job, number, "k", "sent", 1.0))
            done()

        task = self.loop.create_task(send())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        self.run(asyncio.sleep(0))

    @precondition(lambda self: self.sent)
    @rule(which=WHICH, state=st.sampled_from(["ok", "ok", "failed", "failed for good", "cut"]))
    def end(self, which: int, state: str) -> None:
        self.end_one(*self.sent[which % len(self.sent)], state)

    def end_one(self, job: int, number: int, state: str) -> None:
        record = AttemptRecord(job, number, "k", state.split()[0], 1.0)
        result = None
        if state == "ok":
            result = ResultRow(job, f"p{job}", "done", f"answer {number}", attempts=number)
        elif state == "failed for good":
            result = ResultRow(job, f"p{job}", "failed", error="no", attempts=number)

        def step(attempts: Attempts, results: Results) -> None:
            attempts[job, number] = record.state
            if result is not None:
                results[job] = (result.state, result.text)

        async def end() -> None:
            self.writer.ended(record, result, self.issue(step, 1 if result is None else 2))

        self.run(end())

    @precondition(lambda self: self.free)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        job = self.free[which % len(self.free)]
        row = ResultRow(job, f"p{job}", "cancelled")

        async def settle() -> None:
            self.writer.settled(
                row, self.issue(lambda _, results: results.update({job: ("cancelled", None)}))
            )

        self.run(settle())

    @precondition(lambda self: self.now[1])
    @rule(which=WHICH)
    def reopen(self, which: int) -> None:
        ended = sorted(self.now[1])
        job = ended[which % len(ended)]

        async def reopen() -> None:
            self.writer.reopened(
                job
            )  # nobody is told: it is on disk with the next step that somebody is told of
            self.issue(lambda _, results: results.pop(job))

        self.run(reopen())

    # What befalls it.

    @precondition(lambda self: self.steps)
    @rule()
    def commit(self) -> None:
        """One group more reaches the disk, if one is waiting."""
        self.pass_time()
        if self.waiting:
            self.waiting -= self.gate.let()
            if self.waiting:
                self.gate.wait_until_taken()
            time.sleep(0.0005)  # the thread tells of it: if it is late, less counts as acknowledged
            self.run(asyncio.sleep(0))

    @rule()
    def pass_time(self) -> None:
        """What comes now goes into another group than what came before."""
        self.run(asyncio.sleep(_GATHERED_S))
        was_idle = not self.waiting
        self.waiting += self.gathering
        self.gathering = 0
        if was_idle and self.waiting:
            self.gate.wait_until_taken()

    @precondition(lambda self: len(self.steps) > 3)
    @rule()
    def close_and_open(self) -> None:
        self.leave()
        assert on_disk(self.folder) == self.now, "all of it is written when the writer closes"
        self.enter()

    @precondition(lambda self: len(self.steps) > 1)
    @rule()
    def crash(self) -> None:
        """The process ends as it is."""
        self.go_on_with(self.copy(), self.acknowledged)

    @precondition(lambda self: self.sent)
    @rule(part=st.sampled_from([0.3, 0.6, 0.9, 1.0]))
    def crash_in_a_commit(self, part: float) -> None:
        """The machine ends when only a part of a commit is on disk."""
        self.end_one(*self.sent[0], "ok")
        self.pass_time()
        log = self.folder / f"{NAME}-wal"
        whole, least = log.stat().st_size if log.exists() else 0, self.acknowledged
        self.gate.let()
        copy = self.copy()
        size = (copy / log.name).stat().st_size
        os.truncate(copy / log.name, whole + int(part * (size - whole)))
        self.go_on_with(copy, least)

    def copy(self) -> Path:
        """What is on disk now."""
        copy = self._new_folder()
        for path in (self.folder / NAME, self.folder / f"{NAME}-wal"):
            if path.exists():  # there is no log before the first commit
                shutil.copyfile(path, copy / path.name)
        return copy

    def go_on_with(self, copy: Path, least: int) -> None:
        """Leave the process, and start another on what it left; at least so many steps have to be in it."""
        states = [self.model(count) for count in range(least, len(self.steps) + 1)]
        self.leave()
        self.folder = copy
        assert on_disk(copy) in states, "what was acknowledged, and nothing by halves"
        self.enter()

    def leave(self) -> None:
        self.gate.open()
        self.run(self.close())
        for task in self.tasks:
            task.cancel()
        self.run(asyncio.sleep(0))
        assert self.failures == []

    async def close(self) -> None:
        closing = asyncio.create_task(self.writer.close())
        while not closing.done():  # noqa: ASYNC110 - a timer is what keeps this loop from giving up
            await asyncio.sleep(_GATHERED_S)

    def enter(self) -> None:
        journal = JournalFile.open(self.folder)
        attempts, results = on_disk(self.folder)
        assert "sent" not in attempts.values(), "an attempt that nobody saw the end of is unknown"
        self.before = (attempts, results)
        self.start(journal)

    def teardown(self) -> None:
        try:
            self.leave()
        finally:
            self.loop.close()
            shutil.rmtree(self.home)


def on_disk(folder: Path) -> State:
    """What the journal holds, whether a process works on it or not."""
    with closing(sqlite3.connect(f"{(folder / NAME).as_uri()}?mode=ro", uri=True)) as db:
        attempts = {(job, number): state for job, number, state in db.execute(_ATTEMPTS)}
        return attempts, {job: (state, text) for job, state, text in db.execute(_RESULTS)}


_ATTEMPTS = "SELECT job, attempt, state FROM attempts"
_RESULTS = "SELECT job, state, text FROM results"

TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=30, stateful_step_count=50)
