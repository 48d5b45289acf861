"""Two kept runs of any number of rows, written as runs are: rows that changed in ways that are known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import Verdict

__all__ = ["free", "generated", "per_token", "write_run", "write_two"]

_GROUP = 5_000


def free(_model: str, _tokens: tuple[int, ...], _provider: str | None) -> None:
    """No price is known."""


def per_token(model: str, tokens: tuple[int, ...], _provider: str | None) -> float | None:
    """A micro-dollar for a token in, two for one out; nothing is known of the model `unpriced`."""
    return None if model == "unpriced" else (tokens[0] + 2 * tokens[1]) / 1e6


def write_run(folder: Path, rows: Iterable[ResultRow], **facts: Any) -> Path:
    """A folder with a journal of these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = JournalFile.create(folder, {"models": json.dumps({"a1f2": "m-small"}), **facts})
    left = iter(rows)
    while some := list(islice(left, _GROUP)):
        journal.write(Group(results=some))
    journal.close()
    return folder


def generated(count: int, seed: int, *, shuffled: bool = False) -> Iterator[ResultRow]:
    """Rows of an arithmetic run: `seed` decides what is wrong, failed, and said otherwise."""
    chance = random.Random(seed)
    jobs = list(range(count))
    if shuffled:
        random.Random(7).shuffle(jobs)
    for place, job in enumerate(jobs):
        ended = chance.random()
        spaced = 0.5 < ended < 0.53
        text = f'{{"expression": "{job} + {job}", "result": {2 * job if ended > 0.06 else 2 * job + 1}}}'
        if spaced:
            text = f"Sure! The result is {2 * job}: {text}"
        state = "failed" if ended < 0.02 else "done"
        yield ResultRow(
            place,
            f"add-{job:07}",
            state,
            text=text if state == "done" else None,
            expected=str(2 * job),
            verdict=Verdict.UNSCORED
            if state == "failed"
            else Verdict.NOT_EQUAL
            if ended < 0.06
            else Verdict.RIGHT,
            key="a1f2",
            attempts=1,
            ttft_s=0.2 + 0.1 * ended,
            latency_s=0.5 + chance.expovariate(2),
            input_tokens=54,
            output_tokens=15 + job % 7 + (seed if ended > 0.5 else 0),
            error=None if state == "done" else "500 server error",
            model="m-small",
        )


def write_two(folder: Path, count: int, *, shuffled: bool = False) -> tuple[Path, Path]:
    """Two runs of the same prompts; `shuffled` puts those of the second in another order."""
    a = write_run(folder / "a", generated(count, 1), title="small")
    b = write_run(folder / "b", generated(count, 2, shuffled=shuffled), title="large")
    return a, b
