"""Every row of the cases is held by a test, and the tables say what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases.marks import marked_rows
from tests.cases.outcomes import Outcome
from tests.cases.rows import ROWS, TABLES, Row
from tests.cases.tables import table_lines

_TESTS = Path(__file__).parents[1]
_THREE = """
import pytest

@pytest.mark.case("wire", "odd-finish")
@pytest.mark.case("engine", "key sum")
def test_right():
    pass

@pytest.mark.case("wire", "odd-finish")
@pytest.mark.parametrize("number", [1, 2])
def test_half(number):
    assert number == 1

@pytest.mark.case("files", "gz")
@pytest.mark.skip
def test_skipped():
    pass

def test_of_no_row():
    assert False
"""


def test_every_marker_names_a_row_and_every_row_is_held_by_a_test() -> None:
    marked = marked_rows(_TESTS)
    assert {row: places for row, places in marked.items() if row not in ROWS} == {}
    assert sorted(set(ROWS) - marked.keys()) == []


def test_a_row_is_named_once_and_says_what_is_right_in_a_line() -> None:
    assert len(set(ROWS)) == len(ROWS)
    sentences = [
        right for sections in TABLES.values() for rows in sections.values() for right in rows.values()
    ]
    assert [each for each in sentences if not 10 < len(each) < 100 or "\n" in each] == []


def test_a_marker_is_found_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "test_it.py").write_text(_THREE)
    marked = marked_rows(tmp_path)
    assert marked[Row("wire", "odd-finish")] == ["deep/test_it.py:4", "deep/test_it.py:9"]
    assert marked.keys() == {Row("wire", "odd-finish"), Row("engine", "key sum"), Row("files", "gz")}


def test_a_marker_that_is_not_written_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("mark = pytest.mark.case(*names)\n")
    with pytest.raises(ValueError, match=r"test_it\.py:1"):
        marked_rows(tmp_path)


def test_a_row_passes_if_some_of_its_tests_passed_and_none_failed() -> None:
    assert Outcome(passed={"a"}, skipped={"b"}).word == "pass"
    assert Outcome(passed={"a"}, failed={"a"}).word == "FAIL"
    assert Outcome(skipped={"b"}).word == "skipped"
    assert Outcome().word == "no test"


def test_the_tables_have_every_row_and_the_tests_that_failed() -> None:
    failed = Outcome(passed={"t.py::a"}, failed={f"t.py::{number}" for number in range(9)})
    lines = list(table_lines({ROWS[0]: failed, ROWS[1]: Outcome(passed={"t.py::a"})}))
    assert lines[0] == "wire: A. Done means an answer"
    assert lines[1].split()[:3] == ["FAIL", "10", "odd-finish"]
    assert [line.strip() for line in lines[2:5]] == ["t.py::0", "t.py::1", "t.py::2"]
    assert lines[5].split()[:3] == ["pass", "1", "error-finish-plain"]
    assert lines[-1] == f"1 of {len(ROWS)} rows pass, 1 FAIL, {len(ROWS) - 2} no test"
    assert all(any(row.name in line for line in lines) for row in ROWS)


def _cases(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = case\n")
    command = [sys.executable, "-m", "tests.cases", "-c", str(folder / "pytest.ini"), str(folder), *arguments]
    # Options meant for the tests this one is among, such as --cov, would take them apart.
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(command, cwd=_TESTS.parent, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_tests_of_rows_are_run_and_the_tables_printed(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(_THREE)
    done = _cases(tmp_path, "-n", workers)
    rows = {words[2]: words[:2] for line in done.stdout.splitlines() if len(words := line.split()) > 2}
    assert rows["odd-finish"] == ["FAIL", "3"]
    assert "test_it.py::test_half[2]" in done.stdout
    assert rows["key"] == ["pass", "1"]
    assert rows["gz"] == ["skipped", "0"]
    assert done.returncode == 1
    assert "test_of_no_row" not in done.stdout + done.stderr


def test_tests_that_cannot_be_collected_are_named(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import nothing_of_this_name\n")
    done = _cases(tmp_path, "-n", "0")
    assert "not all tests ran: test_it.py" in done.stdout
    assert done.returncode == 1
