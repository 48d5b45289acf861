"""What the doctor says of a run's input: the same, changed, gone, or no longer to be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.doctor.findings import Finding, Level
from llmdash.launch.doctor import RunUnderCheck
from llmdash.prompts.readers import open_source
from tests.doctor.damage import make_run, sql


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run over the 40 lines of `p.txt`."""
    path = tmp_path / "p.txt"
    path.write_text("".join(f"What is {number} + 1?\n" for number in range(40)))
    folder = make_run(tmp_path / "run")
    source = open_source(path)
    facts = {"path": f"'{path}'", "fingerprint": f"'{source.fingerprint}'", "seed": "NULL", "limit": "NULL"}
    for name, value in facts.items():
        sql(folder, f"UPDATE run SET value = {value} WHERE name = '{name}'")  # noqa: S608 - our own names
    return folder


def of_input(folder: Path) -> Finding:
    (found,) = [finding for finding in RunUnderCheck(folder).check().findings if finding.what == "input"]
    return found


def test_input_that_is_still_there_is_told_with_its_jobs(folder: Path) -> None:
    found = of_input(folder)
    assert found.level is Level.OK
    assert "p.txt, 40 jobs, unchanged" in found.text


def test_input_that_changed_or_is_gone_is_a_problem_while_jobs_are_pending(folder: Path) -> None:
    path = folder.parent / "p.txt"
    text = path.read_text()
    path.write_text(text.replace("7 + 1", "8 + 1"))
    assert of_input(folder).level is Level.PROBLEM
    assert "not what the run was begun with" in of_input(folder).text
    path.unlink()
    assert of_input(folder).level is Level.PROBLEM
    assert "p.txt" in of_input(folder).text
    path.write_text(text)
    assert of_input(folder).level is Level.OK


def test_input_that_is_gone_is_but_a_warning_once_every_job_has_ended(folder: Path) -> None:
    columns = "id, state, text, verdict, attempts"
    for job in range(26, 39):
        sql(folder, f"INSERT INTO results (job, {columns}) VALUES ({job}, 'x', 'cancelled', NULL, 0, 0)")  # noqa: S608
    (folder.parent / "p.txt").unlink()
    assert of_input(folder).level is Level.WARNING


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", "'/dev'"),
        ("path", "'a' || char(0) || 'b'"),
        ("path", "''"),
        ("path", "NULL"),
        ("path", "7"),
        ("limit", "'x'"),
        ("limit", "3"),
        ("seed", "99999999999999"),
    ],
)
def test_damaged_facts_of_the_input_are_told_and_break_nothing(folder: Path, name: str, value: str) -> None:
    sql(folder, f"UPDATE run SET value = {value} WHERE name = '{name}'")  # noqa: S608 - our own names
    assert of_input(folder).level is Level.PROBLEM
    done, after = RunUnderCheck(folder).repair()
    assert done == []
    assert not after.sound


def test_a_simulator_that_cannot_be_had_again_is_told(folder: Path) -> None:
    sql(folder, """INSERT INTO run VALUES ('simulator', '{"keys": 3}')""")
    told = [
        finding.text for finding in RunUnderCheck(folder).check().findings if finding.level is Level.PROBLEM
    ]
    assert told == ["the simulator settings of this run are damaged"]
