"""What the screen showed is on record: samples of the rates, and moments of what was set or happened."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.engine.model.states import Binding, RunState
from llmdash.engine.model.view import View
from llmdash.llms.wire.failures import FailureKind
from tests.engine.scripted import Server, echo, failing, plan, prompts, run, started, until
from tests.waiting import PATIENCE_S


def on_record(folder: Path) -> tuple[list[SampleRow], list[MomentRow]]:
    reader = JournalReader(folder)
    return reader.samples(), reader.moments()


def of_kind(moments: list[MomentRow], kind: str) -> list[tuple[str | None, str | None]]:
    return [(each.subject, each.value) for each in moments if each.kind == kind]


def troubled(key: str, prompt: str, before: int) -> list[Any]:
    """Every 40th prompt is rate limited once, the key k1 is dead."""
    if key == "k1":
        return failing(FailureKind.AUTH, "bad key", status=401)
    if not before and int(prompt.split()[-1]) % 40 == 0:
        return failing(FailureKind.THROTTLE, "slow down", status=429, retry_after=0.01)
    return [0.002, *echo(key, prompt, before)]


def test_the_samples_add_up_to_the_run(tmp_path: Path) -> None:
    session = run(plan(tmp_path, Server(troubled), prompts(90)))
    samples, _ = on_record(tmp_path)
    frame = session.frame(View())
    assert sum(row.sent for row in samples) == frame.run.attempts
    assert sum(row.tokens for row in samples) == frame.run.output_tokens
    assert sum(row.throttled for row in samples) == sum(key.throttled for key in frame.keys) >= 3
    assert samples[-1].active_s == pytest.approx(frame.run.elapsed_s)
    assert (samples[-1].rate, samples[-1].concurrency) == (None, 8)
    assert samples[-1].binding in {each.value for each in Binding}


def test_the_moments_say_what_was_set_and_what_happened(tmp_path: Path) -> None:
    steered = threading.Event()

    def script(key: str, prompt: str, _before: int) -> list[Any]:
        is_late = int(prompt.split()[-1]) >= 100
        return [*([steered] if is_late else []), 0.02, *troubled(key, prompt, 1)]

    server = Server(script)
    with started(plan(tmp_path, server, prompts(200), stay=True)) as session:
        until(session, lambda frame: frame.run.done > 3)
        session.command(commands.SetConcurrency(4))
        session.command(commands.Pause())
        steered.set()
        until(session, lambda frame: frame.run.rests)
        session.command(commands.SetRate(900.0))
        session.command(commands.Resume())
        until(session, lambda frame: frame.run.state is RunState.DONE)
    _, moments = on_record(tmp_path)
    assert moments[0].kind == "begun"
    assert 0 <= float(moments[0].value or "nan") < PATIENCE_S
    assert moments[-1][1:] == ("ended", None, "stopped on command")
    assert of_kind(moments, "concurrency") == [(None, "8"), (None, "4")]
    assert [json.loads(value or "") for _, value in of_kind(moments, "rate")] == [None, 900.0]
    states = [subject for subject, _ in of_kind(moments, "state")]
    assert [state for state in states if state != "starting"] == ["running", "paused", "running", "done"]
    assert ("k1", "dead bad key") in of_kind(moments, "key")
    assert of_kind(moments, "endpoint")[0] == ("nowhere", "up")
    assert [subject for subject, _ in of_kind(moments, "notice")] == ["error"]
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)


def test_a_resume_continues_samples_and_moments(tmp_path: Path) -> None:
    with started(plan(tmp_path, Server(troubled), prompts(60))) as session:
        until(session, lambda frame: frame.run.done > 10)
    before, _ = on_record(tmp_path)
    session = run(plan(tmp_path, Server(), prompts(60), resume=True))
    samples, moments = on_record(tmp_path)
    assert samples[: len(before)] == before
    assert [kind for _, kind, *_ in moments if kind in ("begun", "ended")] == ["begun", "ended"] * 2
    assert float(of_kind(moments, "begun")[1][1] or 0) == pytest.approx(before[-1].active_s, abs=0.1)
    assert [row.at for row in samples] == sorted({row.at for row in samples})
    assert sum(row.sent for row in samples) == session.frame(View()).run.attempts
    assert session.frame(View()).run.elapsed_s == pytest.approx(samples[-1].active_s)


def test_every_outcome_says_when_it_was_known(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(troubled), prompts(30)))
    reader = JournalReader(tmp_path)
    for job in range(30):
        attempts, result = reader.attempts(job), reader.result(job)
        assert result is not None
        assert result.ended_at == attempts[-1].ended_at
        for attempt in attempts:
            assert attempt.ended_at is not None
            assert attempt.ended_at >= attempt.sent_at
