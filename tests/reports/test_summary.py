"""How a run went, for scripts and for people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import Frame, KeyRow, RunPart, Score, WorkerRow
from llmdash.engine.model.states import KeyState, RunState
from llmdash.reports.errors import ErrorKind, KeptRun
from llmdash.reports.summary import encode_line, end_report, summary
from llmdash.reports.wording import duration, left, seconds, share
from tests.reports.fakes import HOSTILE, RUNNING, hostile, in_trouble

UNKNOWN_TIMES = {"p50": None, "p90": None, "p95": None, "p99": None}


def test_the_summary_has_the_fields_scripts_count_on() -> None:
    assert summary(RUNNING) == {
        "type": "summary",
        "run": "arithmetic",
        "jobs": 10_000,
        "done": 3_380,
        "invalid": 0,
        "failed": 32,
        "pending": 6_588,
        "cancelled": 0,
        "left_out": 0,
        "empty": 0,
        "reused": 0,
        "attempts": 3_594,
        "retries": 118,
        "failed_tries": 0,
        "made_good": 0,
        "elapsed_s": 192.418,
        "rate": 17.93,
        "keys": [
            {
                "label": "a1f2",
                "state": "healthy",
                "detail": "",
                "sent": 2_400,
                "ok": 2_338,
                "throttled": 3,
                "errors": 7,
                "cut": 0,
                "input_tokens": 70_000,
                "output_tokens": 0,
            },
            {
                "label": "9bc0",
                "state": "throttled",
                "detail": "",
                "sent": 1_194,
                "ok": 1_042,
                "throttled": 140,
                "errors": 0,
                "cut": 0,
                "input_tokens": 0,
                "output_tokens": 0,
            },
        ],
        "endpoints": [],
        "workers": [],
        "score": {"right": 3_292, "not_equal": 80, "not_parseable": 8, "accuracy": 3_292 / 3_380},
        "ttft_s": {"p50": 0.388123, "p90": None, "p95": 1.2, "p99": None},
        "latency_s": {"p50": 0.9, "p90": None, "p95": 12.34, "p99": None},
        "waited_s": UNKNOWN_TIMES,
        "usage": {
            "input_tokens": 120_000,
            "output_tokens": 80_000,
            "cached_tokens": 0,
            "reasoning_tokens": 0,
        },
        "batched": 0,
        "batches": [],
        "cost": None,
        "cost_uncertain": 0.0,
        "held": None,
        "budget": None,
        "forecast": None,
        "errors": [],
        "failed_by_kind": {},
        "unknown": 0,
        "wall_s": None,
        "run_dir": None,
    }


def test_what_is_not_known_is_null() -> None:
    found = summary(Frame())
    assert found["rate"] is None
    assert found["score"] is None
    assert found["ttft_s"] == found["latency_s"] == UNKNOWN_TIMES
    scored = summary(Frame(run=RunPart(score=Score())))
    assert scored["score"] == {"right": 0, "not_equal": 0, "not_parseable": 0, "accuracy": None}


def test_jobs_are_done_failed_cancelled_or_pending() -> None:
    found = summary(Frame(run=RunPart(jobs=10, done=4, failed=3, cancelled=2, queued=1)))
    assert (found["pending"], found["cancelled"]) == (1, 2)
    assert (
        found["jobs"]
        == found["done"] + found["invalid"] + found["failed"] + found["cancelled"] + found["pending"]
    )


@pytest.mark.parametrize("state", list(KeyState))
def test_the_state_of_a_key_is_one_plain_word(state: KeyState) -> None:
    (key,) = summary(Frame(keys=(KeyRow("a1f2", state=state),)))["keys"]
    assert key["state"] in ("healthy", "throttled", "cooldown", "quarantined", "dead", "disabled")


def test_a_summary_is_one_line_of_ascii() -> None:
    line = encode_line(summary(hostile()))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == summary(hostile())


def test_the_report_tells_what_became_of_the_run() -> None:
    run = replace(RUNNING.run, state=RunState.STOPPED)
    assert end_report(replace(RUNNING, run=run)).split("\n") == [
        "arithmetic   gpt-4o-mini @ simulator   stopped   00:03:12.418",
        "jobs     3,380 done, 32 failed, 6,588 pending, of 10,000",
        "sent     3,594 attempts, 118 retries, 17.9/s, 120,000 tokens in, 80,000 out",
        "score    97.4%: 3,292 right, 80 not equal, 8 not parseable",
        "ttft     p50 0.388 s, p95 1.200 s",
        "latency  p50 0.900 s, p95 12.3 s",
        "",
        "key   state      sent     ok  429  errors  cut  tokens in  tokens out",
        "a1f2  healthy   2,400  2,338    3       7    0     70,000           0",
        "9bc0  rests 4s  1,194  1,042  140       0    0          0           0",
    ]


def test_endpoints_that_do_not_work_and_keys_that_died_are_named_with_the_reason() -> None:
    frame = in_trouble()
    found = summary(frame)
    assert found["endpoints"] == [
        {"name": "openai", "state": "down", "detail": "connection refused"},
        {"name": "mine", "state": "paused", "detail": "certificate not trusted"},
        {"name": "claude", "state": "up", "detail": ""},
    ]
    assert (found["keys"][1]["state"], found["keys"][1]["detail"]) == ("dead", "401 invalid key")
    report = end_report(frame).split("\n")
    assert "endpoint openai down 8s: connection refused; mine paused: certificate not trusted" in report
    assert report[-1].endswith("0  401 invalid key")
    assert report[-2].endswith(" 0")


def test_the_report_leaves_out_what_there_is_not() -> None:
    report = end_report(Frame(run=RunPart(name="verse", jobs=2, done=1, cancelled=1, tokens_estimated=True)))
    assert "score" not in report
    assert "key " not in report
    assert "jobs     1 done, 0 failed, 1 cancelled, 0 pending, of 2" in report
    assert "0 retries, –, about 0 tokens in" in report
    assert "ttft     p50 –, p95 –" in report


KEPT = KeptRun(
    Path("/runs/my run"),
    (
        ErrorKind(30, "400 bad #", "row-7", "request", 400, "invalid_model"),
        ErrorKind(2, "no such line", "row-9"),
    ),
)


@pytest.mark.case("files", "headless-reason")
def test_the_report_says_why_jobs_failed_where_the_run_is_and_how_to_go_on() -> None:
    lines = end_report(RUNNING, KEPT).splitlines()
    assert lines[-6:] == [
        "errors   30 jobs: request invalid_model: 400 bad #",
        "         2 jobs: no such line",
        "answers  llmdash runs export '/runs/my run' answers.jsonl",
        "kept in  /runs/my run",
        "resume   llmdash run --resume --run-dir '/runs/my run'",
        "retry    llmdash run --resume --run-dir '/runs/my run' --retry-failed",
    ]


def test_a_run_that_went_well_only_says_where_it_is() -> None:
    done = Frame(run=RunPart(name="verse", jobs=2, done=2))
    nowhere, there = KeptRun(Path("kept")), KeptRun(Path("kept"), out=Path("r.csv"))
    command = "llmdash runs export kept answers.jsonl"
    assert end_report(done, nowhere).splitlines()[-3:] == ["", f"answers  {command}", "kept in  kept"]
    assert end_report(done, there).splitlines()[-3:] == ["", "answers  r.csv", "kept in  kept"]


def test_a_run_without_an_answer_names_no_place_for_them() -> None:
    failed = Frame(run=RunPart(name="verse", jobs=2, failed=2))
    assert "answers" not in end_report(failed, KeptRun(Path("kept")))


@pytest.mark.parametrize(
    ("estimated", "said"), [(False, "cost     $0.0043"), (True, "cost     about $0.0043")]
)
def test_the_cost_is_reported_where_prices_are_known(said: str, *, estimated: bool) -> None:
    run = RunPart(name="verse", jobs=1, done=1, cost=0.0043, tokens_estimated=estimated)
    assert any(line.startswith(said) for line in end_report(Frame(run=run)).splitlines())
    assert "cost" not in end_report(Frame(run=replace(run, cost=None)))
    assert "cost     at most $0.0043" in end_report(Frame(run=replace(run, cost_is_most=True)))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (
            RunPart(cost=0.42, unknown=3, cost_uncertain=0.05),
            "$0.4200, of which about $0.0500 for 3 requests",
        ),
        (
            RunPart(cost=0.42, unknown=1, cost_uncertain=0.05, budget=5.0),
            "$0.4200 of $5.00, of which at most $0.0500 for 1 request without an outcome",
        ),
        (
            RunPart(cost=0.42, cost_uncertain=0.05, budget=5.0),
            "$0.4200 of $5.00, of which at most $0.0500 for failed requests that may be billed",
        ),
    ],
)
def test_it_is_said_what_of_the_cost_is_not_sure(run: RunPart, said: str) -> None:
    assert f"cost     {said}" in end_report(Frame(run=run))
    assert (summary(Frame(run=run))["cost"], summary(Frame(run=run))["cost_uncertain"]) == (0.42, 0.05)


def test_of_many_kinds_of_error_the_most_frequent_are_reported() -> None:
    errors = tuple(ErrorKind(count, f"error {count}") for count in range(40, 0, -1))
    lines = end_report(RUNNING, KeptRun(Path("kept"), errors)).splitlines()
    assert "errors   40 jobs: error 40" in lines
    assert "         and 30 more kinds of error" in lines
    assert not any("error 30" in line for line in lines)


@pytest.mark.case("files", "headless-reason")
def test_the_summary_has_the_kinds_of_error_and_the_folder() -> None:
    found = summary(RUNNING, KEPT)
    assert found["run_dir"] == "/runs/my run"
    assert found["errors"] == [
        {
            "class": "request",
            "status": 400,
            "code": "invalid_model",
            "count": 30,
            "tries": 0,
            "example": "400 bad #",
            "id": "row-7",
        },
        {
            "class": None,
            "status": None,
            "code": None,
            "count": 2,
            "tries": 0,
            "example": "no such line",
            "id": "row-9",
        },
    ]


def test_a_hostile_error_cannot_break_its_line() -> None:
    folder = Path(f"/{HOSTILE}".replace("\ud800", "\udc80"))  # what a name that is not UTF-8 is read as
    kept = KeptRun(folder, (ErrorKind(1, HOSTILE, HOSTILE, "request", 400, HOSTILE),))
    assert all(line.isprintable() for line in end_report(RUNNING, kept).split("\n"))
    assert encode_line(summary(RUNNING, kept)).isprintable()


def test_a_hostile_run_cannot_break_its_report() -> None:
    lines = end_report(hostile()).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == len(end_report(RUNNING).split("\n")) + 1, "one key less; endpoint and worker more"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "00:00:00.000"),
        (59.9996, "00:01:00.000"),
        (192.418, "00:03:12.418"),
        (360_000.5, "100:00:00.500"),
        (-1.0, "00:00:00.000"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert duration(value) == text


@given(st.integers(0, 10**10))
def test_a_duration_says_every_millisecond(milliseconds: int) -> None:
    hours, minutes, rest = duration(milliseconds / 1000).split(":")
    whole, fraction = rest.split(".")
    assert (int(hours) * 3600 + int(minutes) * 60 + int(whole)) * 1000 + int(fraction) == milliseconds


def test_only_the_whole_is_called_a_hundred_percent() -> None:
    assert share(1.0) == "100.0%"
    assert share(0.99999) == "99.9%"
    assert share(0.0) == "0.0%"
    assert share(0.29) == "29.0%"
    assert share(None) == "–"


def test_seconds_lose_digits_as_they_grow() -> None:
    assert [seconds(value) for value in (0.0, 0.3881, 9.99, 12.34, None)] == [
        *("0.000 s", "0.388 s", "9.990 s", "12.3 s", "–"),
    ]


def test_the_time_left_is_rounded_up() -> None:
    values = (0.0, 3.2, 119.5, 121.0, 871.0, 7_200.0, 7_201.0, -1.0)
    assert [left(value) for value in values] == [
        *("0s", "4s", "2 min", "3 min", "15 min", "120 min", "3 h", "0s"),
    ]


WORKERS = (WorkerRow("w1", "gpu-a", done=512), WorkerRow("w2", "gpu-b", done=1_488, lost=3))


def test_the_summary_says_what_each_worker_did() -> None:
    assert summary(replace(RUNNING, workers=WORKERS))["workers"] == [
        {"name": "w1", "host": "gpu-a", "done": 512, "lost": 0},
        {"name": "w2", "host": "gpu-b", "done": 1_488, "lost": 3},
    ]


def test_the_report_has_the_workers_on_one_line_however_many() -> None:
    assert "workers  w1 512, w2 1,488 (3 lost)" in end_report(replace(RUNNING, workers=WORKERS)).splitlines()
    many = tuple(WorkerRow(f"w{number}", "gpu-a") for number in range(100))
    (line,) = [
        line for line in end_report(replace(RUNNING, workers=many)).splitlines() if line.startswith("workers")
    ]
    assert line == "workers  w0 0, w1 0, w2 0, w3 0, w4 0, w5 0, w6 0, w7 0 and 92 more"
    assert "workers" not in end_report(RUNNING)


@pytest.mark.parametrize(("ended_at", "wall_s"), [(160.0, 60.0), (40.0, 8.0), (100.0, 8.0)])
def test_a_run_took_as_long_as_it_was_at_work_at_least_wherever_the_clock_was_set_to(
    ended_at: float, wall_s: float
) -> None:
    assert RunPart(elapsed_s=8.0, began_at=100.0, ended_at=ended_at).wall_s == wall_s
