"""The answers of kept runs are found by their requests, whatever state those runs are in."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.dispatch.reuse import AnswerPlace
from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.model.records import ResultRow
from llmdash.runs.kept_answers import KeptAnswers
from tests.waiting import PATIENCE_S

T = TypeVar("T")


def digest(what: object) -> bytes:
    return blake2b(str(what).encode(), digest_size=16).digest()


def row(job: int, request: object, text: str | None = "yes", **more: Any) -> ResultRow:
    values = {"attempts": 1, "input_tokens": 3, "output_tokens": 1, "request_hash": digest(request)}
    return ResultRow(job, f"p{job}", **{"state": "done", "text": text, **values, **more})


def make_run(folder: Path, *rows: ResultRow, **facts: Any) -> Path:
    folder.mkdir(mode=0o700, parents=True)
    journal = JournalFile.create(folder, facts)
    journal.write(Group(results=list(rows)))
    journal.close()
    return folder


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / NAME)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def using(known: KeptAnswers, work: Callable[[KeptAnswers], Awaitable[T]]) -> tuple[list[str], T]:
    """The notices of opening, and what `work` returns."""

    async def use() -> tuple[list[str], T]:
        try:
            return list(await known.open()), await work(known)
        finally:
            await known.close()

    return asyncio.run(use())


def texts(known: KeptAnswers, *requests: object) -> tuple[list[str], list[str | None]]:
    """The notices, and the text of the answer to each request; None without one."""

    async def look(known: KeptAnswers) -> list[str | None]:
        found = []
        for request in requests:
            place = known.find([digest(request)])
            answer = None if place is None else await known.read(place)
            found.append(None if answer is None else answer.text)
        return found

    return using(known, look)


def test_an_answer_is_found_by_its_request(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", row(0, "a", "one"), row(1, "b", "two"))
    notices, found = texts(KeptAnswers([folder]), "a", "b", "c")
    assert found == ["one", "two", None]
    assert notices == ["2 answers of 1 kept run can be reused"]


def test_of_several_requests_any_will_do(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", row(4, "b"))

    async def look(known: KeptAnswers) -> AnswerPlace | None:
        return known.find([digest("a"), digest("b")])

    assert using(KeptAnswers([folder]), look)[1] == AnswerPlace(digest("b"), 1, 4)


def test_the_first_run_goes_first(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, row(0, "a", name)) for name in ("newer", "older")]
    assert texts(KeptAnswers(runs), "a")[1] == ["newer"]
    assert texts(KeptAnswers(runs[::-1]), "a")[1] == ["older"]


@pytest.mark.parametrize(
    "more",
    [
        {"flags": "length"},
        {"flags": "reused"},
        {"state": "invalid"},
        {"state": "failed", "text": None},
        {"text": None},
        {"request_hash": None},
        {"request_hash": b"short"},
    ],
    ids=str,
)
def test_only_whole_answers_without_flags_are_taken(tmp_path: Path, more: dict[str, Any]) -> None:
    folder = make_run(tmp_path / "run", row(0, "a", **more))
    assert texts(KeptAnswers([folder]), "a")[1] == [None]


@pytest.mark.parametrize(
    ("facts", "why"), [({"simulator": "{}"}, "of a simulator"), ({"keep": "none"}, "without answers")]
)
def test_runs_whose_answers_are_none_are_left_out(tmp_path: Path, facts: dict[str, Any], why: str) -> None:
    folder = make_run(tmp_path / "run", row(0, "a"), **facts)
    notices, found = texts(KeptAnswers([folder]), "a")
    assert found == [None]
    assert f"No answer is taken from 1 run {why}: run" in notices


def test_a_run_of_an_earlier_version_is_left_out_with_a_notice(tmp_path: Path) -> None:
    folder, sound = make_run(tmp_path / "old", row(0, "a")), make_run(tmp_path / "new", row(0, "b"))
    change(
        folder,
        "ALTER TABLE results DROP COLUMN request_hash",
        "UPDATE run SET value = 4 WHERE name = 'version'",
    )
    notices, found = texts(KeptAnswers([folder, sound]), "a", "b")
    assert found == [None, "yes"]
    assert "No answer is taken from 1 run of an earlier version: old" in notices


def test_a_run_that_lost_a_column_is_left_out_with_a_notice(tmp_path: Path) -> None:
    folder, sound = make_run(tmp_path / "torn", row(0, "a")), make_run(tmp_path / "new", row(0, "b"))
    change(folder, "ALTER TABLE results DROP COLUMN request_hash")
    notices, found = texts(KeptAnswers([folder, sound]), "a", "b")
    assert found == [None, "yes"]
    assert "No answer is taken from 1 run that cannot be read: torn" in notices


def test_a_folder_that_is_gone_is_left_out(tmp_path: Path) -> None:
    notices, found = texts(KeptAnswers([tmp_path / "gone"]), "a")
    assert found == [None]
    assert "No answer is taken from 1 run that cannot be read: gone" in notices


def test_a_run_that_is_at_work_gives_what_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock, journal = RunLock(folder), JournalFile.create(folder, {})
    try:
        journal.write(Group(results=[row(0, "a")]))

        async def look(known: KeptAnswers) -> list[bool]:
            journal.write(Group(results=[row(1, "b")]))
            places = [known.find([digest(request)]) for request in ("a", "b")]
            assert places[0] is not None
            journal.write(Group(reopened=[0]))  # retried there meanwhile
            return [place is not None for place in places] + [await known.read(places[0]) is not None]

        assert using(KeptAnswers([folder]), look)[1] == [True, False, False]
    finally:
        journal.close()
        lock.release()


def test_an_answer_that_was_changed_after_it_was_found_is_not_taken(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", row(0, "a"))

    async def look(known: KeptAnswers) -> ResultRow | None:
        place = known.find([digest("a")])
        assert place is not None
        change(folder, "UPDATE results SET flags = 'length'")
        return await known.read(place)

    assert using(KeptAnswers([folder]), look)[1] is None


@pytest.mark.parametrize(
    "change_it",
    [
        "UPDATE results SET input_tokens = -1",
        "UPDATE results SET output_tokens = 'many'",
        "UPDATE results SET cached_tokens = 9999999999",
        "UPDATE results SET message = '{'",
        "UPDATE results SET message = '[]'",
        "UPDATE results SET model = x'ff'",
        "UPDATE results SET text = CAST(x'ff' AS TEXT)",
        "UPDATE results SET estimated = 7",
    ],
)
def test_values_that_nothing_writes_are_not_taken(tmp_path: Path, change_it: str) -> None:
    folder = make_run(tmp_path / "run", row(0, "a"))
    change(folder, change_it)
    assert texts(KeptAnswers([folder]), "a")[1] == [None]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_journal_costs_only_its_own_answers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("runs")
    damaged = make_run(home / "damaged", *(row(n, n, "yes" * 50) for n in range(200)))
    sound = make_run(home / "sound", row(0, "a"))
    content = bytearray((damaged / NAME).read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=5000))
    content[start : start + len(junk)] = junk[: len(content) - start]
    (damaged / NAME).write_bytes(content)
    _, found = texts(KeptAnswers([damaged, sound]), "a", *range(200))
    assert found[0] == "yes"
    assert all(text is None or isinstance(text, str) for text in found)
    shutil.rmtree(home)


def test_nothing_of_a_kept_run_is_changed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", row(0, "a"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    texts(KeptAnswers([folder]), "a")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_answers_of_the_run_at_work_count_whatever_is_odd_about_them(tmp_path: Path) -> None:
    own = make_run(tmp_path / "own", row(0, "a", flags="length"), row(1, "b", state="failed"), simulator="{}")

    async def look(known: KeptAnswers) -> list[AnswerPlace | None]:
        known.add(AnswerPlace(digest("c"), 0, 7))
        found = [known.find([digest(request)]) for request in "abc"]
        known.forget(AnswerPlace(digest("c"), 0, 7))
        return [*found, known.find([digest("c")])]

    notices, found = using(KeptAnswers((), own), look)
    assert notices == []
    places = [AnswerPlace(digest("a"), 0, 0), None, AnswerPlace(digest("c"), 0, 7), None]
    assert found == places


def test_more_runs_than_are_kept_open_are_read(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / f"run-{n}", row(0, n, f"{n}")) for n in range(20)]
    assert texts(KeptAnswers(runs), *range(20), *range(20))[1] == [f"{n}" for n in range(20)] * 2


def looking() -> list[str]:
    """The threads that look for answers."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("llmdash-reuse")]


def test_it_is_closed_while_it_looks(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", *(row(n, n) for n in range(20_000)))

    async def leave() -> None:
        known = KeptAnswers([folder] * 50)
        opening = asyncio.create_task(known.open())
        await asyncio.sleep(0.001)
        await known.close()
        await opening

    asyncio.run(leave())
    assert not looking()


def test_it_is_closed_while_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    class Endless(sqlite3.Connection):
        """Begins, and does not come to an end by itself."""

        def executescript(self, _script: str, /) -> sqlite3.Cursor:
            self.set_progress_handler(begun.set, 1_000)
            return self.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=Endless, **more))

    async def leave() -> object:
        known = KeptAnswers([])
        opening = asyncio.create_task(known.open())
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        await known.close()
        return await opening

    assert asyncio.run(leave()) == ()
    assert not looking()


def test_it_is_closed_without_being_opened() -> None:
    asyncio.run(KeptAnswers([]).close())
    assert not looking()
