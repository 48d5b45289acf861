"""Results of a format that cannot grow: the file is there, whole, once the run says that it has ended."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.records import ResultRow
from llmdash.reports.export import ExportError
from llmdash.reports.export.at_end import ResultsAtEnd

DONE = ResultRow(0, "a", "done")


def test_the_file_is_written_when_it_is_completed_and_again_only_if_there_is_more(tmp_path: Path) -> None:
    written: list[int] = []
    results = ResultsAtEnd(tmp_path / "r.csv", lambda: written.append(1))
    results.open()
    results.append([DONE])
    assert not written
    results.complete()
    results.complete()
    results.append([])
    assert (written, results.is_complete, results.problem) == ([1], True, None)
    results.append([DONE])
    assert not results.is_complete
    results.complete()
    results.close()
    assert (written, results.is_complete) == ([1, 1], True)


def test_what_keeps_the_file_from_being_written_is_a_problem_until_it_passes(tmp_path: Path) -> None:
    troubles: list[Exception] = [JournalError("nothing to read"), ExportError("r.csv: no room")]

    def write() -> None:
        if troubles:
            raise troubles.pop()

    results = ResultsAtEnd(tmp_path / "r.csv", write)
    for problem in ("r.csv: no room", "nothing to read"):
        results.complete()
        assert (results.problem, results.is_complete) == (problem, False)
    results.complete()
    assert (results.problem, results.is_complete) == (None, True)
