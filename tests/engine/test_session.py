"""A whole run: every job ends once, and all accounts agree."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.lock import LockedError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import AlertKind, JobState, KeyState, RunState, Severity
from llmdash.engine.model.view import View
from llmdash.engine.session import LocalSession
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import InputError, Prompt, PromptList
from tests.engine.scripted import (
    ALL,
    FAST,
    Server,
    assert_balanced,
    echo,
    failing,
    of,
    plan,
    prompts,
    records,
    run,
    started,
    until,
    whole,
)
from tests.waiting import PATIENCE_S


def test_every_job_ends_once_and_all_accounts_agree(tmp_path: Path) -> None:
    server = Server()
    session = run(plan(tmp_path, server, prompts(500), concurrency=32))
    assert session.ending is Ending.DONE
    frame = assert_balanced(session, server)
    assert frame.run.done == 500
    assert frame.run.score is not None
    assert frame.run.score.right == 500
    assert max(key.sent for key in frame.keys) - min(key.sent for key in frame.keys) <= 1
    assert [result.text for result in records(session)] == [f"re: prompt {n}" for n in range(500)]
    assert server.most_in_flight <= 32


def test_a_run_without_jobs_is_done(tmp_path: Path) -> None:
    session = run(plan(tmp_path, Server(), prompts(0)))
    assert session.ending is Ending.DONE
    assert session.frame(View()).run.state is RunState.DONE


def test_a_transient_failure_is_retried_five_times_and_then_the_job_fails(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, before: int) -> list[Any]:
        if prompt == "prompt 1" or (prompt == "prompt 2" and before < 5):
            return [Delta(text="half an ans"), *failing(FailureKind.TRANSIENT, "reset", status=502)]
        return echo("", prompt, before)

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(4)))
    frame = assert_balanced(session, server)
    assert server.asked["prompt 1"] == server.asked["prompt 2"] == 6
    assert (frame.run.done, frame.run.failed, frame.run.retries) == (3, 1, 10)
    failed = records(session)[1]
    assert (failed.state, failed.text, failed.attempts, failed.error) == ("failed", None, 6, "502 reset")
    assert records(session)[2].text == "re: prompt 2"


def test_being_throttled_costs_no_attempt(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if before < 8:
            return failing(FailureKind.THROTTLE, "slow down", status=429, retry_after=0.01)
        return echo(key, prompt, before)

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(3)))
    frame = assert_balanced(session, server)
    assert frame.run.done == 3
    assert sum(key.throttled for key in frame.keys) == 24


def test_a_run_that_is_rate_limited_for_too_long_ends_and_its_jobs_stay_pending(tmp_path: Path) -> None:
    server = Server(lambda *_: failing(FailureKind.THROTTLE, "no", status=429, retry_after=0.02))
    patient = dataclasses.replace(FAST, patience_s=0.3)
    session = run(plan(tmp_path, server, prompts(3), policy=patient))
    assert session.ending is Ending.NO_KEY
    assert assert_balanced(session, server).run.ended == 0


def test_a_refused_key_dies_and_the_others_carry_on(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if key == "k1":
            return failing(FailureKind.AUTH, "bad key", status=401)
        return [0.001, *echo(key, prompt, before)]

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(200)))
    frame = assert_balanced(session, server)
    assert frame.run.done == 200
    assert [key.state for key in frame.keys] == [KeyState.HEALTHY, KeyState.DEAD, KeyState.HEALTHY]
    assert server.by_key["k1"] <= 2 + 8
    assert [notice.severity for notice in frame.notices] == [Severity.ERROR]


def refused(_key: str, _prompt: str, _before: int) -> list[Any]:
    return failing(FailureKind.AUTH, "bad key", status=401)


def test_a_run_without_a_usable_key_ends_and_its_jobs_stay_pending(tmp_path: Path) -> None:
    server = Server(refused)
    session = run(plan(tmp_path, server, prompts(20)))
    assert session.ending is Ending.NO_KEY
    frame = assert_balanced(session, server)
    assert frame.run.ended == 0
    resumed = run(plan(tmp_path, Server(), prompts(20), resume=True))
    assert resumed.frame(View()).run.done == 20


def test_a_run_that_stays_waits_for_a_key_to_be_revived(tmp_path: Path) -> None:
    server = Server(refused)
    with started(plan(tmp_path, server, prompts(20), stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        server.script = echo
        for key in ("k0", "k1", "k2"):
            session.command(commands.ReviveKey(key))
        session.command(commands.Resume())
        until(session, lambda frame: frame.run.state is RunState.DONE)
    assert_balanced(session, server)
    assert len(records(session)) == 20


def test_a_request_that_is_refused_fails_at_once(tmp_path: Path) -> None:
    server = Server(lambda *_: failing(FailureKind.REQUEST, "too long", status=400, names_request=True))
    session = run(plan(tmp_path, server, prompts(3)))
    assert_balanced(session, server)
    assert set(server.asked.values()) == {1}
    assert {result.error for result in records(session)} == {"400 too long"}


@pytest.mark.parametrize("fault", [TypeError("sk-secret"), KeyError("x"), OSError("gone"), RecursionError()])
def test_a_fault_in_a_models_class_costs_no_other_job(tmp_path: Path, fault: Exception) -> None:
    """It is tried again like any failure; then the job fails with the name of the fault, not its text."""

    def script(key: str, prompt: str, before: int) -> list[Any]:
        return [fault] if prompt == "prompt 3" else echo(key, prompt, before)

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(10)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.failed) == (9, 1)
    error = records(session)[3].error or ""
    assert type(fault).__name__ in error
    assert "sk-secret" not in error


def test_a_models_class_that_cancels_itself_or_yields_nonsense_hangs_nothing(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if before == 0 and prompt in ("prompt 0", "prompt 1"):
            return [asyncio.CancelledError()]
        if before == 1:
            return [Delta(text=5)]  # type: ignore[arg-type]  # the nonsense: no text
        return whole("fine", Usage(2**70, -5))

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(30), concurrency=4))
    frame = assert_balanced(session, server)
    assert frame.run.done == 30
    assert records(session)[0].input_tokens == 2**31 - 1


def test_text_of_any_kind_is_kept_exactly(tmp_path: Path) -> None:
    texts = ["", "a\0b", "\x1b]52;c;!\x07", "\U0001f600 \u202e", "x" * 1_000_000, "[/bold]", "\x1f"]
    server = Server(lambda _key, prompt, _before: whole(texts[int(prompt)]))
    source = of([Prompt(f"id {text[:5]}", (("user", str(n)),)) for n, text in enumerate(texts)])
    session = run(plan(tmp_path, server, source))
    assert [result.text for result in records(session)] == texts
    assert [result.id for result in records(session)] == [f"id {text[:5]}" for text in texts]
    assert_balanced(session, server)


def test_halves_of_surrogate_pairs_break_nothing(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        if prompt == "fail":
            return failing(FailureKind.REQUEST, "\ud800", request_id="\udfff")
        return [Delta(text="\ud83d"), Delta(text="\ude00 \ud800"), Delta(finish_reason="\ud800")]

    source = of([Prompt("\ud800", (("user", each),), "\udfff") for each in ("ok", "fail")])
    server = Server(script)
    session = run(plan(tmp_path, server, source))
    assert [result.state for result in records(session)] == ["done", "failed"]
    assert records(session)[0].text == "\U0001f600 \ufffd"
    assert_balanced(session, server)


def test_input_that_changes_under_the_run_fails_only_its_job(tmp_path: Path) -> None:
    class Torn(PromptList):
        def prompt(self, index: int) -> Prompt:
            if index == 2:
                raise InputError("prompts.jsonl: changed since the run began")
            return super().prompt(index)

    server = Server()
    session = run(plan(tmp_path, server, Torn("torn", "f" * 64, prompts(5).prompts)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.failed) == (4, 1)
    assert records(session)[2].error == "prompts.jsonl: changed since the run began"


def test_a_fault_in_the_prompt_source_ends_the_run_and_is_told(tmp_path: Path) -> None:
    class Broken(PromptList):
        def prompt(self, index: int) -> Prompt:
            if index == 7:
                raise ZeroDivisionError("no such prompt")
            return super().prompt(index)

    session = LocalSession(plan(tmp_path, Server(), Broken("broken", "f" * 64, prompts(10).prompts)))
    session.start()
    assert session.join(PATIENCE_S)
    assert isinstance(session.crash, ZeroDivisionError)
    again = run(plan(tmp_path, Server(), prompts(10), resume=True))
    assert again.frame(View()).run.done == 10


def test_keys_that_cannot_be_made_end_the_run_and_free_the_folder(tmp_path: Path) -> None:
    session = LocalSession(plan(tmp_path, Server(), prompts(3), keys=0))
    session.start()
    assert session.join(PATIENCE_S)
    assert isinstance(session.crash, ValueError)
    assert run(plan(tmp_path, Server(), prompts(3), resume=True)).ending is Ending.DONE


def test_an_answer_that_a_custom_class_leaves_without_a_time_is_timed_here(tmp_path: Path) -> None:
    session = run(plan(tmp_path, Server(), prompts(1)))
    assert 0.0 <= (records(session)[0].ttft_s or 0.0) < 20.0


def test_a_second_session_on_the_same_run_is_refused(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(lambda _key, prompt, _before: [gate, *whole(prompt)])
    with started(plan(tmp_path, server, prompts(3))):
        with pytest.raises(LockedError, match="works on this run"):
            LocalSession(plan(tmp_path, server, prompts(3), resume=True))
        gate.set()


def test_a_folder_with_a_run_is_not_begun_anew_nor_resumed_with_other_input(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(3)))
    with pytest.raises(JournalError, match="--resume"):
        LocalSession(plan(tmp_path, Server(), prompts(3)))
    with pytest.raises(JournalError, match="other input"):
        LocalSession(plan(tmp_path, Server(), prompts(4), resume=True))
    with pytest.raises(JournalError, match="other input"):
        LocalSession(plan(tmp_path, Server(), of(prompts(3).prompts, "0" * 64), resume=True))
    assert len(list(JournalReader(tmp_path).results())) == 3


def test_the_picture_before_the_start_shows_every_job_queued(tmp_path: Path) -> None:
    session = LocalSession(plan(tmp_path, Server(), prompts(3)))
    assert (session.frame(View()).run.jobs, session.frame(View()).run.queued) == (3, 3)
    session.command(commands.SetRate(-1.0))
    session.start()
    assert session.join(PATIENCE_S)
    assert session.crash is None
    assert [notice.severity for notice in session.frame(View()).notices] == [Severity.WARNING]
    assert session.frame(View(inspect=1)).inspection is not None
    assert {row.state for row in session.frame(ALL).jobs.rows} == {JobState.DONE}


def test_a_run_that_stands_for_want_of_a_key_goes_on_when_one_is_revived(tmp_path: Path) -> None:
    refusing = threading.Event()
    refusing.set()

    def script(key: str, prompt: str, before: int) -> list[Any]:
        if refusing.is_set():
            return failing(FailureKind.AUTH, "bad key", status=401)
        return echo(key, prompt, before)

    server = Server(script)
    with started(plan(tmp_path, server, prompts(5), keys=2, stay=True)) as session:
        frame = until(session, lambda frame: frame.run.state is RunState.PAUSED)
        assert [alert.kind for alert in frame.blockers] == [AlertKind.KEYS_GONE]
        refusing.clear()
        session.command(commands.ReviveKey("k1"))
        until(session, lambda frame: frame.run.done == 5)
    assert assert_balanced(session, server).run.failed == 0


def test_a_brake_stops_a_run_that_is_watched_until_the_user_goes_on(tmp_path: Path) -> None:
    server = Server(lambda *_: failing(FailureKind.REQUEST, "no such model", status=404))
    with started(plan(tmp_path, server, prompts(200), concurrency=2, stay=True)) as session:
        frame = until(session, lambda frame: frame.run.state is RunState.PAUSED and not frame.run.in_flight)
        assert 20 <= frame.run.failed <= 22
        assert [alert.kind for alert in frame.alerts] == [AlertKind.KILL_SWITCH]
        server.script = echo
        session.command(commands.Resume())
        session.command(commands.RetryFailed())
        until(session, lambda frame: frame.run.done == 200)
    assert_balanced(session, server)


def faulty(_key: str, prompt: str, before: int) -> list[Any]:
    """Of five jobs one fails twice before it is answered, one is throttled once, one fails for good."""
    match int(prompt.split()[-1]) % 5:
        case 0 if before < 2:
            return failing(FailureKind.TRANSIENT, f"down for {before} s", status=503)
        case 1 if not before:
            return failing(FailureKind.THROTTLE, "slow down", status=429, retry_after=0.01)
        case 2:
            return failing(FailureKind.REQUEST, "too long", status=400, names_request=True)
    return whole("fine")


@pytest.mark.case("engine", "attempts-hidden")
def test_every_try_that_failed_is_counted_also_after_a_resume(tmp_path: Path) -> None:
    begun = run(plan(tmp_path, Server(faulty), prompts(25)))
    before = begun.frame(View(errors=True))
    assert {(group.words, group.jobs, group.tries) for group in before.errors} == {
        ("400 too long", 5, 5),
        ("503 down for * s", 0, 10),
        ("429 slow down", 0, 5),
    }
    assert (before.run.failed_tries, before.run.made_good) == (20, 15)
    again = run(plan(tmp_path, Server(faulty), prompts(25), resume=True, retry_failed=True))
    after = again.frame(View(errors=True, examples_of=before.errors[0].id))
    assert {(group.words, group.jobs, group.tries) for group in after.errors} == {
        ("400 too long", 5, 10),
        ("503 down for * s", 0, 10),
        ("429 slow down", 0, 5),
    }
    assert (after.run.failed_tries, after.run.made_good) == (25, 15)
    assert [len(example.keys) for example in after.examples] == [2] * 4
    assert {example.message for example in after.examples} == {"400 too long"}


def test_a_retry_on_request_takes_jobs_out_of_their_group_and_its_tries_may_be_made_good(
    tmp_path: Path,
) -> None:
    server = Server(faulty)
    with started(plan(tmp_path, server, prompts(25), stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
        server.script = echo
        session.command(commands.RetryFailed())
        until(session, lambda frame: frame.run.done == 25)
    frame = assert_balanced(session, server)
    assert (frame.run.failed, frame.run.failed_tries, frame.run.made_good) == (0, 20, 20)
    assert not any(group.jobs for group in frame.errors)


def test_a_run_in_which_nothing_happens_ends_once_it_is_drained(tmp_path: Path) -> None:
    """A look at the run waited for something to happen; told of that and of its end at once, it went on."""
    server = Server(lambda *_: failing(FailureKind.TRANSIENT, status=503))
    late = dataclasses.replace(FAST, base_s=1_000.0, cap_s=1_000.0)
    with started(plan(tmp_path, server, prompts(3), policy=late)) as session:
        until(session, lambda frame: frame.run.elapsed_s > 3.0)
        session.command(commands.Drain())
        assert session.join(PATIENCE_S), "the run hangs"
        assert session.ending is Ending.STOPPED
