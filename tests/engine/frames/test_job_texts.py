"""The texts of rows, the search in texts, and the job that is named: all looked up beside the frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.frames.job_finder import JobFinder
from llmdash.engine.frames.job_texts import INPUT, JobTexts, TextsWanted
from llmdash.engine.frames.text_search import Sought, TextSearch
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.commands import Seek
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.rows import NO_TEXT, JobText
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.store.job_columns import JobColumns
from llmdash.prompts.source import InputError, Prompt, PromptList
from llmdash.prompts.verdict import Verdict
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from tests.engine.scripted import Server, plan, prompts, run, whole
from tests.waiting import first, wait_for

WANTED = TextsWanted(("prompt", f"{INPUT}date"), 40)


@dataclass
class Records:
    """A journal; counts how often it is asked."""

    results: Mapping[int, ResultRow]
    asked: list[tuple[int, ...]] = field(default_factory=list)
    is_gone: bool = False

    def texts(self, jobs: Sequence[int]) -> Mapping[int, ResultRow]:
        self.asked.append(tuple(jobs))
        if self.is_gone:
            raise JournalError("no journal here")
        return {job: self.results[job] for job in jobs if job in self.results}

    def with_text(self, word: str, first: int, last: int) -> set[int]:
        self.asked.append((first, last))
        return {
            job
            for job, row in self.results.items()
            if first <= job <= last and word.lower() in (row.text or "").lower()
        }


def source(*said: str, check: str | None = None) -> PromptList:
    made = [
        Prompt(f"p{job}", (("user", text),), carried={"date": f"2026-01-0{job}"}, check=check)
        for job, text in enumerate(said)
    ]
    return PromptList("made", "0", made)


def read(texts: JobTexts, job: int, state: JobState, verdict: Verdict = Verdict.UNSCORED) -> JobText:
    """What is known once it was read."""
    return first(lambda: texts.of(job, state, 1, verdict, WANTED), lambda found: found is not NO_TEXT)


def test_texts_are_read_once_by_a_thread_and_never_by_a_frame() -> None:
    row = ResultRow(0, "p0", "done", "The sea\nis blue", model="m1", endpoint="here")
    records = Records({0: row})
    texts = JobTexts(source("Sum up: sea"), records)
    assert texts.of(0, JobState.DONE, 1, Verdict.UNSCORED, WANTED) is NO_TEXT
    found = read(texts, 0, JobState.DONE)
    assert found == JobText(
        "The sea\nis blue", model="m1", endpoint="here", cells=("Sum up: sea", "2026-01-00")
    )
    for _frame in range(50):
        assert texts.of(0, JobState.DONE, 1, Verdict.UNSCORED, WANTED) is found
    assert [asked for asked in records.asked if asked] == [(0,)]
    assert first(lambda: texts.fields(40), bool) == ("date",)
    assert texts.of(0, JobState.DONE, 1, Verdict.UNSCORED, TextsWanted((), 0)) is NO_TEXT, "nothing is wanted"


@pytest.mark.parametrize(
    ("check", "answer", "result"),
    [
        (None, '{"result": 408}', "408"),
        (None, "408", "408"),
        ("number", "that makes 1,234.", "1234"),
        ("json", 'so: {"a": [1]}', '{"a": [1]}'),
        ("equal", " yes \n", "yes"),
        ("contains", "yes", ""),
    ],
)
def test_a_scored_answer_has_what_its_check_took_from_it(check: str | None, answer: str, result: str) -> None:
    row = ResultRow(0, "p0", "done", answer, expected="418", verdict=Verdict.NOT_EQUAL)
    found = read(JobTexts(source("?", check=check), Records({0: row})), 0, JobState.DONE, Verdict.NOT_EQUAL)
    assert (found.result, found.expected, found.check) == (result, "418", check or "")


def test_what_could_not_be_read_is_called_by_its_check() -> None:
    row = ResultRow(0, "p0", "done", "?", expected="1", verdict=Verdict.NOT_PARSEABLE)
    made = source("?", "?")
    texts = JobTexts(made, Records({0: row, 1: row}), "json")
    assert texts.check == "json"
    read(texts, 0, JobState.DONE, Verdict.NOT_PARSEABLE)
    assert texts.check == "json"
    texts = JobTexts(
        PromptList("made", "0", [made.prompts[0], source("?", check="number").prompts[0]]), Records({})
    )
    read(texts, 0, JobState.DONE, Verdict.NOT_PARSEABLE)
    read(texts, 1, JobState.DONE, Verdict.NOT_PARSEABLE)
    assert texts.check == "mixed"


def test_rows_of_a_run_whose_journal_or_input_is_gone_say_less() -> None:
    class Gone:
        check = None

        def prompt(self, job: int) -> Prompt:
            raise InputError("the file has changed")

    found = read(JobTexts(Gone(), Records({}, is_gone=True)), 3, JobState.DONE, Verdict.RIGHT)
    assert found == JobText(cells=("", ""))


def never() -> bool:
    """A search that nothing stops."""
    return False


def searched(columns: JobColumns, made: PromptList, records: Records, sought: Sought) -> list[int]:
    search = TextSearch(columns, made, records)
    while search.look((sought,), never) < 1.0:
        pass
    has = search.has(sought)
    return [job for job in range(columns.jobs) if has(job)]


def test_words_are_found_in_prompts_and_in_complete_answers() -> None:
    columns = JobColumns(4, range(4))
    columns.set_state(1, JobState.DONE)
    columns.set_state(2, JobState.STREAMING)
    results = {job: ResultRow(job, f"p{job}", "done", "A Whale") for job in (1, 2)}
    made = source("a whale", "?", "?", "WHALES [/]")
    assert searched(columns, made, Records(results), Sought("whale")) == [0, 1, 3]


def test_an_answer_is_looked_at_once_and_one_that_is_tried_again_is_forgotten() -> None:
    columns, records = JobColumns(3, range(3)), Records({0: ResultRow(0, "p0", "done", "cat")})
    search = TextSearch(columns, source("?", "?", "?"), records)
    for _pass in range(3):
        assert search.look((Sought("cat"),), never) == 1.0
    assert records.asked == []
    columns.set_state(0, JobState.DONE)
    for _pass in range(3):
        search.look((Sought("cat"),), never)
    assert records.asked == [(0, 0)]
    assert search.has(Sought("cat"))(0)
    columns.set_state(0, JobState.QUEUED)
    search.look((Sought("cat"),), never)
    assert not search.has(Sought("cat"))(0)


def test_a_search_that_is_stopped_again_and_again_comes_to_its_end() -> None:
    jobs = 5_000
    columns = JobColumns(jobs, range(jobs))
    for job in range(jobs - 1):
        columns.set_state(job, JobState.DONE)
    results = {job: ResultRow(job, f"p{job}", "done", "cat") for job in range(0, jobs, 2)}
    search = TextSearch(columns, source(*["?"] * jobs), Records(results))
    shares = [search.look((Sought("cat"),), lambda: True) for _look in range(3)]
    assert 0.0 < shares[0] < shares[1] < shares[2] < 1.0, "a slice of answers each"
    assert search.look((Sought("cat"),), never) == 1.0
    assert sum(map(search.has(Sought("cat")), range(jobs))) == len(results)


def test_what_is_in_a_prompt_is_known_whatever_becomes_of_the_answer() -> None:
    columns = JobColumns(1, range(1))
    columns.set_state(0, JobState.DONE)
    search = TextSearch(columns, source("a cat"), Records({0: ResultRow(0, "p0", "done", "cat")}))
    assert search.look((Sought("cat"),), never) == 1.0
    columns.set_state(0, JobState.QUEUED)
    assert search.look((Sought("cat"),), never) == 1.0
    assert search.has(Sought("cat"))(0)


def test_a_search_that_is_cut_off_goes_on_where_it_was() -> None:
    asked: list[int] = []

    class Counting(PromptList):
        def prompt(self, index: int) -> Prompt:
            asked.append(index)
            return PromptList.prompt(self, index)

    made = Counting("made", "0", [Prompt(f"p{job}", (("user", "sea"),)) for job in range(300)])
    search = TextSearch(JobColumns(300, range(300)), made, Records({}))
    assert search.look((Sought("sea"),), lambda: True) == 0.0
    assert search.look((Sought("sea"),), never) == 1.0
    assert sorted(asked) == list(range(300)), "each prompt once"


@pytest.mark.case("screen", "three-numbers")
@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("id-7", 7),
        ("ID-70", 70),
        ("id-99", 99),
        ("7", 6),
        ("#12", 11),
        ("d-31", 31),
        ("no", None),
        ("#0", None),
    ],
)
def test_a_job_is_found_by_its_id_its_number_or_how_its_id_begins(text: str, job: int | None) -> None:
    finder = JobFinder(100, lambda number: f"id-{number}")
    wait_for(lambda: finder.find(text)[0] == text)
    assert finder.find(text) == (text, job)
    assert finder.find("") == ("", None)


def whales(_key: str, prompt: str, _before: int) -> list[Any]:
    return whole("a whale, twice" if prompt.endswith("7") else "a cat")


def test_texts_search_and_jump_are_there_in_a_run_at_work_kept_and_replayed(tmp_path: Path) -> None:
    live = run(plan(tmp_path, Server(whales), prompts(30)))
    kept, replayed = KeptSession(tmp_path), ReplaySession(tmp_path)
    assert kept.loaded()
    assert replayed.loaded()
    replayed.command(Seek(1e12))
    for session in (live, kept, replayed):
        look_at(session)


def look_at(session: Session) -> None:
    """The rows have texts, words are found in them, a job is found, and who types is helped."""
    rows = JobsView(height=40, sort=SortColumn.NUMBER, preview_width=64)
    shown = first(
        lambda: session.frame(View(jobs=rows)).jobs.rows,
        lambda rows: all(row.text.preview for row in rows),
    )
    assert [row.job for row in shown if "whale" in row.text.preview] == [7, 17, 27]
    found = first(
        lambda: session.frame(View(jobs=JobsView(height=40, filter="WHALE"))).jobs,
        lambda part: part.matched == 3 and part.searched is None,
    )
    assert {row.job for row in found.rows} == {7, 17, 27}
    sought = first(
        lambda: session.frame(View(jobs=JobsView(find="#8"))).jobs, lambda part: part.found_for == "#8"
    )
    assert sought.found == 7
    nothing = first(
        lambda: session.frame(View(jobs=JobsView(filter="zebra state:done"))).jobs, lambda part: part.hint
    )
    assert nothing.hint == "no job matches all of zebra state:done; without zebra there are 30"
    typed = session.frame(View(jobs=JobsView(typed="state:d"))).jobs
    assert typed.completions[0] == "state:done"


def test_a_million_rows_cost_a_frame_no_more_than_those_on_screen() -> None:
    """Counted, not timed: the texts that are asked for are those of visible rows."""
    records = Records({})
    texts = JobTexts(source("?"), records)
    for top in range(0, 1_000_000, 100_000):
        for job in range(top, top + 40):
            texts.of(job, JobState.DONE, 1, Verdict.UNSCORED, TextsWanted((), 40))
    wait_for(lambda: sum(map(len, records.asked)) >= 400)
    assert sum(map(len, records.asked)) == 400


@pytest.mark.parametrize("is_readable", [True, False])
def test_carried_fields_are_found_in_the_input_or_else_in_what_the_results_carry(is_readable: bool) -> None:
    class Gone:
        check = None

        def prompt(self, job: int) -> Prompt:
            raise InputError("the file has changed")

    cities = ("Zürich", "New York", "")
    prompts = [
        Prompt(f"p{job}", (("user", "york"),), carried={"city": city}) for job, city in enumerate(cities)
    ]
    rows = {
        job: ResultRow(job, f"p{job}", "done", "york", input=json.dumps({"city": city}))
        for job, city in enumerate(cities)
    }
    search = TextSearch(
        JobColumns(3, range(3)), PromptList("made", "0", prompts) if is_readable else Gone(), Records(rows)
    )
    sought = Sought("YORK", "city")
    assert search.look((sought,), never) == 1.0
    assert [job for job in range(3) if search.has(sought)(job)] == [1]
