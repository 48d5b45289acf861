"""Answers that are none: invalid, repaired, empty; in a whole run, with accounts that balance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.answer_rules import AnswerRules, asking_again
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import RetryFailed
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.session import LocalSession
from llmdash.llms.messages import Delta, Usage
from llmdash.prompts.schema import AnswerSchema
from llmdash.prompts.source import Prompt, RequestBody
from tests.engine.scripted import (
    Server,
    assert_balanced,
    plan,
    prompts,
    records,
    run,
    started,
    until,
    whole,
    worked_out,
)

NUMBERS = AnswerSchema({"type": "number"})
PRICED = Usage(10, 5, cached_tokens=4, reasoning_tokens=2)


def matching(session: LocalSession, text: str) -> list[int]:
    """The jobs that a filter of the table shows, once its thread has worked it out."""
    return [row.job for row in worked_out(session, View(jobs=JobsView(height=9, filter=text))).jobs.rows]


def wrong_then(second: str) -> Callable[[str, str, int], list[Any]]:
    """Job 1 is answered by words first; what follows is `second`."""

    def script(_key: str, prompt: str, before: int) -> list[Any]:
        first = "words" if "1" in prompt else "7"
        return whole(second if before or prompt.startswith("Your") else first, PRICED)

    return script


def test_an_invalid_answer_is_kept_in_a_state_of_its_own(tmp_path: Path) -> None:
    server = Server(wrong_then("words"))
    session = run(plan(tmp_path, server, prompts(3), rules=AnswerRules(NUMBERS)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.invalid, frame.run.failed) == (2, 1, 0)
    assert (frame.run.cached_tokens, frame.run.reasoning_tokens) == (12, 6)
    record = records(session)[1]
    assert (record.state, record.text, record.flags) == ("invalid", "words", ("invalid",))
    assert record.error == "no JSON in the answer"
    assert matching(session, "is:invalid") == matching(session, "state:invalid") == [1]
    assert [group.name for group in session.frame(View(errors=True)).errors] == ["no JSON in the answer"]


def test_a_repair_asks_once_more_and_says_what_is_wrong(tmp_path: Path) -> None:
    server = Server(wrong_then("8"))
    session = run(plan(tmp_path, server, prompts(3), rules=AnswerRules(NUMBERS, repairs=True)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.invalid, frame.run.attempts) == (3, 0, 4)
    assert frame.run.input_tokens == 40
    (asked,) = (prompt for prompt in server.asked if prompt.startswith("Your answer"))
    assert "no JSON in the answer" in asked
    attempts = JournalReader(session.folder).attempts(1)
    assert [(each.state, each.failure, each.input_tokens) for each in attempts] == [
        ("failed", "invalid", 10),
        ("ok", None, 10),
    ]


def test_a_repair_is_made_once_only(tmp_path: Path) -> None:
    server = Server(wrong_then("still words"))
    session = run(plan(tmp_path, server, prompts(3), rules=AnswerRules(NUMBERS, repairs=True)))
    frame = assert_balanced(session, server)
    assert (frame.run.invalid, frame.run.attempts) == (1, 4)


def test_the_invalid_ones_are_retried_with_the_failed_ones(tmp_path: Path) -> None:
    server = Server(wrong_then("8"))
    with started(plan(tmp_path, server, prompts(3), rules=AnswerRules(NUMBERS), stay=True)) as session:
        until(session, lambda frame: frame.run.ended == 3)
        session.command(RetryFailed())
        until(session, lambda frame: frame.run.done == 3)
    assert_balanced(session, server)


@pytest.mark.case("library", "empty answer")
@pytest.mark.parametrize("fails", [False, True])
def test_an_empty_answer_is_done_but_flagged_or_fails_on_demand(fails: bool, tmp_path: Path) -> None:
    def script(_key: str, prompt: str, _before: int) -> list[Any]:
        end = Delta(finish_reason="stop", usage=PRICED, flags=("empty",))
        return [end] if "1" in prompt else whole("fine", PRICED)

    server = Server(script)
    session = run(plan(tmp_path, server, prompts(3), rules=AnswerRules(empty_fails=fails)))
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.failed, frame.run.empty) == ((2, 1, 0) if fails else (3, 0, 1))
    assert frame.run.input_tokens == 30
    record = records(session)[1]
    assert (record.state, record.error) == (("failed", "the answer is empty") if fails else ("done", None))
    assert record.flags == (() if fails else ("empty",))
    assert matching(session, "is:empty") == ([] if fails else [1])


def test_a_tool_call_has_no_text_to_validate(tmp_path: Path) -> None:
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    server = Server(lambda *_: [Delta(finish_reason="tool_calls", usage=PRICED, message=message)])
    session = run(plan(tmp_path, server, prompts(1), rules=AnswerRules(NUMBERS)))
    assert assert_balanced(session, server).run.done == 1
    assert records(session)[0].message == message
    inspection = session.frame(View(inspect=0)).inspection
    assert inspection is not None
    assert inspection.answer == "→ f({})"


@pytest.mark.parametrize("wire", ["chat", "messages", "responses", "completions"])
def test_a_body_s_conversation_grows_by_the_answer_and_the_request(wire: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "user", "content": "Hi"}], "seed": 1},
        "messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9},
        "responses": {"input": "Hi"},
        "completions": {"prompt": "Hi"},
    }
    asked = asking_again(Prompt("a", (("user", "Hi"),), body=RequestBody(wire, fields[wire])), "x", "no JSON")
    assert asked.body is not None
    grown = asked.body.fields.get("messages") or asked.body.fields.get("input") or []
    if wire == "completions":
        assert asked.body.fields == fields[wire]
    else:
        assert [each["role"] for each in grown] == ["user", "assistant", "user"]
        assert "no JSON" in grown[-1]["content"]
    assert [role for role, _ in asked.messages] == ["user", "assistant", "user"]
