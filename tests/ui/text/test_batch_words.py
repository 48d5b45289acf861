"""Batches in words: where a job is, how far a batch is, what a forecast and a question say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from llmdash.engine.model.commands import BringBack, Cancel, Drain, GiveUpBatch
from llmdash.engine.model.forecast import BatchForecast
from llmdash.engine.model.frame import BatchRow, Frame, RatePart, ReplayPart, RunPart
from llmdash.engine.model.moments import moment_of
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import BatchState, Binding, RunState
from llmdash.ui.charts.run_bar import run_bar
from llmdash.ui.dashboard.steering import ACTIONS, confirmation_before
from llmdash.ui.inspector.attempt_lines import attempts_text
from llmdash.ui.panels.batch_rows import batch_cell
from llmdash.ui.text.badges import run_badge
from llmdash.ui.text.batch_forecast_words import forecast_parts, stay_words
from llmdash.ui.text.batch_words import (
    awaited_words,
    batch_sentences,
    deadline_words,
    detail_of_job,
    out_words,
)
from llmdash.ui.text.binding_words import binding_words
from llmdash.ui.text.end_words import end_words
from llmdash.ui.text.run_words import counted_line, progress_line
from tests.ui.batched import BATCHES, FORECAST

OUT = BatchRow(3, BatchState.OUT, "a1f2", "openai", "gpt", "batch_abc", jobs=100, left=100)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(OUT, done=60, failed=2), "openai batch_abc · 62 %"),
        (OUT, "openai batch_abc · no counts until the end"),
        (
            replace(OUT, detail="the service does not answer"),
            "openai batch_abc · the service does not answer",
        ),
        (replace(OUT, state=BatchState.PLANNED, provider_id=None), "openai batch 3 · planned"),
        (replace(OUT, state=BatchState.ENDED), "openai batch_abc · ended"),
        (None, "its batch is being planned"),
    ],
)
def test_a_batched_job_says_where_it_is(row: BatchRow | None, words: str) -> None:
    assert detail_of_job(row) == words


def test_what_is_out_stands_in_a_few_words_and_what_needs_the_user_goes_first() -> None:
    assert out_words(Frame(batches=(replace(OUT, done=62),))) == "◇ batch 3 out, 62%"
    assert out_words(Frame(batches=(OUT, replace(OUT, batch=4)))) == "◇ 2 batches out"
    assert out_words(Frame(batches=(replace(OUT, state=BatchState.CANCELLING),))).endswith("cancelling")
    assert out_words(Frame(batches=BATCHES)) == "◆ batch 4 is held"
    assert out_words(Frame(batches=BATCHES[:1])) == ""


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (
            FORECAST,
            "live ~$41.20, 38m00s · "
            "batch ~$20.60, usually under 1 h (your last 9: 12m04s), at most 24 h · 1 file, 34 MB",
        ),
        (
            replace(FORECAST, is_full_price=True, cost=41.2, usual_s=None, seen=0),
            "live ~$41.20, 38m00s · batch at most $41.20, usually under 1 h, at most 24 h · 1 file, 34 MB",
        ),
        (
            replace(FORECAST, is_bound=True, live_s=None, files=2, bytes=900),
            "live at most $41.20 · batch at most $20.60, usually under 1 h (your last 9: 12m04s), "
            "at most 24 h · 2 files, 900 B",
        ),
        (
            BatchForecast(jobs=1, files=1, most_s=86_400.0),
            "live at no known price · batch at no known price, usually under 1 h, at most 24 h · 1 file, 0 B",
        ),
    ],
)
def test_the_forecast_stands_beside_that_of_the_same_jobs_live(forecast: BatchForecast, words: str) -> None:
    assert " · ".join(forecast_parts(forecast)) == words


def test_what_no_batch_can_carry_is_said_with_its_reason() -> None:
    assert stay_words(replace(FORECAST, stay=3, why="stream: a batch has none")) == (
        "3 jobs stay: stream: a batch has none"
    )
    assert stay_words(BatchForecast(stay=5, why="no usable key has a batch service")) == (
        "None of them can go: no usable key has a batch service"
    )
    assert stay_words(BatchForecast()) == "None of them is pending: there is nothing to send"
    assert stay_words(FORECAST) == ""


def test_the_deadline_is_told_as_a_time_and_how_long_that_is() -> None:
    now = datetime(2026, 11, 30, 16, 25).timestamp()
    assert deadline_words(now + 7_500, now) == "at 18:30, in 2h05m"
    assert deadline_words(now + 86_400, now) == "on Tue 16:25, in 1d00h"
    assert deadline_words(None, now) == "never"


@pytest.mark.parametrize("text", ["999999999h", "366.01d", "9" * 400 + "d"], ids=["far", "just", "endless"])
def test_a_deadline_that_is_too_far_off_to_be_shown_is_refused(text: str) -> None:
    now = datetime(2026, 11, 30, 16, 25)
    with pytest.raises(ValueError, match="longer than a year"):
        moment_of(text, now)
    assert deadline_words(moment_of("366d", now), now.timestamp()) == "on Wed 16:25, in 366d"


def test_what_is_hard_to_take_back_is_asked_before() -> None:
    frame = Frame(run=RunPart(in_flight=2), batches=BATCHES)
    asked = {command: confirmation_before(command, frame) for command in (BringBack(2), GiveUpBatch(4))}
    back, up = asked[BringBack(2)], asked[GiveUpBatch(4)]
    assert back is not None
    assert up is not None
    assert "2,470 jobs of 4,000 are done, kept and paid" in back.consequence
    assert "they may be paid twice" in up.consequence
    stop = ACTIONS["stop_now"](frame)
    assert stop == Cancel(batches=True)
    question = confirmation_before(stop, frame)
    assert question is not None
    assert "openai, anthropic are asked to cancel 3 batches of 5,700 jobs" in question.consequence
    drain = confirmation_before(Drain(), frame)
    assert drain is not None
    assert "5,700 jobs in batches stay with openai, anthropic: llmdash run --resume" in drain.consequence
    assert ACTIONS["stop_now"](replace(frame, batches=())) == Cancel()


def test_a_run_that_ends_with_jobs_at_a_provider_says_so_and_how_to_come_back() -> None:
    run = RunPart(state=RunState.STOPPED, jobs=100, done=0, batched=100)
    words = end_words(Frame(run=run, batches=(OUT,)))
    assert (words.said, words.advice) == (
        "■ stopped   100 with openai:",
        "llmdash run --resume collects them",
    )


def test_batched_jobs_are_counted_and_have_their_share_of_the_bar() -> None:
    run = RunPart(state=RunState.RUNNING, jobs=100, queued=20, in_flight=10, batched=30, done=40, cost=2.0)
    assert [(part.glyph, part.cells) for part in run_bar(run, 10)] == [("━", 4), ("╍", 1), ("╌", 3), ("─", 2)]
    line = "".join(text for text, _style in counted_line(replace(run, batch_cost=0.5), 200))
    assert "◇  30 batched" in line
    assert "$2.00 → –, $0.50 in batches" in line
    most = replace(run, batch_cost=0.5, cost_is_most=True, cost_projected=5.0)
    line = "".join(text for text, _style in counted_line(most, 200))
    assert "≤$2.00 → ≤$5.00, ≤$0.50 in batches" in line


@pytest.mark.parametrize(
    ("cost", "is_most", "cell"),
    [
        *((0.41, False, "$0.41"), (0.41, True, "≤$0.41"), (127.0, True, "≤$127")),
        *((0.0412, False, "$0.0412"), (0.0412, True, "≤$0.05")),
    ],
)
def test_the_cost_of_a_batch_without_a_price_of_batches_is_at_most_so_much(
    cost: float, is_most: bool, cell: str
) -> None:
    row = replace(OUT, cost=cost, cost_is_most=is_most)
    assert batch_cell(row, "cost", 7).text == cell


def test_a_run_of_which_all_is_batched_says_what_it_waits_for_and_claims_no_end() -> None:
    run = RunPart(state=RunState.RUNNING, jobs=6_010, batched=6_000, done=10, requests_per_s=0.0)
    frame = Frame(run=run, batches=BATCHES, rate=RatePart(binding=Binding.BATCHES))
    assert awaited_words(frame) == "6,000 batched · oldest 25m12s"
    assert awaited_words(replace(frame, batches=(BATCHES[3],))) == "batch 4 is held"
    assert awaited_words(replace(frame, run=replace(run, queued=1))) == ""
    assert run_badge(run).text == "◇ batched"
    assert binding_words(frame) == "all that is left is in batches: 6,000 jobs"
    shown = "".join(text for text, _style in progress_line(run, 200, playing=True))
    assert "– left" in shown
    assert "live" not in shown
    assert "live" in "".join(text for text, _ in progress_line(replace(run, queued=5), 200, playing=True))


@pytest.mark.parametrize(
    ("row", "at_work", "words"),
    [
        (BATCHES[3], True, "batch_6650c2; press a to say which"),
        (BATCHES[3], False, "batch_6650c2; say which with: llmdash batches adopt"),
        (
            replace(OUT, state=BatchState.HELD),
            True,
            "press x to have its jobs sent again, which may cost twice",
        ),
    ],
)
def test_a_held_batch_names_the_key_that_helps_or_the_command_where_no_key_does(
    row: BatchRow, at_work: bool, words: str
) -> None:
    (said, *_) = batch_sentences(Frame(batches=(row,)), 0.0, at_work=at_work)
    assert said.text.startswith(f"Batch {row.batch} is held: ")
    assert said.text.endswith(words)
    (chosen, *_) = batch_sentences(Frame(batches=(row,)), 0.0, {"adopt-batch": ("f5",)}, at_work=at_work)
    assert ("press f5 to say" in chosen.text) is (at_work and row.lacks_id)


def test_of_a_deadline_nothing_is_said_where_none_is_on_record() -> None:
    frame = Frame(batches=(OUT,))
    (said,) = batch_sentences(frame, 0.0)
    assert said.text.startswith("No deadline is set")
    assert batch_sentences(replace(frame, replay=ReplayPart(0.0, 9.0, 1.0, True)), 0.0) == ()
    assert batch_sentences(replace(frame, kept=True), 0.0) == ()


def test_an_attempt_in_a_batch_says_in_which() -> None:
    shown = attempts_text((AttemptRecord(0, 1, "a1f2", "batched", 1_767_225_607.0, batch=3),), 80)
    assert "◇ batched" in shown
    assert "in batch 3" in shown
