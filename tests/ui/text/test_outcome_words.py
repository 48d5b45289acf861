"""What came of a run, in words and figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import ErrorClass, ErrorGroup, Frame, Percentiles, ReplayPart, RunPart, Score
from llmdash.engine.model.states import RunState
from llmdash.ui.text.end_words import end_words
from llmdash.ui.text.outcome_words import failed_kinds, half_width, outcome_lines

ERRORS = (
    ErrorGroup("stalled: no content for *", 26, (1,), 141, kind=ErrorClass.STALLED),
    ErrorGroup("the server had an error", 10, (2,), 60, kind=ErrorClass.SERVER, status=500),
    ErrorGroup("another one", 2, (3,), 4, kind=ErrorClass.SERVER, status=500),
    ErrorGroup("slow down", 0, (4,), 48, kind=ErrorClass.THROTTLED, status=429),
)
DONE = RunPart(
    state=RunState.DONE,
    jobs=10_000,
    done=9_962,
    failed=38,
    score=Score(9_730, 162, 70),
    cost=1.27,
    requests_per_s=17.8,
    ttft=Percentiles(0.41, 0.71, 0.97, 1.62),
    output="/somewhere/results.jsonl",
)


def texts(run: RunPart, errors: tuple[ErrorGroup, ...] = (), width: int = 40) -> list[str]:
    return [
        "".join(text for text, _style in line.pieces).rstrip() for line in outcome_lines(run, errors, width)
    ]


def test_it_says_what_was_saved_what_is_right_and_why_the_rest_failed() -> None:
    shown = texts(DONE, ERRORS)
    assert "saved     9,962 of 10,000   99.62%" in shown
    assert "right     9,730   97.7% ± 0.3" in shown
    assert "not equal   162   no JSON 70" in shown
    assert "failed       38   stalled 26, 500 12" in shown
    assert next(line.split() for line in shown if line.startswith("first")) == [
        "first",
        "token",
        "0.41s",
        "0.71s",
        "0.97s",
        "1.62s",
    ]
    assert "cost      $1.27" in shown
    assert "cost      $1.27   $0.050 of it unsure" in texts(replace(DONE, cost_uncertain=0.05))


def test_a_run_that_was_stopped_says_what_is_left_and_what_it_does_not_know() -> None:
    run = RunPart(state=RunState.STOPPED, jobs=100, done=40, invalid=2, cancelled=1, left_out=3, unknown=1)
    shown = texts(run)
    assert "left      57   not asked yet" in shown
    assert "invalid    2   break their schema" in shown
    assert "cancelled  1" in shown
    assert "left out   3   input lines" in shown
    assert "unknown   1 request may be paid twice" in shown


def test_tokens_name_what_was_cached_where_there_is_room() -> None:
    run = RunPart(input_tokens=540_000, output_tokens=168_000, cached_tokens=90_000, reasoning_tokens=20_000)
    assert "tokens    540k in   168k out" in texts(run, width=36)
    assert "tokens    540k in (90k cached)   168k out (20k reasoning)" in texts(run, width=70)


def test_kinds_of_error_that_do_not_fit_are_left_out() -> None:
    assert failed_kinds(ERRORS, 12) == "stalled 26"
    assert failed_kinds((ErrorGroup("", 3, (0,)),), 30) == "other 3"


@pytest.mark.parametrize(
    ("score", "half"), [(Score(10_000), 0.0002), (Score(9_730, 200, 70), 0.0032), (Score(1), 0.4)]
)
def test_the_interval_is_never_nothing(score: Score, half: float) -> None:
    assert half_width(score) == pytest.approx(half, rel=0.1)


def test_the_last_word_says_what_a_retry_costs() -> None:
    words = end_words(Frame(run=DONE))
    assert (words.said, words.key) == ("✓ all ended   38 failed:", "R")
    assert words.advice == "tries them again, about $0.0048, 2s"
    assert words.results == "results.jsonl is complete"


def test_a_good_run_asks_nothing() -> None:
    good = end_words(Frame(run=RunPart(state=RunState.DONE, jobs=5, done=5)))
    assert (good.said, good.key) == ("✓ all ended, nothing failed", "")


def test_a_run_that_was_stopped_says_how_to_go_on() -> None:
    run = RunPart(state=RunState.STOPPED, state_detail="no usable key is left", jobs=9, done=2, invalid=1)
    words = end_words(Frame(run=run))
    assert words.said == "■ no usable key is left   6 left:"
    assert words.advice == "llmdash run --resume goes on with them"


def test_a_kept_run_names_the_key_that_says_how_it_goes_on_and_a_replay_none() -> None:
    run = RunPart(state=RunState.STOPPED, state_detail="stopped on command", jobs=9, done=2)
    kept, replay = (
        end_words(Frame(run=run, kept=True)),
        end_words(Frame(run=run, replay=ReplayPart(9.0, 9.0, 1.0, playing=False))),
    )
    assert (kept.said, kept.key) == ("■ stopped on command   7 left:", "p")
    assert (replay.said, replay.key, replay.advice) == ("■ stopped on command   7 left", "", "")


def test_a_run_whose_answers_all_failed_has_nothing_that_is_scored() -> None:
    run = RunPart(state=RunState.DONE, jobs=3, failed=3, score=Score())
    assert "right     0   none scored" in texts(run)
    assert half_width(Score()) == 0.5
