"""`llmdash runs`: kept runs listed, shown, exported, named, tagged, deleted and pruned."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmdash import locations
from llmdash.cli import main
from llmdash.crash import crash_report
from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.states import RunState
from llmdash.runs.catalogue import kept_runs
from tests.cli.command import Ended, environment
from tests.cli.terminal import Terminal
from tests.full_disk import namespace
from tests.runs.kept import FACTS, ended, keep, totals

HOSTILE = "a\x1b]52;c;x\x07\u202eb\u2066\x9b31m"
KEYS = ["run", "name", "state", "jobs", "done", "failed", "started", "model", "cost", "dir"]


@pytest.fixture(autouse=True)
def _data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def runs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["runs", *map(str, arguments)])


def said(*arguments: object) -> str:
    """What a command says that succeeds."""
    result = runs(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def records(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said("--json", *arguments).splitlines()]


def some_runs() -> list[Path]:
    """Five runs: done, failed, stopped, died, damaged; the last one is the newest."""
    done = keep("20260101-000000-a", {**FACTS, **totals(failed=0, done=4)}, [*map(ended, range(4))])
    failed = keep("20260102-000000-b", {**FACTS, **totals()}, [*map(ended, range(3)), ended(3, "failed")])
    stopped = keep("20260103-000000-c", {**FACTS, **totals(RunState.STOPPED, done=1, failed=0)})
    died = keep("20260104-000000-d", {**FACTS, **totals(RunState.RUNNING, done=1, failed=0)})
    damaged = keep("20260105-000000-e")
    (damaged / NAME).write_bytes(b"\xff" * 5000)
    return [done, failed, stopped, died, damaged]


def test_json_has_an_object_a_line_with_the_names_that_scripts_rely_on() -> None:
    folders = some_runs()
    found = records()
    assert [list(each)[: len(KEYS)] for each in found] == [KEYS] * 5
    assert [each["state"] for each in found] == ["damaged", "died", "stopped", "failed", "done"]
    assert [each["dir"] for each in found] == [str(folder) for folder in reversed(folders)]
    failed = found[3]
    assert {name: failed[name] for name in KEYS[:6]} == {
        "run": "20260102-000000-b",
        "name": "sums",
        "state": "failed",
        "jobs": 4,
        "done": 3,
        "failed": 1,
    }
    assert (failed["model"], failed["cost"], failed["accuracy"]) == ("gpt-x", 0.5, 2 / 3)
    assert failed["started"].startswith("2026-01-02T")
    assert (found[0]["jobs"], found[0]["done"], found[0]["fix"]) == (
        None,
        None,
        f"llmdash doctor {folders[4]}",
    )


def test_the_table_is_for_people_and_names_the_doctor_for_what_is_damaged() -> None:
    folders = some_runs()
    title, *rows, damage = said().splitlines()
    assert title.split() == [
        "name",
        "when",
        "state",
        "jobs",
        "done",
        "failed",
        "right",
        "cost",
        "model",
        "folder",
    ]
    assert len(rows) == 5
    assert f"see: llmdash doctor {folders[4]}" in damage
    assert "$0.50" in rows[3]
    assert "66.7%" in rows[3]


def test_no_runs_yet_is_no_error() -> None:
    result = runs()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No runs yet.\n")
    assert said("--json") == ""


def test_the_list_is_filtered_by_state_and_tag_and_limited() -> None:
    some_runs()
    said("tag", "20260101", "slow", "gpt 4")
    assert [each["run"] for each in records("--state", "died", "--state", "done")] == [
        "20260104-000000-d",
        "20260101-000000-a",
    ]
    assert [each["run"] for each in records("--tag", "slow", "--tag", "gpt 4")] == ["20260101-000000-a"]
    assert [each["run"] for each in records("--limit", 1)] == ["20260105-000000-e"]
    assert runs("--tag", "none").stderr == "No such runs.\n"
    assert runs("--all", "--limit", 2).exit_code == 2
    assert runs("--state", "broken").exit_code == 2


def test_the_newest_are_listed_unless_all_are_wanted() -> None:
    for number in range(25):
        keep(f"20260101-0000{number:02}-x")
    result = runs()
    assert len(result.stdout.splitlines()) == 21
    assert "llmdash runs --all" in result.stderr
    assert len(said("--all").splitlines()) == 26
    assert len(records()) == 25


def test_names_titles_and_tags_control_no_terminal() -> None:
    folder = keep(facts={**FACTS, "name": HOSTILE, "models": json.dumps({"a": HOSTILE}), "endpoint": HOSTILE})
    for _ in range(2):
        for output in (said(), said("show", "last"), said("--json"), said("show", "last", "--json")):
            assert not set(output) & set("\x1b\x07\x9b\u202e\u2066"), ascii(output)
        said("rename", "last", HOSTILE)
        said("tag", "last", HOSTILE)
    assert records()[0]["name"] == HOSTILE
    assert records()[0]["tags"] == [HOSTILE]
    said("tag", "last", HOSTILE, "--remove")
    assert records()[0]["tags"] == []
    assert find_title(folder) == HOSTILE


def find_title(folder: Path) -> Any:
    return JournalReader(folder).facts().get("title")


def test_a_title_names_a_run_and_an_empty_one_takes_it_away() -> None:
    folder = keep()
    said("rename", "last", "  my sums  ")
    assert records()[0]["name"] == "my sums"
    assert said("show", "my sums", "--json")
    said("rename", "my sums", "")
    assert records()[0]["name"] == "sums"
    assert find_title(folder) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("rename", "last", "x" * 201),
        ("tag", "last", ""),
        ("tag", "last", "x" * 201),
        ("tag", "last", *map(str, range(51))),
        ("show", "none"),
        ("tag", "last"),
        ("prune",),
        ("prune", "--keep-bytes", "lots"),
        ("prune", "--older-than", "1 fortnight"),
        ("delete", "last"),
        ("export", "last", "out.docx"),
    ],
)
def test_what_cannot_be_done_is_refused_with_2(arguments: Sequence[str]) -> None:
    keep()
    assert runs(*arguments).exit_code == 2


def test_renaming_and_tagging_leave_a_living_run_and_the_facts_of_its_engine_alone() -> None:
    folder = keep(facts={**FACTS, **totals(RunState.RUNNING)})
    journal, lock = JournalFile.open(folder), RunLock(folder)
    before = JournalReader(folder).facts()
    for number in range(20):
        journal.write(Group(results=[ended(number)]))
        said("rename", "last", f"title {number}")
        said("tag", "last", f"tag {number}")
    after = JournalReader(folder).facts()
    assert after.pop("title") == "title 19"
    assert len(json.loads(after.pop("tags"))) == 20
    assert after == before
    assert len(list(JournalReader(folder).ended())) == 20
    journal.close()
    lock.release()


def test_tags_that_are_damaged_are_written_anew_and_a_damaged_journal_is_named() -> None:
    folder = keep(facts={**FACTS, "tags": "[[["})
    said("tag", "last", "slow")
    assert records()[0]["tags"] == ["slow"]
    (folder / NAME).write_bytes(b"\xff" * 5000)
    result = runs("rename", "last", "x")
    assert result.exit_code == 2
    assert f"llmdash doctor {folder}" in result.stderr


def test_a_journal_that_is_locked_for_long_is_told() -> None:
    folder = keep()
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert runs("rename", "last", "x").exit_code == 7


def test_show_tells_what_is_known_and_how_to_go_on(tmp_path: Path) -> None:
    some_runs()
    shown = said("show", "20260102")
    for words in (
        "failed",
        "4: 3 done, 1 failed",
        "$0.50",
        "--retry-failed",
        "journal.sqlite",
        "gpt-x @ here",
    ):
        assert words in shown, words
    found = json.loads(said("show", "20260102", "--json"))
    assert list(found)[: len(KEYS)] == KEYS
    assert found["keys"] == [
        {
            "label": "a",
            "sent": 4,
            "ok": 4,
            "throttled": 0,
            "errors": 0,
            "unknown": 0,
            "input_tokens": 0,
            "output_tokens": 0,
        }
    ]
    assert found["failures"] == {"other": 1}
    assert "--resume" in said("show", "20260103")
    assert "llmdash doctor" in said("show", "20260105")
    elsewhere = keep(at=tmp_path / "else where")
    assert f"--run-dir '{elsewhere}'" in said("show", elsewhere)
    lock = RunLock(elsewhere)
    assert f"llmdash attach '{elsewhere}'" in said("show", elsewhere)
    assert f"process {os.getpid()}" in said("show", elsewhere)
    lock.release()


def test_the_doctor_takes_the_names_of_runs_as_all_other_commands_do() -> None:
    folder = keep("20260102-000000-b")
    for name in ("last", "20260102", folder):
        result = CliRunner().invoke(main, ["doctor", "--json", str(name)])
        assert json.loads(result.stdout.splitlines()[0])["folder"] == str(folder), result.output
    missing = CliRunner().invoke(main, ["doctor", "none"])
    assert (missing.exit_code, "none: no such run in" in missing.stderr) == (2, True)


def test_show_tells_whether_the_input_is_still_there(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    decided = json.dumps({"temperature": 0.5, "endpoints": [{"name": "here", "target": None}]})
    extra = {"path": str(prompts), "decided": decided, "rate": "5.0", "concurrency": 8, "title": "t"}
    keep(facts={**FACTS, **extra, "tags": '["x"]', "keep": "all", "out": str(tmp_path / "r.jsonl")})
    assert "is not there any more" in said("show", "last")
    prompts.touch()
    found = json.loads(said("show", "last", "--json"))
    assert (found["input_is_there"], found["rate"], found["concurrency"]) == (True, 5.0, 8)
    assert found["settings"] == {"temperature": 0.5, "endpoints": [{"name": "here"}]}
    shown = said("show", "last")
    assert "is not there" not in shown
    assert "r.jsonl" in shown
    assert "endpoints    name here\n" in shown


def test_show_names_no_endpoint_where_a_simulator_stood_in_for_it(tmp_path: Path) -> None:
    decided = json.dumps({"endpoints": [{"name": "theirs", "base_url": "https://api.example.org/v1"}]})
    keep(facts={**FACTS, "decided": decided, "simulator": json.dumps({"seed": 1})})
    assert "example.org" not in said("show", "last")
    assert "endpoints" not in json.loads(said("show", "last", "--json"))["settings"]


@pytest.mark.parametrize("end", ["jsonl", "json", "csv", "tsv", "parquet", "batch.jsonl"])
def test_results_are_exported_at_any_time_without_the_input(tmp_path: Path, end: str) -> None:
    rows = [ended(job, input=json.dumps({"color": f"green {job}"})) for job in range(3)]
    folder = keep(facts={**FACTS, "path": str(tmp_path / "gone.jsonl")}, results=rows)
    out = tmp_path / f"out.{end}"
    lock = RunLock(folder)
    assert said("export", "last", out) == f"3 results written to {out}\n"
    assert b"green 2" in out.read_bytes()
    assert runs("export", "last", out).exit_code == 2
    assert runs("export", "last", out, "--overwrite").exit_code == 0
    lock.release()


def test_an_export_has_what_the_models_thought_only_if_asked(tmp_path: Path) -> None:
    keep(results=[ended(0, reasoning="thought of it")])
    for end in ("jsonl", "csv"):
        said("export", "last", tmp_path / f"a.{end}")
        said("export", "last", tmp_path / f"b.{end}", "--reasoning")
        assert "thought of it" not in (tmp_path / f"a.{end}").read_text()
        assert "thought of it" in (tmp_path / f"b.{end}").read_text()


def test_an_export_replaces_neither_the_prompts_nor_what_a_living_run_writes(tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out.jsonl"
    prompts.write_text("{}")
    folder = keep(facts={**FACTS, "path": str(prompts), "out": str(out)}, results=[ended(0)])
    assert runs("export", "last", prompts, "--overwrite").exit_code == 2
    assert prompts.read_text() == "{}"
    lock = RunLock(folder)
    assert runs("export", "last", out, "--overwrite").exit_code == 2
    lock.release()
    assert runs("export", "last", out).exit_code == 0


def test_deleting_takes_what_is_of_the_run_and_names_what_stays(tmp_path: Path) -> None:
    whole = keep("20260101-000000-a")
    folder = keep(at=tmp_path / "mine")
    ours = ("lock", ".llmdash-abc", f"{NAME}.before-repair-1", "journal.new", ".engine.json.4711")
    for name in ("input.csv", "notes.txt", "engine.json", "engine.token", "crash.txt", *ours):
        (folder / name).write_text("{}")
    (folder / "crash.txt").unlink()
    os.mkfifo(folder / "crash.txt")
    (folder / "sub").mkdir()
    result = said("delete", whole.name, folder, "--yes")
    assert not whole.exists()
    left = ["crash.txt", "engine.json", "engine.token", "input.csv", "notes.txt", "sub"]
    assert sorted(path.name for path in folder.iterdir()) == left
    assert ", ".join(left) in result


def test_what_was_copied_from_standard_input_goes_and_what_an_engine_has_left(tmp_path: Path) -> None:
    folder = keep(at=tmp_path / "mine", facts={**FACTS, "spooled": 1})
    (folder / "input").write_text("why?")
    (folder / "engine.json").write_text('{"pid": 1, "address": "x", "version": 1}')
    (folder / "engine.token").write_text("secret")
    (folder / "crash.txt").write_text(crash_report(ValueError("broken"), str))
    said("delete", folder, "--yes")
    assert not folder.exists()
    inside = keep()
    (inside / "input").write_text("why?")
    said("delete", "last", "--yes")
    assert not inside.exists()


def test_a_living_run_is_never_deleted() -> None:
    folder = keep()
    lock = RunLock(folder)
    result = runs("delete", "last", "--yes")
    assert result.exit_code == 6
    assert f"process {os.getpid()} works on this run" in result.stderr
    assert (folder / NAME).exists()
    lock.release()


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = keep(at=tmp_path / "elsewhere")
    link = locations.private_dir(locations.runs_dir()) / "20260101-000000-link"
    link.symlink_to(elsewhere)
    assert runs("delete", link.name, "--yes").exit_code == 2
    assert (elsewhere / NAME).exists()
    folder, mine = keep(), tmp_path / "mine.txt"
    mine.write_text("precious")
    for name in ("input", f"{NAME}-wal", "journal.sqlite.before-repair-2"):
        (folder / name).symlink_to(mine)
    said("delete", folder.name, "--yes")
    assert mine.read_text() == "precious"
    assert not folder.exists()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, mine = keep(), tmp_path / "mine.txt"
    mine.write_text("precious")
    (folder / "lock").symlink_to(mine)
    assert runs("delete", "last", "--yes").exit_code == 6
    assert mine.read_text() == "precious"


def test_a_run_that_is_half_made_or_damaged_can_be_deleted() -> None:
    half = locations.private_dir(locations.runs_dir() / "20260101-000000-half")
    (half / "lock").touch()
    os.utime(half, (1e9, 1e9))
    damaged = keep("20260102-000000-bad")
    (damaged / NAME).write_bytes(b"no")
    refused = runs("export", half.name, "r.jsonl")
    assert (refused.exit_code, "has no journal" in refused.stderr) == (2, True)
    said("delete", half.name, damaged.name, "--yes")
    assert not half.exists()
    assert not damaged.exists()


def test_what_cannot_be_deleted_is_told_and_the_others_go() -> None:
    first, second = keep("20260101-000000-a"), keep("20260102-000000-b")
    lock = RunLock(first)
    assert runs("delete", first.name, second.name, "--yes").exit_code == 6
    assert (first.exists(), second.exists()) == (True, False)
    lock.release()


@pytest.mark.skipif(namespace() is None, reason="mounting is not allowed here")
def test_a_folder_on_a_read_only_disk_is_listed_shown_and_exported_and_not_deleted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = keep(facts={**FACTS, **totals()}, results=[ended(0)])
    (tmp_path / "data").rename(tmp_path / "kept")
    (home / ".local").mkdir(parents=True)
    (home / ".local" / "share").symlink_to(tmp_path / "kept")
    disk = tmp_path / "kept"
    commands = [
        f"{sys.executable} -m llmdash runs {each}"
        for each in (
            "--json",
            "show last",
            f"export last {tmp_path}/out.jsonl",
            "rename last x",
            "delete last --yes",
        )
    ]
    steps = "; ".join(f"{command}; echo code $?" for command in commands)
    script = f"mount --bind {disk} {disk} && mount -o remount,ro,bind {disk} && {{ {steps}; }}"
    command = [*(namespace() or []), "sh", "-c", script]
    ended_with = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    codes = [line for line in ended_with.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 0", "code 0", "code 0", "code 7", "code 7"], ended_with
    assert (disk / "llmdash" / "runs" / folder.name / NAME).exists()


def pruned(*arguments: object) -> list[str]:
    """The days of the runs that are still there."""
    said("prune", *arguments, "--yes")
    return sorted(entry.id[6:8] for entry in kept_runs())


def test_pruning_takes_the_oldest_finished_runs_first() -> None:
    some_runs()
    one = (locations.runs_dir() / "20260101-000000-a" / NAME).stat().st_size
    assert pruned("--keep-bytes", 5 * one) == ["01", "02", "03", "04", "05"]
    assert pruned("--keep-bytes", 4 * one) == ["02", "03", "04", "05"]
    assert pruned("--keep-bytes", "1kB") == ["03", "04", "05"]
    assert pruned("--keep-bytes", "1kB", "--unfinished") == ["05"]
    assert pruned("--keep-bytes", "1kB", "--unfinished") == ["05"]


def test_pruning_leaves_what_is_living_held_or_tagged_alone() -> None:
    done = {**FACTS, **totals(failed=0, done=4)}
    living = keep("20260101-000000-a", done)
    keep("20260102-000000-b", {**FACTS, **totals(RunState.STOPPED, done=1, failed=0), "held": "trial"})
    keep("20260103-000000-c", done)
    keep("20260104-000000-d", done)
    said("tag", "20260103", "keep")
    lock = RunLock(living)
    assert pruned("--keep-last", 0, "--unfinished") == ["01", "02", "03"]
    lock.release()
    assert pruned("--keep-last", 0) == ["02", "03"]


def test_pruning_by_age_and_number() -> None:
    for day in range(1, 6):
        keep(f"2026010{day}-000000-x", {**FACTS, **totals(failed=0, done=4)})
    assert pruned("--older-than", "36500d") == ["01", "02", "03", "04", "05"]
    assert pruned("--keep-last", 3) == ["03", "04", "05"]
    assert pruned("--keep-last", 2, "--older-than", "36500d") == ["03", "04", "05"]
    assert pruned("--older-than", "0s") == []


def test_a_dry_run_deletes_nothing_and_says_what_would_go() -> None:
    some_runs()
    dry = said("prune", "--keep-last", 0, "--dry-run")
    assert "To be deleted: 2 runs" in dry
    assert len(list(kept_runs())) == 5
    assert said("prune", "--older-than", "36500d", "--dry-run") == "Nothing is to go.\n"


def test_two_prunes_at_once_delete_each_run_once_and_both_succeed(tmp_path: Path) -> None:
    for number in range(60):
        keep(f"20260101-0000{number:02}-x", {**FACTS, **totals(failed=0, done=4)})
    env = {**environment(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    command = [sys.executable, "-m", "llmdash", "runs", "prune", "--keep-last", "5", "--yes"]
    both = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [each.communicate() for each in both]
    assert [each.returncode for each in both] == [0, 0], outputs
    assert len(list(kept_runs())) == 5
    assert sum(out.count("deleted ") for out, _ in outputs) == 55


def test_ten_thousand_entries_are_no_trouble() -> None:
    home = locations.private_dir(locations.runs_dir())
    keep("20260101-000000-x")
    for number in range(10_000):
        (home / f"file-{number}").touch()
    assert [each["run"] for each in records()] == ["20260101-000000-x"]


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_deleting_asks_first(tmp_path: Path, answer: str, left: int) -> None:
    keep(facts={**FACTS, **totals(failed=0, done=4)})
    env = {**environment(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
    with Terminal("runs", "prune", "--keep-last", "0", cwd=tmp_path, env=env) as terminal:
        terminal.wait_for("1 run")
        terminal.keys(f"{answer}\r")
        terminal.wait()
    assert len(list(kept_runs())) == left


def test_the_table_fits_a_terminal_of_any_width(tmp_path: Path) -> None:
    keep(facts={**FACTS, **totals(), "title": "漢字 " * 30})
    env = {**environment(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
    for columns in (30, 80, 200):
        with Terminal("runs", cwd=tmp_path, env=env, columns=columns) as terminal:
            terminal.wait()
            lines = [line for line in terminal.screen.splitlines() if line.strip()]
        assert len(lines) == 2, lines
        assert "failed" in lines[1]


def closed(folder: Path) -> list[str]:
    """Close a folder to who runs the tests. Return what goes in front of a program that root may run."""
    if os.geteuid() != 0:
        folder.chmod(0)
        return []
    for path in (*folder.iterdir(), folder):
        os.chown(path, 1234, 1234)
    folder.chmod(0o700)
    return ["unshare", "-r"]


@pytest.mark.skipif(namespace() is None, reason="root would be let in")
def test_a_run_of_someone_else_is_damaged_and_breaks_neither_list_nor_prune_nor_resume(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    folder = keep("20260103-000000-theirs")
    keep("20260101-000000-ours", {**FACTS, **totals(failed=0, done=4)}, [*map(ended, range(4))])
    (home / ".local").mkdir(parents=True)
    (home / ".local" / "share").symlink_to(tmp_path / "data")
    front = closed(folder)

    def command(*arguments: str) -> Ended:
        process = subprocess.run(
            [*front, sys.executable, "-m", "llmdash", *arguments],
            cwd=tmp_path,
            env=environment(home),
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(process.returncode, process.stdout, process.stderr)

    states = {
        each["run"]: each["state"] for each in map(json.loads, command("runs", "--json").out.splitlines())
    }
    assert states == {"20260103-000000-theirs": "damaged", "20260101-000000-ours": "done"}
    assert "problem  Permission denied" in command("runs", "show", folder.name).out
    for name, what in (
        (folder.name, ("export", "r.jsonl")),
        (str(folder), ("rename", "x")),
        ("theirs", ("tag", "x")),
    ):
        refused = command("runs", what[0], name, what[1])
        assert (refused.code, "cannot be read (Permission denied)" in refused.err) == (7, True), refused
    assert "cannot be read" in command("ctl", folder.name, "status").err
    assert "cannot be read" in command("runs", "compare", folder.name, "ours").err
    assert command("runs", "delete", folder.name, "--yes").code == 7
    (tmp_path / "p.txt").write_text("one\n")
    assert "no earlier run over" in command("run", "p.txt", "--resume", "--headless").err
    assert command("runs", "prune", "--keep-last", "0", "--yes").code == 0
    assert command("runs", "--json").out.count("\n") == 1
    folder.chmod(0o700)


def test_a_journal_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    folder = keep()
    (folder / f"{NAME}-wal").mkdir()
    for command in ("export last out.jsonl", "rename last x"):
        result = runs(*command.split())
        assert (result.exit_code in (2, 7), str(folder / NAME) in result.stderr) == (True, True), (
            result.output
        )


def test_a_journal_without_tables_is_no_fault_of_the_disk() -> None:
    folder = keep()
    with closing(sqlite3.connect(folder / NAME)) as db:
        db.execute("DROP TABLE run")
    assert runs("rename", "last", "x").exit_code == 2


def test_results_are_exported_whatever_a_damaged_journal_says_of_their_file(tmp_path: Path) -> None:
    keep(facts={**FACTS, "out": "file:///kept%00"}, results=[ended(0)])
    said("export", "last", tmp_path / "out.jsonl")


def test_figures_are_percentiles_by_key_in_words_json_and_csv() -> None:
    times: dict[str, Any] = {
        "ttft_s": 0.5,
        "latency_s": 2.5,
        "output_tokens": 21,
        "wait_s": 0.1,
        "endpoint": "here",
        "model": "m",
    }
    results = [ended(job, key="ab"[job % 2], **times) for job in range(3)]
    keep("20260106-000000-f", FACTS, [*results, ended(3, "failed")])
    assert "all · 3 answers" in said("figures", "last")
    assert "between tokens" in said("figures", "last")
    record = json.loads(said("figures", "last", "--by", "key", "--json"))
    assert [(group["name"], group["answers"]) for group in record["groups"]] == [("a", 2), ("b", 1)]
    assert record["all"]["itl_s"]["p50"] == pytest.approx(0.1, rel=0.011)
    assert sum(record["histograms"]["latency_s"]["counts"]) == 3
    lines = said("figures", "last", "--by", "model", "--csv").splitlines()
    assert lines[0] == "by,group,answers,metric,p50,p90,p95,p99"
    assert lines[6].startswith("model,m,3,ttft_s,")
    keep("20260106-000001-g", FACTS, [ended(0, key="a", **times | {"latency_s": 4.0})])
    beside = [line.split() for line in said("figures", "0-f", "1-g").splitlines()]
    assert [line[-5:] for line in beside if line and line[0] == "whole"] == [
        ["answers", "p50", "p90", "p95", "p99"]
    ]
    assert [line[-5] for line in beside if line and line[0].startswith("2026")][:2] == ["3", "1"]
    rows = said("figures", "0-f", "1-g", "--csv").splitlines()
    assert rows[0] == "run,by,group,answers,metric,p50,p90,p95,p99"
    assert rows[-1].startswith("20260106-000001-g,run,all,1,tps,")
    assert len(said("figures", "0-f", "1-g", "--json").splitlines()) == 2
    refused = runs("figures", "last", "--json", "--csv")
    assert (refused.exit_code, "contradict" in refused.output) == (2, True)
