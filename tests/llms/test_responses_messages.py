"""What only Responses and Messages have: reasons, thoughts, totals, headers, and bodies of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import KEY, Canned, answer, document
from tests.llms.wire.wires import (
    MESSAGE_START,
    MESSAGE_STOP,
    WIRES,
    Wire,
    message,
    message_end,
    response,
    said,
    text_delta,
    typed,
)

MESSAGES, RESPONSES, COMPLETIONS = WIRES["messages"], WIRES["responses"], WIRES["completions"]


async def deltas_of(wire: Wire, *pieces: bytes) -> list[Delta]:
    return [delta async for delta in wire.make(Canned(answer(*pieces))).deltas("hi")]


async def body_of(
    wire: Wire, prompt: Any = "hi", settings: dict[str, Any] | None = None, **options: Any
) -> Any:
    transport = Canned(answer(*wire.stream))
    await wire.make(transport, **(settings or {})).ainvoke(prompt, **options)
    return transport.bodies()[0]


async def test_a_response_that_was_cut_by_the_limit_of_tokens_says_length() -> None:
    cut = response("incomplete", incomplete_details={"reason": "max_output_tokens"})
    filtered = response("incomplete", incomplete_details={"reason": "content_filter"})
    for whole, reason in (
        (cut, "length"),
        (filtered, "content_filter"),
        (response("incomplete"), "incomplete"),
    ):
        deltas = await deltas_of(RESPONSES, said("Hello"), typed("response.incomplete", response=whole))
        assert deltas[-1].finish_reason == reason
        assert (await deltas_of(RESPONSES, json.dumps(whole).encode()))[-1].finish_reason == reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "server_error", "message": "no"}, FailureKind.TRANSIENT),
        ({"code": "rate_limit_exceeded", "message": "no"}, FailureKind.THROTTLE),
        ({"code": "invalid_prompt", "type": "invalid_request_error", "message": "no"}, FailureKind.REQUEST),
        (None, FailureKind.TRANSIENT),
    ],
)
async def test_a_response_that_failed_is_a_failure(error: Any, kind: FailureKind) -> None:
    failed = response("failed", error=error)
    for pieces in ([said("Hel"), typed("response.failed", response=failed)], [json.dumps(failed).encode()]):
        with pytest.raises(Failure) as caught:
            await deltas_of(RESPONSES, *pieces)
        assert caught.value.kind is kind


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
async def test_a_response_that_is_not_at_its_end_is_no_answer(status: str) -> None:
    with pytest.raises(Failure, match=status):
        await deltas_of(RESPONSES, json.dumps(response(status)).encode())


async def test_words_of_the_server_that_no_file_could_hold_are_replaced() -> None:
    """Half a surrogate pair in a finish reason or a status would break whatever prints or stores it."""
    half = json.dumps(message("\ud83d")).encode()
    assert [delta.finish_reason for delta in await deltas_of(MESSAGES, half)] == ["\N{REPLACEMENT CHARACTER}"]
    ended = (MESSAGE_START, text_delta("Hi"), message_end("a\ude00"), MESSAGE_STOP)
    assert (await deltas_of(MESSAGES, *ended))[-1].finish_reason == "a\N{REPLACEMENT CHARACTER}"
    with pytest.raises(Failure, match="given up: \N{REPLACEMENT CHARACTER}"):
        await deltas_of(RESPONSES, json.dumps(response("\ud83d")).encode())


async def test_text_that_came_only_with_the_end_of_a_response_is_not_lost() -> None:
    deltas = await deltas_of(RESPONSES, typed("response.completed", response=response()))
    assert [(delta.text, delta.finish_reason) for delta in deltas] == [("Hello", None), ("", "stop")]


async def test_text_that_came_only_with_the_end_is_not_lost_behind_thoughts() -> None:
    thought = typed("response.reasoning_text.delta", delta="hm")
    deltas = await deltas_of(RESPONSES, thought, typed("response.completed", response=response()))
    assert [(delta.reasoning, delta.text) for delta in deltas] == [("hm", ""), ("", "Hello"), ("", "")]


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("name", ["message", "detail"])
async def test_the_inside_of_an_error_alone_is_an_error_too(wire: Wire, name: str) -> None:
    with pytest.raises(Failure, match="no such luck") as caught:
        await deltas_of(wire, json.dumps({name: "no such luck"}).encode())
    assert caught.value.kind is FailureKind.TRANSIENT


async def test_thoughts_and_refusals_of_responses_are_told_apart() -> None:
    deltas = await deltas_of(
        RESPONSES,
        typed("response.reasoning_summary_text.delta", delta="hm"),
        typed("response.refusal.delta", delta="No."),
        typed("response.completed", response=response(output=[])),
    )
    assert [(delta.reasoning, delta.text) for delta in deltas] == [("hm", ""), ("", "No."), ("", "")]


async def test_a_request_for_a_response_has_its_own_names() -> None:
    body = await body_of(RESPONSES, settings={"max_tokens": 9, "temperature": 0.5})
    assert body == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "max_output_tokens": 9,
        "temperature": 0.5,
        "stream": True,
    }
    assert (await body_of(RESPONSES, stop=["x"]))["stop"] == ["x"]  # only compatible servers know it


async def test_counts_of_a_message_are_totals_and_include_the_cache() -> None:
    start = typed("message_start", message=message(None, cache_read_input_tokens=10, output_tokens=1))
    deltas = await deltas_of(
        MESSAGES, start, text_delta("Hi"), message_end(None, output_tokens=4), message_end(output_tokens=9)
    )
    assert [delta.usage for delta in deltas if delta.usage][-1] == Usage(15, 9, cached_tokens=10)


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence", "refusal"])
async def test_a_stop_reason_is_given_as_it_is(reason: str) -> None:
    deltas = await deltas_of(MESSAGES, MESSAGE_START, text_delta("Hi"), message_end(reason), MESSAGE_STOP)
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [reason]


async def test_a_message_that_stops_without_a_reason_is_whole() -> None:
    deltas = await deltas_of(MESSAGES, MESSAGE_START, text_delta("Hi"), message_end(None), MESSAGE_STOP)
    assert [delta.finish_reason for delta in deltas] == [None, None]
    assert deltas[-1].usage == Usage(5, 2)


async def test_thoughts_of_a_message_are_reasoning() -> None:
    thought = typed("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"})
    sealed = typed("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "x"})
    deltas = await deltas_of(MESSAGES, MESSAGE_START, thought, sealed, text_delta("Hi"), message_end())
    assert [(delta.reasoning, delta.text) for delta in deltas] == [("hm", ""), ("", "Hi"), ("", "")]
    whole = message()
    whole["content"] = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]
    found = (await deltas_of(MESSAGES, json.dumps(whole).encode()))[0]
    assert (found.reasoning, found.text) == ("hm", "Hi")


@pytest.mark.parametrize(
    ("kind", "status", "meaning"),
    [
        ("overloaded_error", 529, FailureKind.TRANSIENT),
        ("api_error", 500, FailureKind.TRANSIENT),
        ("rate_limit_error", 429, FailureKind.THROTTLE),
        ("authentication_error", 401, FailureKind.AUTH),
        ("permission_error", 403, FailureKind.AUTH),
        ("billing_error", 402, FailureKind.QUOTA),
        ("invalid_request_error", 400, FailureKind.REQUEST),
        ("not_found_error", 404, FailureKind.REQUEST),
        ("request_too_large", 413, FailureKind.REQUEST),
    ],
)
async def test_an_error_of_a_message_means_the_same_by_status_and_in_the_stream(
    kind: str, status: int, meaning: FailureKind
) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "no"}}
    inside = answer(MESSAGE_START, typed("error", error=error["error"]))
    for transport in (Canned(document(error, status=status)), Canned(inside)):
        with pytest.raises(Failure) as caught:
            await MESSAGES.make(transport).ainvoke("hi")
        assert (caught.value.kind, caught.value.code) == (meaning, kind)


async def test_a_request_for_a_message_puts_the_system_apart_and_sets_a_limit() -> None:
    prompt = [("system", "Be brief."), ("developer", "Be kind."), ("user", "hi")]
    assert await body_of(MESSAGES, prompt, stop=["x"]) == {
        "model": "m",
        "system": "Be brief.\n\nBe kind.",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 1024,
        "stop_sequences": ["x"],
        "stream": True,
    }
    assert (await body_of(MESSAGES, max_tokens=None))["max_tokens"] == 1024
    assert (await body_of(MESSAGES, max_tokens=5))["max_tokens"] == 5


async def test_a_request_for_a_message_names_key_and_version() -> None:
    transport = Canned(answer(*MESSAGES.stream))
    await MESSAGES.make(transport).ainvoke("hi")
    headers = transport.requests[0].headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("https://llm.test", "https://llm.test/v1/messages"),
        ("https://llm.test/", "https://llm.test/v1/messages"),
        ("https://llm.test/v1", "https://llm.test/v1/messages"),
        ("https://llm.test/v1/", "https://llm.test/v1/messages"),
        ("https://llm.test/v1/messages", "https://llm.test/v1/messages"),
        ("https://llm.test/proxy?a=1", "https://llm.test/proxy/v1/messages?a=1"),
    ],
)
def test_a_base_url_of_anthropic_may_be_written_in_many_ways(base_url: str, asked: str) -> None:
    assert ChatAnthropic("m", api_key=KEY, base_url=base_url).url == asked


async def test_a_completion_is_asked_for_with_one_text() -> None:
    body = await body_of(COMPLETIONS, [("system", "Be brief."), ("user", "hi"), ("ai", "Hi!"), ("user", "?")])
    assert body["prompt"] == "System: Be brief.\nHuman: hi\nAI: Hi!\nHuman: ?"
    body = await body_of(COMPLETIONS, "hi", settings={"temperature": 0.9}, stop=["\n"])
    assert body == {
        "model": "m",
        "prompt": "hi",
        "temperature": 0.9,
        "max_tokens": 256,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
