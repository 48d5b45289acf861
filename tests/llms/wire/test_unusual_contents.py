"""Documents whose content is not in its usual shape: what was paid for is kept, or counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import FailureKind
from tests.llms.canned import DONE, event
from tests.llms.wire.speakers import COUNTS, READERS, read

Body = dict[str, Any]
TOKENS = {"input_tokens": 5, "output_tokens": 2}


def chat(**choice: Any) -> Body:
    return {"choices": [{"index": 0, "finish_reason": "stop", **choice}], "usage": COUNTS}


def message(**more: Any) -> Body:
    return {"type": "message", "role": "assistant", "stop_reason": "end_turn", "usage": TOKENS, **more}


def response(**more: Any) -> Body:
    return {"object": "response", "status": "completed", "usage": TOKENS, **more}


EMPTY = [
    ("chat", chat(message=None)),
    ("chat", chat(message={"role": "assistant"})),
    ("completions", chat(text=None)),
    ("messages", message(content=None)),
    ("messages", message()),
    ("responses", response(output=None)),
    ("responses", response()),
]


@pytest.mark.case("wire", "empty-completed")
@pytest.mark.parametrize(("name", "body"), EMPTY)
def test_a_normal_end_without_content_is_an_empty_answer(name: str, body: Body) -> None:
    last = read(READERS[name]({}, str), json.dumps(body).encode()).last
    assert (last.text, last.flags, last.usage) == ("", ("empty",), Usage(5, 2))


@pytest.mark.case("wire", "no-choices")
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", {"choices": None, "usage": COUNTS}),
        ("completions", {"id": "c", "usage": COUNTS}),
        ("messages", {**message(), "stop_reason": None}),
        ("responses", response(status=None)),
    ],
)
def test_what_has_no_content_and_no_end_is_no_answer_and_may_be_billed(name: str, body: Body) -> None:
    found = read(READERS[name]({}, str), json.dumps(body).encode())
    assert found.failure is not None
    assert (found.failure.kind, found.failure.may_be_billed) == (FailureKind.TRANSIENT, True)
    assert [delta.usage for delta in found.deltas] == [Usage(5, 2)]


SAID = [
    ({"type": "text", "text": "Hello"}, "Hello"),
    ({"result": 72}, '{"result": 72}'),
    (72, "72"),
    (True, "true"),
]


@pytest.mark.parametrize(("content", "text"), SAID)
def test_what_a_server_parsed_is_kept_as_it_was_said(content: Any, text: str) -> None:
    plain = json.dumps(chat(message={"role": "assistant", "content": content})).encode()
    chunk = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": "stop"}]}
    for body in (plain, event(chunk) + DONE):
        assert read(READERS["chat"]({}, str), body).text == text


@pytest.mark.parametrize(
    ("name", "body"),
    [("messages", message(content="Hello")), ("responses", response(output_text="Hello"))],
)
def test_content_that_is_plain_text_is_the_answer(name: str, body: Body) -> None:
    assert read(READERS[name]({}, str), json.dumps(body).encode()).text == "Hello"
