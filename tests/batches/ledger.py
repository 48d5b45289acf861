"""The accounts of both sides: what the journal of a run says, and what the provider has executed."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Ledger", "ledger_of"]

_ANNOUNCED = ("unknown", "cut", "failed")
"""States of attempts that may have been executed without a result that counts."""


@dataclass
class Ledger:
    """What is wrong, and what is not: `problems` in words; `announced` are executions beyond the first of a
    job that the journal has as attempts without a known outcome; `unclear` are such attempts in batches, of
    which there are none where the provider says what it has done.
    """

    jobs: int
    problems: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    executed: int = 0
    live: int = 0
    announced: int = 0
    announced_in_batches: int = 0
    unknown: int = 0
    files_left: int = 0


def ledger_of(
    folder: Path,
    prompts: list[str],
    executions: Mapping[str, Any],
    held: Mapping[str, Any],
    foreign: Collection[str] = (),
) -> Ledger:
    """Compare a run that has ended with the executions and the batches that the simulator tells of, without
    those that are `foreign`.
    """
    ledger = Ledger(len(prompts))
    with closing(sqlite3.connect(f"{(folder / 'kept' / 'journal.sqlite').as_uri()}?mode=ro", uri=True)) as db:
        attempts = db.execute("SELECT job, attempt, state, batch FROM attempts").fetchall()
        results = dict(db.execute("SELECT job, state FROM results").fetchall())
        batches = db.execute("SELECT batch, state, provider_id, jobs FROM batches").fetchall()
    ledger.problems += _results(folder, prompts, results)
    ledger.problems += _executions(ledger, prompts, attempts, executions)
    ledger.problems += _batches(batches, held, foreign)
    ledger.files_left = sum(each["purpose"] == "batch" for each in held["files"])
    return ledger


def _results(folder: Path, prompts: list[str], results: Mapping[int, str]) -> Iterator[str]:
    lost = [job for job in range(len(prompts)) if results.get(job) != "done"]
    if lost:
        yield f"{len(lost)} jobs lost: {lost[:5]}"
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    counts = Counter(line["index"] for line in lines)
    if doubled := [job for job, count in counts.items() if count > 1]:
        yield f"{len(doubled)} results doubled in the file: {doubled[:5]}"
    if len(counts) != len(prompts):
        yield f"{len(counts)} results in the file, not {len(prompts)}"
    if wrong := [line["index"] for line in lines if not line["correct"]]:
        yield f"{len(wrong)} results are not of their prompt: {wrong[:5]}"


def _executions(
    ledger: Ledger, prompts: list[str], attempts: list[tuple[Any, ...]], executions: Mapping[str, Any]
) -> Iterator[str]:
    ok: Counter[int] = Counter(job for job, _, state, _ in attempts if state == "ok")
    maybe: Counter[int] = Counter(job for job, _, state, _ in attempts if state in _ANNOUNCED)
    in_batch: Counter[int] = Counter(job for job, _, state, batch in attempts if state == "unknown" and batch)
    left = Counter(state for _, _, state, _ in attempts if state in ("sent", "batched"))
    ledger.unknown = sum(state == "unknown" for _, _, state, _ in attempts)
    if in_batch:
        ledger.unclear.append(f"{in_batch.total()} attempts in batches without an outcome: {[*in_batch][:5]}")
    if left:
        yield f"attempts without an outcome: {dict(left)}"
    for job, prompt in enumerate(prompts):
        counts = executions["prompts"].get(prompt, {"live": 0, "batch": 0})
        executed = sum(counts.values())
        ledger.executed += executed
        ledger.live += counts["live"]
        if ok[job] != 1:
            yield f"job {job}: {ok[job]} attempts with an answer"
        if executed > 1:
            ledger.announced += executed - 1
            ledger.announced_in_batches += min(in_batch[job], executed - 1)
        if executed > ok[job] + maybe[job]:
            yield f"job {job} was executed {executed} times ({counts}), announced are {maybe[job]}"
        if not executed:
            yield f"job {job} was never executed"


def _batches(
    batches: list[tuple[Any, ...]], held: Mapping[str, Any], foreign: Collection[str]
) -> Iterator[str]:
    known = {provider_id for _, _, provider_id, _ in batches}
    for batch, state, provider_id, _ in batches:
        if state not in ("closed", "dropped"):
            yield f"batch {batch} is left {state} ({provider_id})"
    for each in held["batches"]:
        if each["id"] not in known and each["id"] not in foreign:
            yield f"{each['id']} is with the provider, and in no journal"
