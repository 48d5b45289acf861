"""`llmdash runs compare` from outside: the totals in three forms, rows as files, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmdash.cli import main
from llmdash.engine.journal.file import NAME
from tests.cli.command import environment
from tests.cli.terminal import Terminal
from tests.runs.two_runs import write_two


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the runs `a` and `b`, in which the command is started."""
    write_two(tmp_path, 400)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["runs", "compare", *arguments])


def test_without_a_terminal_the_totals_are_text(runs: Path) -> None:
    done = run("a", "b")
    assert done.exit_code == 0
    assert "400 prompts in both" in done.stdout
    assert "right → wrong" in done.stdout
    assert done.stdout == run("a", "b", "--plain").stdout


def test_json_is_one_object_and_with_changes_a_line_for_each_row(runs: Path) -> None:
    whole = json.loads(run("a", "b", "--json").stdout)
    lines = [
        json.loads(line) for line in run("a", "b", "--json", "--changes", "right-wrong").stdout.splitlines()
    ]
    assert lines[-1] == whole
    assert len(lines) - 1 == whole["changes"]["right-wrong"]
    assert all(line["change"] == "right-wrong" for line in lines[:-1])
    assert (lines[0]["a_correct"], lines[0]["b_correct"]) == (True, False)


def test_markdown_is_two_tables(runs: Path) -> None:
    done = run("a", "b", "--markdown")
    assert "| right | " in done.stdout
    assert "| wrong → right | " in done.stdout


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl"])
def test_rows_are_written_side_by_side_with_their_texts(runs: Path, name: str) -> None:
    done = run("a", "b", "--out", name, "--changes", "text-differs", "--changes", "done-failed")
    assert done.exit_code == 0, done.stderr
    rows = rows_of(runs / name)
    assert {row["change"] for row in rows} == {"text-differs", "done-failed"}
    assert f"{len(rows)} rows written to {name}" in done.stderr
    lost = next(row for row in rows if row["change"] == "done-failed")
    assert "expression" in lost["a_text"]
    assert not lost["b_text"]
    assert all(len(str(row["a_latency_s"]).partition(".")[2]) <= 6 for row in rows)  # as all exports have it


def rows_of(path: Path) -> Sequence[dict[str, str]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize(
    ("arguments", "word", "code"),
    [
        (["a", "nowhere"], "no such run", 2),
        (["a", "b", "--json", "--markdown"], "exclude", 2),
        (["a", "b", "--out", "rows.doc"], "the end of its name decides", 2),
        (["a", "b", "--out", "nowhere/rows.csv"], "folder does not exist", 7),
        (["a", "b", "--out", "taken.csv"], "--overwrite", 2),
        (["a", "b", "--changes", "sideways"], "right-wrong", 2),
        (["a"], "Missing argument", 2),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_read(
    runs: Path, arguments: Sequence[str], word: str, code: int
) -> None:
    (runs / "taken.csv").write_text("mine")
    done = run(*arguments)
    assert done.exit_code == code
    assert word in done.stderr
    assert (runs / "taken.csv").read_text() == "mine"


def test_a_file_that_is_in_the_way_can_be_replaced(runs: Path) -> None:
    (runs / "taken.csv").write_text("mine")
    assert run("a", "b", "--out", "taken.csv", "--overwrite").exit_code == 0
    assert "mine" not in (runs / "taken.csv").read_text()


def test_a_damaged_journal_is_one_line_with_the_fix(runs: Path) -> None:
    (runs / "b" / NAME).write_bytes(b"nothing of the kind" * 500)
    done = run("a", "b")
    assert done.exit_code == 2
    assert "llmdash doctor" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_on_a_terminal_it_is_a_screen_until_it_is_left(tmp_path: Path) -> None:
    write_two(tmp_path, 400)
    with Terminal("runs", "compare", "a", "b", cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for("✓ compared")
        terminal.wait_for("400 prompts in both")
        terminal.keys("1")
        terminal.wait_for("0 All changes")
        terminal.keys("e")
        terminal.wait_for("rows in comparison.csv")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_clean
    assert {row["change"] for row in rows_of(tmp_path / "comparison.csv")} == {"right-wrong"}
