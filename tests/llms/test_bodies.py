"""A request body of the input goes out as it stands, where the endpoint speaks its format."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Body, Message, Turn
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient

ANSWERS = {
    "chat": {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "completions": {"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]},
    "responses": {"status": "completed", "output": []},
    "messages": {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
}
FIELDS: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}], "name": "ann"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "stop": None,
    },
    "completions": {"prompt": ["Hello"], "suffix": "!", "echo": True},
    "responses": {"input": "Hello", "instructions": "Be brief.", "reasoning": {"effort": "low"}},
    "messages": {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 9,
        "thinking": {"type": "disabled"},
    },
}


def model_of(wire: str, sent: list[dict[str, Any]]) -> HttpLLM[Any, Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(msgspec.json.decode(request.content))
        return httpx.Response(200, json=ANSWERS[wire])

    client = HttpClient(transport=httpx.MockTransport(answer))
    if wire == "messages":
        return ChatAnthropic("m", api_key="sk-x", client=client)
    if wire == "completions":
        return OpenAI("m", api_key="sk-x", client=client)
    return ChatOpenAI("m", api_key="sk-x", client=client, use_responses_api=wire == "responses")


@pytest.mark.parametrize("wire", FIELDS)
async def test_a_body_is_sent_as_it_stands_but_for_stream_and_a_model_it_lacks(wire: str) -> None:
    sent: list[dict[str, Any]] = []
    body = Body(wire, FIELDS[wire], (Message("user", "Hello"),), {})
    async for _ in model_of(wire, sent).deltas(body):
        pass
    added = {name: sent[0].pop(name) for name in ("model", "stream", "stream_options") if name in sent[0]}
    assert sent == [FIELDS[wire]]
    assert added["model"] == "m"
    assert added["stream"] is True


@pytest.mark.parametrize("wire", FIELDS)
async def test_options_fill_in_what_a_body_lacks_and_never_replace_what_it_says(wire: str) -> None:
    sent: list[dict[str, Any]] = []
    body = Body(wire, {**FIELDS[wire], "temperature": 0, "model": "its-own"}, (Message("user", "Hello"),), {})
    async for _ in model_of(wire, sent).deltas(body, temperature=0.7, top_p=0.5):
        pass
    assert (sent[0]["temperature"], sent[0]["top_p"], sent[0]["model"]) == (0, 0.5, "its-own")


@pytest.mark.parametrize("wire", FIELDS)
async def test_to_another_format_a_body_is_sent_in_general_words(wire: str) -> None:
    sent: list[dict[str, Any]] = []
    body = Body("another", {"strange": 1}, (Message("user", "Hello"),), {"temperature": 0})
    async for _ in model_of(wire, sent).deltas(body, temperature=0.7):
        pass
    assert sent[0]["temperature"] == 0
    assert "strange" not in sent[0]
    assert "Hello" in str(sent[0])


CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {}}],
}
BLOCKS = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize(
    ("wire", "name"), [("chat", "messages"), ("responses", "input"), ("messages", "messages")]
)
async def test_a_turn_that_is_more_than_text_is_sent_as_it_is(wire: str, name: str) -> None:
    sent: list[dict[str, Any]] = []
    answer = {"role": "tool", "tool_call_id": "c1", "content": "7"}
    async for _ in model_of(wire, sent).deltas([Message("user", "2 + 5?"), CALL, answer]):
        pass
    assert sent[0][name] == [{"role": "user", "content": "2 + 5?"}, CALL, answer]


async def test_a_completion_is_asked_for_with_the_text_of_its_turns() -> None:
    sent: list[dict[str, Any]] = []
    parts = [{"type": "text", "text": "2 + "}, {"type": "image_url"}, {"type": "text", "text": "5?"}]
    async for _ in model_of("completions", sent).deltas([{"role": "user", "content": parts}, CALL]):
        pass
    assert sent[0]["prompt"] == "Human: 2 + 5?\nAI: "


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_the_blocks_of_a_lone_system_turn_stay_blocks(role: str) -> None:
    sent: list[dict[str, Any]] = []
    turns: list[Turn] = [{"role": role, "content": BLOCKS}, Message("user", "Hello")]
    async for _ in model_of("messages", sent).deltas(turns):
        pass
    assert sent[0]["system"] == BLOCKS
    async for _ in model_of("messages", sent).deltas([Message("system", "Be kind."), *turns]):
        pass
    assert sent[1]["system"] == "Be kind.\n\nBe brief."
    assert sent[1]["messages"] == [{"role": "user", "content": "Hello"}]
