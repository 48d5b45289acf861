"""Why jobs failed, from the journal of a run that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.frame import ErrorGroup
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.reports.errors import ErrorKind, error_kinds

GROUP = ErrorGroup("429 wait #", 3, 1)


def kept(folder: Path, *rows: ResultRow, attempts: tuple[AttemptRecord, ...] = ()) -> Path:
    """A run with these results and attempts."""
    journal = JournalFile.create(folder, {})
    journal.write(Group(attempts=list(attempts), results=list(rows)))
    journal.close()
    return folder


@pytest.mark.case("files", "headless-reason")
def test_the_last_attempt_of_the_example_tells_class_status_and_code(tmp_path: Path) -> None:
    first = AttemptRecord(1, 1, "key", "failed", 0.0, failure="transient", status=503)
    last = AttemptRecord(1, 2, "key", "failed", 1.0, failure="throttle", status=429, code="slow_down")
    failed = ResultRow(1, "row-1", "failed", error="429 wait 3 s", attempts=2)
    folder = kept(tmp_path, failed, attempts=(first, last))
    assert error_kinds([GROUP], folder) == (
        ErrorKind(3, "429 wait 3 s", "row-1", "throttle", 429, "slow_down"),
    )


def test_a_job_that_was_never_sent_has_no_class(tmp_path: Path) -> None:
    folder = kept(tmp_path, ResultRow(1, "row-1", "failed", error="p.txt:2: changed"))
    assert error_kinds([GROUP], folder) == (ErrorKind(3, "p.txt:2: changed", "row-1"),)


def test_an_invalid_answer_has_a_class_of_its_own(tmp_path: Path) -> None:
    answered = AttemptRecord(1, 1, "key", "ok", 0.0)
    folder = kept(tmp_path, ResultRow(1, "row-1", "invalid", text="{}", error="no x"), attempts=(answered,))
    assert error_kinds([GROUP], folder) == (ErrorKind(3, "no x", "row-1", "invalid"),)


@pytest.mark.parametrize("has_journal", [True, False])
def test_without_a_record_the_group_speaks_for_itself(tmp_path: Path, has_journal: bool) -> None:
    folder = kept(tmp_path) if has_journal else tmp_path
    assert error_kinds([GROUP], folder) == (ErrorKind(3, "429 wait #"),)
