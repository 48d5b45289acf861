"""Answers that are known are taken, and equal requests are asked once; everything else is as ever."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llmdash.doctor.check import check
from llmdash.doctor.findings import Finding, Level
from llmdash.engine.dispatch.answer_rules import AnswerRules
from llmdash.engine.dispatch.reuse import ReuseRules, Which
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Cancel, CancelJobs, RetryJobs
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.plan import RunPlan
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import InputError, Prompt, PromptList
from llmdash.runs.kept_answers import KeptAnswers
from tests.engine import scripted
from tests.engine.scripted import Server, assert_balanced, of, records, run, started, until, whole
from tests.waiting import PATIENCE_S


def taking(folder: Path, *kept: Path, which: Which = Which.EXACT) -> ReuseRules:
    return ReuseRules(KeptAnswers(kept), which)


def deduping(folder: Path, which: Which = Which.EXACT) -> ReuseRules:
    return ReuseRules(KeptAnswers((), folder), of_own=which)


def plan(folder: Path, server: Server, source: PromptList, **more: Any) -> RunPlan:
    folder.mkdir(exist_ok=True)
    return scripted.plan(folder, server, source, **more)


def same(count: int, different: int = 1, **more: Any) -> PromptList:
    """Prompts of which every `different`th is the same one."""
    return of([Prompt(f"p{n}", (("user", f"say {n % different}"),), **more) for n in range(count)])


def by_id(found: Sequence[ResultRecord]) -> dict[str, ResultRecord]:
    return {each.id: each for each in found}


def problems(folder: Path) -> list[Finding]:
    """What the doctor finds wrong with the rows of a run."""
    return [each for each in check(folder, lambda _facts: None).findings if each.level is Level.PROBLEM]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A run of 20 prompts that were answered."""
    run(plan(tmp_path / "kept", Server(), same(20, 20, expected="re: say 3")))
    return tmp_path / "kept"


def test_only_what_is_not_known_is_asked(tmp_path: Path, kept: Path) -> None:
    server = Server()
    session = run(plan(tmp_path / "run", server, same(25, 25), reuse=taking(tmp_path / "run", kept)))
    frame = assert_balanced(session, server)
    assert sorted(server.asked) == sorted(f"say {n}" for n in range(20, 25))
    assert (frame.run.done, frame.run.reused, frame.run.attempts) == (25, 20, 5)
    assert (frame.run.input_tokens, frame.run.output_tokens) == (10, 15)
    taken = by_id(records(session))["p3"]
    assert (taken.text, taken.flags, taken.attempts, taken.key) == ("re: say 3", ("reused",), 0, None)
    assert (taken.finish_reason, taken.input_tokens, taken.output_tokens) == ("stop", 2, 3)
    assert taken.model == "scripted"
    assert taken.latency_s is None


def test_an_answer_that_was_taken_is_sound_and_resumed_as_it_is(tmp_path: Path, kept: Path) -> None:
    folder, server = tmp_path / "run", Server()
    run(plan(folder, server, same(25, 25), reuse=taking(folder, kept)))
    assert not problems(folder)
    again = run(plan(folder, Server(), same(25, 25), resume=True, reuse=taking(folder, kept)))
    frame = again.frame(scripted.ALL)
    assert (frame.run.done, frame.run.reused, frame.run.attempts) == (25, 20, 5)
    assert frame.run.output_tokens == 15


def test_the_verdict_is_that_of_this_run(tmp_path: Path, kept: Path) -> None:
    session = run(
        plan(
            tmp_path / "run",
            Server(),
            same(20, 20, expected="re: say 4"),
            reuse=taking(tmp_path / "run", kept),
        )
    )
    right = [each.id for each in records(session) if each.correct]
    assert right == ["p4"]
    assert all(each.expected == "re: say 4" for each in records(session))


class Numbers:
    def problem(self, text: str) -> str | None:
        return None if text.isdigit() else "not a number"


def test_an_answer_that_this_run_does_not_accept_is_not_taken(tmp_path: Path, kept: Path) -> None:
    server = Server(lambda _key, prompt, _before: whole(prompt.removeprefix("say ")))
    folder = tmp_path / "run"
    session = run(
        plan(folder, server, same(20, 20), rules=AnswerRules(Numbers()), reuse=taking(folder, kept))
    )
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.reused, frame.run.attempts) == (20, 0, 20)


@pytest.mark.parametrize(("which", "asked"), [(Which.EXACT, 20), (Which.ANY, 0)], ids=["exact", "any"])
def test_a_sampled_answer_is_taken_only_on_request(tmp_path: Path, which: Which, asked: int) -> None:
    sampled = same(20, 20, options={"temperature": 1})
    run(plan(tmp_path / "kept", Server(), sampled))
    server, folder = Server(), tmp_path / "run"
    run(plan(folder, server, sampled, reuse=taking(folder, tmp_path / "kept", which=which)))
    assert sum(server.asked.values()) == asked


def test_a_retry_sends_what_was_taken(tmp_path: Path, kept: Path) -> None:
    server = Server(lambda _key, prompt, _before: whole(f"new: {prompt}"))
    folder = tmp_path / "run"
    with started(plan(folder, server, same(20, 20), reuse=taking(folder, kept), stay=True)) as session:
        until(session, lambda frame: frame.run.done == 20)
        session.command(RetryJobs((3,)))
        until(session, lambda frame: frame.run.attempts == 1 and frame.run.done == 20)
        frame = assert_balanced(session, server)
        assert frame.run.reused == 19
        assert by_id(records(session))["p3"].text == "new: say 3"
        assert by_id(records(session))["p3"].flags == ()


def test_equal_requests_are_asked_once(tmp_path: Path) -> None:
    server, folder = Server(lambda _key, prompt, _before: [0.02, *whole(f"re: {prompt}")]), tmp_path / "run"
    source = of([Prompt(f"p{n}", (("user", f"say {n % 7}"),), expected=f"re: say {n}") for n in range(3000)])
    session = run(plan(folder, server, source, reuse=deduping(folder)))
    frame = assert_balanced(session, server)
    assert dict(server.asked) == {f"say {n}": 1 for n in range(7)}
    assert (frame.run.done, frame.run.reused) == (3000, 2993)
    assert frame.run.score is not None
    assert frame.run.score.right == 7
    assert not problems(folder)


def test_where_one_fails_the_next_is_asked_alone(tmp_path: Path) -> None:
    def script(_key: str, _prompt: str, before: int) -> list[Any]:
        refusal: list[Any] = [0.005, Failure(FailureKind.REQUEST, "no")]
        return refusal if before < 3 else [0.005, *whole("at last")]

    server, folder = Server(script), tmp_path / "run"
    session = run(plan(folder, server, same(50), reuse=deduping(folder)))
    frame = assert_balanced(session, server)
    assert server.asked == Counter({"say 0": 4})
    assert server.most_in_flight == 1
    assert (frame.run.failed, frame.run.done, frame.run.reused) == (3, 47, 46)


def test_a_job_alone_is_retried_while_others_wait_for_it(tmp_path: Path) -> None:
    """Those that wait can say nothing about whose fault a failure is: nobody may wait for their word."""

    def script(_key: str, _prompt: str, before: int) -> list[Any]:
        kinds = (FailureKind.TRANSIENT, FailureKind.THROTTLE, FailureKind.TRANSIENT)
        return [Failure(kinds[before], "no")] if before < len(kinds) else whole("at last")

    server, folder = Server(script), tmp_path / "run"
    session = run(plan(folder, server, same(50), keys=1, reuse=deduping(folder)))
    assert_balanced(session, server)
    assert server.asked == Counter({"say 0": 4})
    assert all(each.text == "at last" for each in records(session))


def test_one_that_is_cancelled_hands_its_turn_on(tmp_path: Path) -> None:
    go = threading.Event()
    server, folder = Server(lambda _key, _prompt, _before: [go, *whole("here")]), tmp_path / "run"
    with started(plan(folder, server, same(20), reuse=deduping(folder))) as session:
        until(session, lambda frame: frame.run.in_flight == 1 and frame.run.waiting == 0)
        session.command(CancelJobs((0,)))
        session.command(CancelJobs((5,)))
        until(session, lambda frame: frame.run.cancelled == 2 and frame.run.in_flight == 1)
        go.set()
        assert session.join(PATIENCE_S)
    frame = assert_balanced(session, server)
    assert (frame.run.cancelled, frame.run.done, frame.run.reused) == (2, 18, 17)
    assert server.asked == Counter({"say 0": 2})


def test_a_run_that_was_stopped_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    go = threading.Event()

    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        return [*([go] if prompt == "say 1" else []), *whole(f"re: {prompt}")]

    server, folder = Server(script), tmp_path / "run"
    with started(plan(folder, server, same(2000, 2), reuse=deduping(folder))) as session:
        until(session, lambda frame: frame.run.done >= 500)
        session.command(Cancel())
        assert session.join(PATIENCE_S)
    go.set()
    again = run(plan(folder, server, same(2000, 2), resume=True, reuse=deduping(folder)))
    frame = assert_balanced(again, server)
    assert server.asked == Counter({"say 0": 1, "say 1": 2})
    assert (frame.run.done, frame.run.reused) == (2000, 1998)


@pytest.mark.parametrize("which", [Which.EXACT, Which.ANY], ids=["exact", "any"])
def test_sampled_answers_are_shared_only_on_request(tmp_path: Path, which: Which) -> None:
    server, folder = Server(), tmp_path / "run"
    run(plan(folder, server, same(20, 2, options={"temperature": 1}), reuse=deduping(folder, which)))
    assert sum(server.asked.values()) == (2 if which is Which.ANY else 20)


def test_an_odd_answer_is_shared_with_what_is_odd_about_it(tmp_path: Path) -> None:
    def script(_key: str, _prompt: str, _before: int) -> list[Any]:
        return [0.01, Delta("cut o"), Delta(finish_reason="length", flags=("length",), usage=scripted.USAGE)]

    server, folder = Server(script), tmp_path / "run"
    session = run(plan(folder, server, same(9), reuse=deduping(folder)))
    assert server.asked == Counter({"say 0": 1})
    flags = Counter(each.flags for each in records(session))
    assert flags == Counter({("length",): 1, ("length", "reused"): 8})
    server = Server()
    run(plan(tmp_path / "next", server, same(1), reuse=taking(tmp_path / "next", folder)))
    assert server.asked == Counter({"say 0": 1})


def test_every_result_has_a_hash_of_its_prompt_and_every_answer_one_of_its_request(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        return [Failure(FailureKind.REQUEST, "no")] if prompt == "say 1" else whole("x")

    session = run(plan(tmp_path / "run", Server(script), same(6, 3)))
    rows = [JournalReader(session.folder).result(job) for job in range(6)]
    assert all(row is not None and row.prompt_hash is not None for row in rows)
    hashes = [(row.prompt_hash, row.request_hash) for row in rows if row is not None]
    assert hashes[:3] == hashes[3:]
    assert len(set(hashes)) == 3
    assert hashes[1][1] is None
    assert hashes[0][1] is not None


def test_a_repaired_request_is_another_one(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        return whole("word" if prompt == "say 0" else "7")

    server, folder = Server(script), tmp_path / "run"
    rules = AnswerRules(Numbers(), repairs=True)
    session = run(plan(folder, server, same(1), rules=rules))
    row = JournalReader(session.folder).result(0)
    plain = JournalReader(run(plan(tmp_path / "plain", Server(), same(1))).folder).result(0)
    assert row is not None
    assert plain is not None
    assert row.text == "7"
    assert row.prompt_hash == plain.prompt_hash
    assert row.request_hash != plain.request_hash


def test_a_prompt_that_is_gone_fails_its_job_alone(tmp_path: Path, kept: Path) -> None:
    class Torn(PromptList):
        def prompt(self, index: int) -> Prompt:
            if index == 3:
                raise InputError("the file was changed")
            return super().prompt(index)

    prompts = [Prompt(f"p{n}", (("user", f"say {n}"),)) for n in range(20)]
    folder, server = tmp_path / "run", Server()
    session = run(plan(folder, server, Torn("scripted", "f" * 64, prompts), reuse=taking(folder, kept)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.failed, frame.run.reused) == (19, 1, 19)


def test_an_answer_that_cannot_be_read_any_more_is_asked_for(tmp_path: Path, kept: Path) -> None:
    class Forgetful(KeptAnswers):
        async def read(self, place: Any) -> None:
            return None

    folder, server = tmp_path / "run", Server()
    session = run(plan(folder, server, same(20, 20), reuse=ReuseRules(Forgetful((kept,)), Which.EXACT)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.reused, frame.run.attempts) == (20, 0, 20)


def test_what_is_known_is_reported(tmp_path: Path, kept: Path) -> None:
    folder = tmp_path / "run"
    session = run(plan(folder, Server(), same(20, 20), reuse=taking(folder, kept)))
    notices = [notice.text for notice in session.frame(scripted.ALL).notices]
    assert "20 answers of 1 kept run can be reused" in notices
    assert json.dumps(notices).count("No answer") == 0
