"""The functions that every job, chunk or picture goes through, called between marks that callgrind sees.

`python -m tests.benchmarks.hot_functions` prints, in JSON, what is measured in the order of its marks: a name
and how often it was called. `tests.benchmarks.instructions` runs it under valgrind. A mark is a call of the
function `getloadavg` of the C library, which nothing else here calls.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model import events
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.session import LocalSession
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.llms.wire.chat import ChatReader
from llmdash.prompts.verdict import Verdict
from tests.benchmarks.floor import answered_at_once
from tests.benchmarks.viewers import WATCHED
from tests.engine.pools import Clock, choose, pool_of

__all__ = ["NAMES"]

_TIMES = 100
_ROWS = 256
_JOBS = 200
NAMES = (
    *("parse a chunk", "parse an answer", "admit by the limiter", "choose a key"),
    *("the events of a job in the store", "the journal rows of a job", "settle a job", "a frame"),
)
"""All that is measured."""
_CHUNK = (
    b'data: {"id":"chatcmpl-c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
_ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"{\\"expression\\": \\"1 + 1\\", \\"result\\": 2}"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":15,"total_tokens":65}}'
)

Measured = tuple[str, int]
"""A name, and how often it was called between two marks."""


def _mark() -> None:
    os.getloadavg()


def _called(name: str, once: Callable[[], object], times: int = _TIMES, calls: int = 1) -> Measured:
    """Call it some times to have it warm, then between marks; each stands for `calls` of what is measured."""
    for _ in range(times // 4 + 1):
        once()
    _mark()
    for _ in range(times):
        once()
    _mark()
    return name, times * calls


def _parsing() -> Iterator[Measured]:
    reader = ChatReader({}, str)
    yield _called("parse a chunk", lambda: list(reader.feed(_CHUNK, 1.0)))

    def whole() -> None:
        one = ChatReader({}, str)
        list(one.feed(_ANSWER, 1.0))
        list(one.close(1.0))

    yield _called("parse an answer", whole)


async def _admitting() -> Measured:
    limiter = RateLimiter(1e9)

    async def once() -> None:
        await limiter.acquire()
        (await limiter.depart()).left()

    for _ in range(_TIMES):
        await once()
    _mark()
    for _ in range(_TIMES):
        await once()
    _mark()
    return "admit by the limiter", _TIMES


def _choosing() -> Measured:
    pool = pool_of(8, Clock())
    return _called("choose a key", lambda: choose(pool))


def _row(job: int) -> ResultRow:
    return ResultRow(
        *(
            job,
            f"row-{job}",
            "done",
            '{"result": 2}',
            "2",
            Verdict.RIGHT,
            "key-1",
            1,
            0.1,
            0.5,
            50,
            15,
            False,
        ),
        *("stop", None, "nowhere", "m"),
    )


def _storing() -> Measured:
    jobs = count()
    clock, size = Clock(), 10 * _TIMES
    store = Store(JobColumns(size, range(size)), clock)

    def once() -> None:
        job, now = next(jobs), clock()
        store.apply(events.Taken(job, now, fresh=True))
        store.apply(events.Sent(job, "key-1", 1, now))
        store.apply(events.ChunksReceived(job, ["an", " answer"], [now, now]))
        store.apply(events.AttemptEnded(job, now))
        store.apply(events.Saved(_row(job)))
        clock.time += 0.001

    return _called("the events of a job in the store", once)


def _writing(folder: Path) -> Measured:
    journal, jobs = JournalFile.create(folder, {"name": "hot"}), count()

    def once() -> None:
        numbers = [next(jobs) for _ in range(_ROWS)]
        sent = [AttemptRecord(job, 1, "key-1", "sent", 1.5) for job in numbers]
        journal.write(Group(attempts=sent))
        ended = [AttemptRecord(job, 1, "key-1", "ok", 1.5) for job in numbers]
        journal.write(Group(attempts=ended, results=[_row(job) for job in numbers]))

    try:
        return _called("the journal rows of a job", once, 4, _ROWS)
    finally:
        journal.close()


def _running(folder: Path) -> Iterator[Measured]:
    """A run whose attempts are answered at once: a mark before and after each job that it settles."""
    answered, settled = Settlement.answered, count()

    def marked(*given: Any) -> None:
        _mark()
        answered(*given)
        _mark()
        next(settled)

    Settlement.answered = marked  # type: ignore[method-assign, assignment]
    session = LocalSession(answered_at_once(_JOBS, folder))
    session.start()
    session.join()
    if session.crash is not None:
        raise session.crash
    for _ in range(next(settled)):
        yield "settle a job", 1
    yield _called("a frame", lambda: session.frame(WATCHED), 20)


def main() -> None:
    """Call everything, in the order of NAMES."""
    gc.disable()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        measured = [
            *_parsing(),
            asyncio.run(_admitting()),
            _choosing(),
            _storing(),
            _writing(folder),
            *_running(folder / "run"),
        ]
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
