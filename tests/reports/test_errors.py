"""Why jobs failed, from the journal of a run that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.frame import ErrorClass, ErrorGroup
from llmdash.engine.model.records import ResultRow
from llmdash.reports.errors import ErrorKind, error_kinds, error_lines, failed_by_kind

GROUP = ErrorGroup("wait *", 3, (1,), 7, kind=ErrorClass.THROTTLED, status=429, code="slow_down")


def kept(folder: Path, *rows: ResultRow) -> Path:
    """A run with these results."""
    journal = JournalFile.create(folder, {})
    journal.write(Group(results=list(rows)))
    journal.close()
    return folder


@pytest.mark.case("files", "headless-reason")
def test_the_group_tells_class_status_and_code_and_the_journal_an_example(tmp_path: Path) -> None:
    folder = kept(tmp_path, ResultRow(1, "row-1", "failed", error="429 wait 3 s", attempts=2))
    assert error_kinds([GROUP], folder) == (
        ErrorKind(3, "429 wait 3 s", "row-1", "throttled", 429, "slow_down", 7),
    )


@pytest.mark.parametrize("has_journal", [True, False])
def test_without_a_record_the_group_speaks_for_itself(tmp_path: Path, has_journal: bool) -> None:
    folder = kept(tmp_path) if has_journal else tmp_path
    assert error_kinds([GROUP], folder) == (ErrorKind(3, "429 wait *", "", "throttled", 429, "slow_down", 7),)


@pytest.mark.case("engine", "attempts-hidden")
def test_tries_that_were_made_good_are_reported_but_are_no_failed_jobs() -> None:
    kinds = (ErrorKind(2, "500 boom", "", "server", 500, tries=9), ErrorKind(0, "429 no", tries=1))
    assert list(error_lines(kinds)) == [
        "errors   2 jobs: server: 500 boom (9 tries)",
        "         1 try, no job failed: 429 no",
    ]
    assert failed_by_kind(kinds) == {"server": 2}
