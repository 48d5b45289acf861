"""What a run keeps of texts: none of them, answers, or prompts too."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.journal.keeping import Keep, PromptJournal, TextlessJournal, messages_text
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.view import View
from llmdash.engine.session import LocalSession
from llmdash.launch.results import export
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import FailureKind
from llmdash.locations import private_dir
from llmdash.prompts.source import InputError, Prompt, PromptList, PromptSource
from llmdash.reports.export.sole import SoleResults
from llmdash.runs.catalogue import KeptState, entry_of
from llmdash.runs.kept_prompts import KeptPrompts, no_input
from tests.engine.journal.test_journal import journal_of
from tests.engine.scripted import USAGE, Server, assert_balanced, failing, held_from, of, plan, run, until
from tests.runs.kept import FACTS, ended, keep
from tests.waiting import PATIENCE_S

CANARY = "canary-3f81"
JOBS = 60


def prompts() -> PromptList:
    return of(
        [
            Prompt(
                f"p{n}",
                (("system", f"{CANARY} system"), ("user", f"{CANARY} {n}")),
                expected=f"{CANARY} expected",
                carried={"note": f"{CANARY} carried"},
            )
            for n in range(JOBS)
        ]
    )


def repeats(_key: str, prompt: str, before: int) -> Iterator[Any]:
    """A server that repeats its prompt in whatever it says, in answers that are cut off too."""
    number = int(prompt.split()[-1])
    if number % 5 == 1 and not before:
        yield Delta(text=f"partial {prompt}")
        yield from failing(FailureKind.TRANSIENT, f"500 {prompt}", code=f"{prompt} code")
    if number % 7 == 2:
        yield from failing(FailureKind.REQUEST, f"400 {prompt}", status=400, code=f"{prompt} code")
    if number % 11 == 3 and not before:
        yield from failing(FailureKind.THROTTLE, f"429 {prompt}", retry_after=0.001)
    yield Delta(reasoning=f"thought {prompt}")
    yield Delta(text=f"answer {prompt}")
    yield Delta(finish_reason=f"stop {prompt}", usage=USAGE)


def textless(folder: Path, server: Server, **more: Any) -> LocalSession:
    """A run of a folder that keeps no texts; its results are beside it."""
    private_dir(folder)
    out = folder.with_name("results.jsonl")
    live = SoleResults(out, folder, reasoning=True)
    notes = {"keep": "none", "out": str(out)}
    return LocalSession(plan(folder, server, prompts(), keep=Keep.NONE, live=live, notes=notes, **more))


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.with_name("results.jsonl").read_text().splitlines()]


def traces(folder: Path) -> list[str]:
    """The files in a folder that hold a canary."""
    return [
        str(path) for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def finished(session: LocalSession) -> LocalSession:
    session.start()
    assert session.join(PATIENCE_S), "the run hangs"
    if session.crash is not None:
        raise session.crash
    return session


def test_a_run_that_keeps_no_texts_has_none_of_them_in_any_byte_of_its_folder(tmp_path: Path) -> None:
    server, folder = Server(repeats), tmp_path / "run"
    session = textless(folder, server)
    session.start()
    until(session, lambda frame: frame.run.done > 20)
    assert traces(folder) == []  # the log of a living run included
    assert session.join(PATIENCE_S)
    assert_balanced(session, server)
    assert traces(folder) == []
    lines = lines_of(folder)
    assert [line["id"] for line in lines] == [f"p{n}" for n in range(JOBS)]
    done = [line for line in lines if line["state"] == "done"]
    assert all(line["text"].startswith(f"answer {CANARY}") for line in done)
    assert all(CANARY in line["input"]["note"] for line in lines)
    assert {line["error"].partition(" ")[0] for line in lines if line["state"] == "failed"} == {"400"}


def test_the_texts_are_on_disk_before_the_journal_has_the_result(tmp_path: Path) -> None:
    """Killed at any moment, no answer that counts is lost."""
    folder = tmp_path / "run"
    session = textless(folder, Server(repeats), rate=200.0)
    session.start()
    until(session, lambda frame: frame.run.done > 0)
    while session.alive:
        there = {row.job for row in JournalReader(folder).ended()}
        whole = (tmp_path / "results.jsonl").read_bytes().rpartition(b"\n")[0].splitlines()
        assert there <= {json.loads(line)["index"] for line in whole}
    assert len(list(JournalReader(folder).ended())) == JOBS


def test_a_killed_run_without_texts_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    server, folder = Server(repeats), tmp_path / "run"
    session = textless(folder, server, rate=300.0)
    session.start()
    until(session, lambda frame: frame.run.done > 10)
    dead = private_dir(tmp_path / "dead") / "run"
    shutil.copytree(folder, dead, ignore=shutil.ignore_patterns("lock"))
    shutil.copy(tmp_path / "results.jsonl", dead.with_name("results.jsonl"))
    assert session.join(PATIENCE_S)
    with dead.with_name("results.jsonl").open("ab") as file:
        file.write(b'{"index": 59, "id": "p59", "text": "torn')
    before = {row.job for row in JournalReader(dead).ended()}
    again = Server(repeats)
    assert finished(textless(dead, again, resume=True)).ending is Ending.DONE
    assert not [prompt for prompt in again.asked if int(prompt.split()[-1]) in before]
    assert [line["index"] for line in lines_of(dead)] == list(range(JOBS))
    assert all(line["text"] for line in lines_of(dead) if line["state"] == "done")
    assert traces(dead) == []


def test_a_line_that_is_lost_is_there_without_its_text(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finished(textless(folder, Server(repeats)))
    out = tmp_path / "results.jsonl"
    out.write_text('[]\n{"index": -1}\n{"index": 10000000000}\n{"index": "x"}\n\xff\n')
    finished(textless(folder, Server(repeats), resume=True))
    lines = lines_of(folder)
    assert [line["index"] for line in lines] == list(range(JOBS))
    assert {line["text"] for line in lines} == {None}


def test_results_that_cannot_be_kept_are_not_counted_as_ended(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    gone = threading.Event()
    session = textless(folder, Server(held_from(30, gone, repeats)))
    session.start()
    until(session, lambda frame: frame.run.done > 3)
    (tmp_path / "results.jsonl").unlink()
    gone.set()
    assert session.join(PATIENCE_S)
    assert session.ending is Ending.STORAGE
    assert entry_of(folder).state is KeptState.STOPPED
    assert any("results.jsonl" in notice.text for notice in until(session, lambda _: True).notices)


def test_a_failed_job_that_is_retried_has_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finished(textless(folder, Server(repeats)))
    finished(textless(folder, Server(), resume=True, retry_failed=True))
    lines = lines_of(folder)
    assert [line["index"] for line in lines] == list(range(JOBS))
    assert {line["state"] for line in lines} == {"done"}


def test_an_export_says_what_it_lacks_and_leaves_the_file_with_the_texts_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finished(textless(folder, Server(repeats)))
    out = tmp_path / "results.jsonl"
    before = out.read_bytes()
    assert export(folder, out) == JOBS
    assert out.read_bytes() == before
    assert export(folder, tmp_path / "other.jsonl") == JOBS
    assert CANARY.encode() not in (tmp_path / "other.jsonl").read_bytes()


def test_the_inspector_says_that_a_text_is_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    session = finished(textless(folder, Server(repeats)))
    frame = session.frame(View(inspect=0))
    assert frame.inspection is not None
    assert frame.inspection.answer == "(this run keeps no texts)"


def test_names_are_kept_and_texts_in_their_place_are_not(tmp_path: Path) -> None:
    told: list[ResultRow] = []
    journal = TextlessJournal(JournalFile.create(tmp_path, {}), told.extend)
    attempt = AttemptRecord(0, 1, "k", "failed", 1.0, "request", 400, "no", code="model_not_found")
    row = ended(0, flags="length,empty", finish_reason="max_tokens")
    group = Group([attempt], [row])
    journal.write(group)
    journal.close()
    reader = JournalReader(tmp_path)
    kept = reader.result(0)
    assert kept is not None
    assert (kept.id, kept.text, kept.flags, kept.finish_reason) == (
        "job-0",
        None,
        "length,empty",
        "max_tokens",
    )
    assert reader.attempts(0)[0].code == "model_not_found"
    assert reader.attempts(0)[0].message is None
    assert told == [row]


def test_a_group_that_waits_for_the_disk_is_kept_once(tmp_path: Path) -> None:
    told: list[ResultRow] = []

    class Full:
        tries = 0

        def write(self, _group: Group) -> None:
            self.tries += 1
            if self.tries < 3:
                raise sqlite3.OperationalError("full")

        def close(self) -> None:
            pass

    journal, group = TextlessJournal(Full(), told.extend), Group(results=[ended(0)])
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            journal.write(group)
    journal.write(group)
    journal.close()
    assert len(told) == 1


def test_a_run_that_keeps_all_shows_its_prompts_without_the_input(tmp_path: Path) -> None:
    folder = private_dir(tmp_path / "run")
    run(plan(folder, Server(repeats), prompts(), keep=Keep.ALL))
    reader = JournalReader(folder)
    assert KeptPrompts(reader, {}, no_input).prompt(5).messages == (
        {"role": "system", "content": f"{CANARY} system"},
        {"role": "user", "content": f"{CANARY} 5"},
    )
    assert reader.message(JOBS) is None
    with closing(sqlite3.connect(folder / NAME)) as db:
        assert db.execute("SELECT COUNT(*) FROM prompts").fetchone() == (JOBS,)


class Changed:
    """Prompts whose file was changed while they were asked."""

    def prompt(self, number: int) -> Prompt:
        raise InputError(f"prompt {number} is another one now")


def test_a_prompt_that_cannot_be_read_again_hinders_no_result() -> None:
    folder = keep()
    journal = PromptJournal(JournalFile.open(folder), cast("PromptSource", Changed()))
    journal.write(Group(results=[ended(0)]))
    journal.close()
    reader = JournalReader(folder)
    assert reader.result(0) == ended(0)
    assert reader.message(0) is None


def test_messages_are_kept_as_they_are_sent() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "\ud800é"}]}
    assert json.loads(messages_text([("user", "a\x1b"), parts])) == [
        {"role": "user", "content": "a\x1b"},
        {"role": "user", "content": [{"type": "text", "text": "\ufffdé"}]},
    ]


@pytest.mark.parametrize("stored", [None, b"\xff", "[1", "{}", "5", '["x"]'])
def test_a_prompt_that_is_missing_or_damaged_is_an_error_of_the_input(stored: object) -> None:
    folder = keep(facts=FACTS)
    if stored is not None:
        with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
            db.execute("INSERT INTO prompts VALUES (0, ?)", (stored,))
    with pytest.raises(InputError):
        KeptPrompts(JournalReader(folder), {}, no_input).prompt(0)


def test_journals_of_earlier_versions_have_no_prompts(tmp_path: Path) -> None:
    journal_of(1, tmp_path)
    assert JournalReader(tmp_path).message(0) is None


def test_the_file_is_put_into_order_though_it_was_closed_before(tmp_path: Path) -> None:
    folder = keep(results=[ended(0)])
    live = SoleResults(tmp_path / "out.jsonl", folder)
    live.open()
    live.append([])
    live.append([ended(0)._replace(text="second")])
    live.close()
    live.close()
    assert [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        "second"
    ]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    live = SoleResults(tmp_path / "no" / "out.jsonl", keep())
    live.open()
    assert live.problem is not None
    with pytest.raises(sqlite3.OperationalError):
        live.append([ended(0)])


def test_nothing_is_sent_where_the_only_file_of_the_answers_cannot_be_written(tmp_path: Path) -> None:
    other = SoleResults(tmp_path / "results.jsonl", keep())
    other.open()
    server = Server(repeats)
    session = finished(textless(tmp_path / "run", server))
    other.close()
    assert session.ending is Ending.STORAGE
    assert not server.asked
    notices = [notice.text for notice in session.frame(View()).notices]
    assert any("another run writes its results to it; name another file" in text for text in notices)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """The pipe's limit on the size of files is a disk that is full."""
    folder = keep()
    live = SoleResults(tmp_path / "out.jsonl", folder)
    live.open()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(sqlite3.OperationalError):
            live.append([ended(0)._replace(text="x" * 5000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    live.append([ended(0)])
    assert (tmp_path / "out.jsonl").read_bytes()
