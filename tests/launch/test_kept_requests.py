"""The request of a kept run is made anew, without a key, so that it can be copied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmdash.launch.kept_requests import kept_requests
from llmdash.prompts.source import Prompt
from llmdash.ui.inspector.copied import curl_command

PROMPT = Prompt("a", (("user", "Say hi."),))


def facts(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    decided = {"endpoints": endpoints, "temperature": 0.5, "max_tokens": None, "options": {}, "stream": True}
    return {"decided": json.dumps(decided), **more}


def endpoint(name: str, **more: Any) -> dict[str, Any]:
    known = {"name": name, "dialect": "openai-chat", "base_url": f"https://{name}.example/v1", "model": "m1"}
    return {**known, "options": {}, "headers": {}, "query": {}, "auth": None, "target": None, **more}


def test_a_kept_request_goes_to_the_endpoint_that_answered_with_a_variable_for_each_secret() -> None:
    there = endpoint("b", headers={"x-team": "secret 01234567", "x-plain": "yes"}, options={"top_p": 0.9})
    request = kept_requests(facts(endpoint("a"), there))(PROMPT, "b")
    assert request is not None
    command = curl_command(request)
    assert "https://b.example/v1/chat/completions" in command
    assert '"authorization: Bearer $API_KEY"' in command
    assert "not-on-record" not in command
    assert "01234567" not in command
    assert "'x-plain: yes'" in command
    body = json.loads(request.body)
    assert (body["model"], body["temperature"], body["top_p"], body["stream"]) == ("m1", 0.5, 0.9, True)
    assert body["messages"] == [{"role": "user", "content": "Say hi."}]


def test_a_kept_request_of_the_simulator_goes_to_where_one_can_be_started() -> None:
    request = kept_requests(facts(endpoint("a"), simulator="{}"))(PROMPT, None)
    assert request is not None
    assert request.url.startswith("http://127.0.0.1:8000/")


@pytest.mark.parametrize(
    "recorded",
    [{}, {"decided": "{"}, {"decided": "[]"}, {"decided": '{"endpoints": [{}]}'}, {"decided": 7},
     facts(), facts(endpoint("a", dialect="unheard of")), facts(endpoint("a", headers={"x": 7})),
     facts(endpoint("a", dialect="langchain", target="a:b"))],
)  # fmt: skip
def test_no_request_is_made_from_a_record_that_does_not_hold_it(recorded: dict[str, Any]) -> None:
    assert kept_requests(recorded)(PROMPT, "a") is None
