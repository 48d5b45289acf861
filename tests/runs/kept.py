"""Kept runs for tests: journals as a run leaves them, in a data folder of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.totals import totals_facts
from llmdash.engine.model.frame import RunPart, Score
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import RunState

__all__ = ["FACTS", "ended", "keep", "totals"]

FACTS = {
    "jobs": 4,
    "fingerprint": "f" * 64,
    "name": "sums",
    "models": json.dumps({"a": "gpt-x", "b": "gpt-x"}),
    "endpoint": "here",
    "begun_at": "2026-01-02T03:04:05+00:00",
}
AT = 1767323105.0
"""When the runs ended, in Unix seconds."""


def ended(job: int, state: str = "done", **more: Any) -> ResultRow:
    """The result of a job; a done one is right."""
    verdict = 1 if state == "done" else 0
    return ResultRow(job, f"job-{job}", state, f"answer {job}", verdict=verdict, attempts=1, **more)


def totals(state: RunState = RunState.DONE, **more: Any) -> dict[str, str]:
    """The fact of totals: of four jobs, three done and right, one failed."""
    known = {"jobs": 4, "done": 3, "failed": 1, "score": Score(2, 1), "cost": 0.5, "attempts": 5}
    return totals_facts(RunPart(state=state, elapsed_s=12.5, **{**known, **more}), AT)


def keep(
    name: str = "20260102-030405-sums",
    facts: Mapping[str, Any] = FACTS,
    results: Sequence[ResultRow] = (),
    at: Path | None = None,
) -> Path:
    """Make a run in the data folder, or `at` another, and return its folder."""
    folder = locations.private_dir(at or locations.runs_dir() / name)
    journal = JournalFile.create(folder, facts)
    attempts = [AttemptRecord(row.job, 1, "a", "ok", AT) for row in results]
    journal.write(Group(attempts, list(results)))
    journal.close()
    return folder
