"""The filter language of the job table."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmdash.engine.frames.filter import FilterError, FilterFacts, compile_filter
from llmdash.engine.frames.filter_hint import hint_for
from llmdash.engine.frames.filter_words import completions
from llmdash.engine.frames.text_search import Sought
from llmdash.engine.model.errors import ErrorClass
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import CLASSES, JobColumns
from llmdash.prompts.verdict import Verdict

_STATES = [state for state in JobState if state not in (JobState.BATCHED, JobState.INVALID)]


def columns() -> JobColumns:
    """Job n is in the n-th state; odd ones were answered by `key b1`, in n seconds."""
    held = JobColumns(9, range(9))
    for job in range(9):
        held.set_state(job, _STATES[job])
        held.time[job] = float(job)
        held.tries[job] = job % 3
        held.output_tokens[job] = job * 10
        held.key[job] = held.keys.number("key b1" if job % 2 else "key a0")
        held.worker[job] = held.workers.number(("w1", "w10", "GPU b")[job % 3]) if job < 6 else 0
    held.verdict[6] = Verdict.NOT_EQUAL
    held.error[7] = held.errors.number("429 Too Many Requests")
    held.failure[7] = held.failure[6] = CLASSES[ErrorClass.THROTTLED]
    return held


def found(text: str) -> list[int]:
    about = FilterFacts((("key b1", "openai"), ("key a0", "azure")), ("City", "Order Id", "time"))
    predicate = compile_filter(text, columns(), lambda job: f"task-{job}", about=about).predicate
    return [job for job in range(9) if predicate is None or predicate(job)]


@pytest.mark.parametrize(
    ("text", "jobs"),
    [
        ("", list(range(9))),
        ("  ", list(range(9))),
        ("state:failed", [7]),
        ("STATE:Failed", [7]),
        ("state:waiting", [1, 2, 3]),
        ("state:flight", [4, 5]),
        ("state:ended", [6, 7, 8]),
        ("state:ended key:B1", [7]),
        ("is:wrong", [6]),
        ("error:too", [7]),
        ("error:throttled", [7]),
        ("error:Throttled error:many", [7]),
        ("error:stalled", []),
        ("had:throttled", [6, 7]),
        ("many", [7]),
        ("task-3", [3]),
        ("time>6", [7, 8]),
        ("time>=6s", [6, 7, 8]),
        ("time<2000ms", [1]),
        ("time>0.1m", [7, 8]),
        ("try=2", [2, 5, 8]),
        ("out:30", [3]),
        ("#:1", [0]),
        ("#<=2 task", [0, 1]),
        ("key:nobody", []),
        ("endpoint:OPEN", [1, 3, 5, 7]),
        ("endpoint:none", []),
        ("12:30", []),
        ("worker:w1", [0, 3]),
        ("worker:W10", [1, 4]),
        ("worker:w1,w10", [0, 1, 3, 4]),
        ("worker:w*", [0, 1, 3, 4]),
        ("worker:gpu?b state:flight", [5]),
        ("worker:w", []),
        ("worker:nobody", []),
        ("worker:,", []),
        ("worker:*", [0, 1, 2, 3, 4, 5]),
        ("#:3,5-7", [2, 4, 5, 6]),
        ("error:throttled", [7]),
        ("error:server", []),
        ('error:"429 too"', [7]),
        ('"too many" state:failed', [7]),
        ("id:TASK-3", [3]),
        ("text:many", [7]),
        ('"', list(range(9))),
    ],
)
def test_terms_choose_jobs_and_all_must_hold(text: str, jobs: list[int]) -> None:
    assert found(text) == jobs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state:nowhere", "there are queued"),
        ("is:maybe", "right"),
        ("time>long", "this takes a number"),
        ("time>", "a value must follow"),
        ("colour:red", "no such field"),
        ("stat:failed", "did you mean state"),
        ("eror:429", "did you mean error"),
        ("time>1e999", "a number"),
    ],
)
def test_a_filter_that_says_nothing_is_explained(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        found(text)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"(state|time|key|worker|#|out|is)[:<>=]{1,2}.{0,12}")))
@example("#>" + "9" * 5_000)
@example("time>\u0663")
@example("state:\0")
@example("\ud800:\udfff")
@example("((((" * 1_000)
@example("worker:[")
@example("worker:" + "*a" * 1_000)
def test_no_text_breaks_the_filter(text: str) -> None:
    try:
        found(text)
    except FilterError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("st", ("state:",)),
        ("t", ("text:", "time>", "ttft>", "try>")),
        ("state:fa", ("state:failed",)),
        ("key:", ('key:"key a0"', 'key:"key b1"')),
        ("key:b", ('key:"key b1"',)),
        ("worker:g", ('worker:"GPU b"',)),
        ("error:", ("error:throttled", 'error:"429 Too Many Requests"')),
        ("had:thr", ("had:throttled",)),
        ("is:wro", ("is:wrong",)),
        ("is:wrong", ()),
        ("nothing:", ()),
        ("endp", ("endpoint:", "state:endpoint")),
        ("endpoint:a", ("endpoint:azure", "endpoint:openai")),
        ("ci", ("city:",)),
        ("input.", ("input.city:", "input.time:")),
        ("city:", ('city:"New York"', "city:北京", "city:New")),
        ('city:"new y', ('city:"New York"',)),
        ("strea", ("state:streaming", "state:stream")),
    ],
)
def test_a_term_that_is_typed_is_completed_by_what_there_is(typed: str, completed: tuple[str, ...]) -> None:
    carried = {"City": ("New York", "北京", 'New "Ulm"'), "time": ("9:30",)}
    assert completions(typed, columns(), ("openai", "azure"), carried) == completed


@pytest.mark.parametrize(
    ("term", "sought"),
    [
        ('CITY:"new york"', Sought("new york", "City")),
        ("order_id=7", Sought("7", "Order Id", "=")),
        ("input.time>=9", Sought("9", "time", ">=")),
    ],
)
def test_a_term_that_names_a_carried_field_looks_into_the_input(term: str, sought: Sought) -> None:
    """`input.` stands before one that is called as a field of the filter."""
    about = FilterFacts(fields=("City", "Order Id", "time"))
    assert compile_filter(term, columns(), str, about=about).words == (sought,)


@pytest.mark.parametrize(
    ("sought", "values"),
    [
        (Sought("york", "", ":"), ["New York"]),
        (Sought("10", "", "="), ["10", "10.0"]),
        (Sought("9", "", ">"), ["10", "10.0", "New York"]),
        (Sought("2024-05", "", "<"), ["10", "10.0"]),
    ],
)
def test_values_are_compared_as_numbers_where_they_are_some(sought: Sought, values: list[str]) -> None:
    assert [value for value in ("10", "10.0", "2024-05-01", "New York", "") if sought.is_in(value)] == values


def test_states_that_occur_come_first() -> None:
    held = JobColumns(3, range(3))
    held.set_state(1, JobState.FAILED)
    assert completions("state:", held)[:2] == ("state:queued", "state:failed")


def test_jobs_are_found_by_the_batch_that_they_are_in() -> None:
    held = JobColumns(4, range(4))
    assert compile_filter("batch:1", held, str).predicate is not None, "there is no batch yet"
    held.put_in_batch([1, 2], 1)
    held.put_in_batch([3], 4)
    for text, jobs in (("batch:1", [1, 2]), ("batch:4", [3]), ("batch:1,3-9", [1, 2, 3]), ("batch:0", [])):
        matches = compile_filter(text, held, str).predicate
        assert matches is not None
        assert [job for job in range(4) if matches(job)] == jobs
    for text in ("batch:x", "batch>2"):
        with pytest.raises(FilterError, match="numbers of batches"):
            compile_filter(text, held, str)
    assert completions("batch:", held, batches=(1, 4)) == ("batch:4", "batch:1")


def hint(text: str) -> str:
    return hint_for(compile_filter(text, columns(), lambda job: f"task-{job}"), range(9))


def test_where_nothing_matches_it_is_said_what_was_looked_for_and_how_to_find_more() -> None:
    assert hint("state:invalid") == "no job is state:invalid; backspace widens, esc shows all"
    assert "no id, error, prompt or answer has zebra" in hint("zebra")
    assert (
        hint("state:failed key:a0")
        == "no job matches all of state:failed key:a0; without state:failed there are 5"
    )
    assert "leave some out" in hint("state:invalid zebra")


@given(st.text(max_size=30))
def test_whatever_is_typed_it_is_completed_to_terms_that_mean_something(typed: str) -> None:
    for term in completions(typed, columns()):
        assert term != typed
        if not term.endswith((":", ">")):
            compile_filter(term, columns(), str)
