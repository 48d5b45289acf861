"""What earlier runs tell of a model: how long its answers are, and how long they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.runs.catalogue import run_folders

__all__ = ["EarlierAnswers", "earlier_answers"]

_LOOKED_AT, _USED = 50, 5
"""The newest runs that are looked at, and those of the model that count."""
_ROWS = 20_000
"""Answers of one run that are read; they are spread over it."""


class EarlierAnswers(NamedTuple):
    """Output tokens of an answer: mean and 95th percentile; seconds that one takes."""

    answers: int
    runs: int
    mean: float
    p95: float
    latency_s: float


def earlier_answers(model: str) -> EarlierAnswers | None:
    """Return what the newest runs tell of the answers of `model`; None if there are none. Runs of a simulator
    do not count, and those whose journal cannot be read.
    """
    lengths, runs = LogHistogram(), 0
    tokens: list[int] = []
    seconds: list[float] = []
    for found in islice(filter(None, _of_runs(model)), _USED):
        runs += 1
        tokens += [said for said, _ in found]
        seconds += [taken for _, taken in found]
    if not tokens:
        return None
    for said in tokens:
        lengths.add(said)
    p95 = lengths.percentile(0.95) or 0.0
    return EarlierAnswers(len(tokens), runs, fmean(tokens), max(fmean(tokens), p95), fmean(seconds))


def _of_runs(model: str) -> Iterator[list[tuple[int, float]]]:
    for folder in islice(run_folders(), _LOOKED_AT):
        yield _of_run(folder, model)


def _of_run(folder: Path, model: str) -> list[tuple[int, float]]:
    try:
        reader = JournalReader(folder)
        facts = reader.facts()
        if facts.get("simulator") or model not in json.loads(facts.get("models") or "{}").values():
            return []
        jobs = facts.get("jobs")
        return reader.answer_lengths(model, max(1, jobs // _ROWS) if isinstance(jobs, int) else 1)
    except (JournalError, ValueError, AttributeError):
        return []
