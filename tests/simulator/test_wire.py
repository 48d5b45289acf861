"""The shape of what is sent, byte by byte, in each dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulated import Simulated
from tests.simulator.frames import PATHS, ask, events_of

Simulator = Callable[..., Simulated]
MOST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("chat", {"max_tokens": 500}),
    ("completions", {"max_tokens": 500}),
    ("responses", {"max_output_tokens": 500}),
    ("messages", {"max_tokens": 500}),
)
LONG = "Tell me about the sea and its salt."


def without_time(shape: dict[str, Any]) -> dict[str, Any]:
    """`shape` without what differs from answer to answer."""
    return {name: value for name, value in shape.items() if name not in ("id", "created", "created_at")}


def errors(running: Simulated) -> int:
    """The requests with the first key that were refused as malformed so far."""
    counted: int = running.stats()["by_key"].get(running.keys[0], {"errors": 0})["errors"]
    return counted


def test_a_plain_completion_has_its_fields(shared_simulator: Simulated) -> None:
    reply = ask(shared_simulator, "completions", "What is 2 + 3 x 4?")
    assert reply.json["id"].startswith("cmpl-")
    assert without_time(reply.json) == {
        "object": "text_completion",
        "model": "m",
        "choices": [{"text": "2 + 3 x 4 = 14.", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20},
        "system_fingerprint": "fp_simulator",
    }


def test_a_streamed_completion_is_chunks_then_a_reason_then_done(shared_simulator: Simulated) -> None:
    *chunks, done = events_of(ask(shared_simulator, "completions", "What is 2 + 3 x 4?", stream=True))
    assert done.data == "[DONE]"
    choices = [chunk.data["choices"][0] for chunk in chunks]
    assert "".join(choice["text"] for choice in choices) == "2 + 3 x 4 = 14."
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(chunks) - 1) + ["stop"]
    assert {chunk.data["object"] for chunk in chunks} == {"text_completion"}
    assert len({chunk.data["id"] for chunk in chunks}) == 1
    assert all("usage" not in chunk.data for chunk in chunks)


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_usage_that_is_asked_for_comes_in_a_last_chunk_without_choices(
    shared_simulator: Simulated, dialect: str
) -> None:
    running = shared_simulator
    plain = ask(running, dialect, LONG).json["usage"]
    streamed = ask(running, dialect, LONG, stream=True, stream_options={"include_usage": True})
    *chunks, last, done = events_of(streamed)
    assert (last.data["choices"], last.data["usage"], done.data) == ([], plain, "[DONE]")
    assert all(chunk.data["usage"] is None for chunk in chunks)


def test_a_plain_response_has_its_fields(shared_simulator: Simulated) -> None:
    reply = ask(shared_simulator, "responses", "What is 2 + 3 x 4?").json
    assert reply["id"].startswith("resp_")
    assert (reply["object"], reply["status"], reply["error"]) == ("response", "completed", None)
    (item,) = reply["output"]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert item["content"] == [
        {"type": "output_text", "annotations": [], "logprobs": [], "text": "2 + 3 x 4 = 14."}
    ]
    assert reply["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 20,
    }


def test_a_streamed_response_is_typed_events_numbered_from_zero(shared_simulator: Simulated) -> None:
    events = events_of(ask(shared_simulator, "responses", LONG, stream=True, max_output_tokens=3))
    assert [event.name for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    assert [event.data["type"] for event in events] == [event.name for event in events]
    assert [event.data["sequence_number"] for event in events] == list(range(11))
    assert events[0].data["response"]["status"] == "in_progress"
    assert events[0].data["response"]["usage"] is None
    delta = events[4].data
    assert (delta["output_index"], delta["content_index"]) == (0, 0)
    assert delta["item_id"] == events[2].data["item"]["id"] == events[9].data["item"]["id"]
    assert events[7].data["text"] == "".join(event.data["delta"] for event in events[4:7])
    last = events[-1].data["response"]
    assert last["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["output"][0]["status"] == "incomplete"
    assert last["usage"]["output_tokens"] == 3


def test_a_plain_message_has_its_fields(shared_simulator: Simulated) -> None:
    reply = ask(shared_simulator, "messages", "What is 2 + 3 x 4?")
    assert reply.headers["request-id"].startswith("req_")
    assert "x-request-id" not in reply.headers
    assert reply.json["id"].startswith("msg_")
    assert without_time(reply.json) == {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "2 + 3 x 4 = 14."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 8,
        },
    }


def test_a_streamed_message_is_named_events_with_a_ping(shared_simulator: Simulated) -> None:
    events = events_of(ask(shared_simulator, "messages", LONG, stream=True, max_tokens=3))
    assert [event.name for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.data["type"] for event in events] == [event.name for event in events]
    start = events[0].data["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["output_tokens"]) == ([], None, 1)
    assert events[3].data["index"] == 0
    assert set(events[3].data["delta"]) == {"type", "text"}
    assert events[-2].data == {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
        "usage": {
            "input_tokens": 16,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 3,
        },
    }


def test_one_question_gets_one_answer_in_every_dialect(simulator: Simulator) -> None:
    """Each server is fresh, so that none has heard the question before."""
    chat, completions, responses, messages = (
        ask(simulator(seed=4), name, LONG, **most).json for name, most in MOST
    )
    answers = {
        chat["choices"][0]["message"]["content"],
        completions["choices"][0]["text"],
        responses["output"][0]["content"][0]["text"],
        messages["content"][0]["text"],
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "model"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        ({"model": "m", "max_tokens": 1, "messages": []}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "x"}]}, "role"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "user"}]}, "content"),
    ],
)
def test_a_message_that_lacks_something_is_an_error_in_anthropics_shape(
    shared_simulator: Simulated, body: dict[str, Any], named: str
) -> None:
    running = shared_simulator
    headers = {"x-api-key": running.keys[0], "anthropic-version": "2023-06-01"}
    reply = running.fetch("/v1/messages", body, headers=headers)
    assert reply.status == 400
    assert set(reply.json) == {"type", "error", "request_id"}
    assert (reply.json["type"], reply.json["error"]["type"]) == ("error", "invalid_request_error")
    assert named in reply.json["error"]["message"]
    assert reply.json["request_id"] == reply.headers["request-id"]


def test_a_message_needs_the_version_header(shared_simulator: Simulated) -> None:
    running = shared_simulator
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    reply = running.fetch("/v1/messages", body, headers={"x-api-key": running.keys[0]})
    assert (reply.status, reply.json["error"]["message"]) == (400, "anthropic-version: header is required")


@pytest.mark.parametrize("dialect", list(PATHS))
@pytest.mark.parametrize(
    "raw", [b"{", b"", b"[]", b"\xff", b'{"a":' * 100_000], ids=["cut", "none", "list", "bytes", "deep"]
)
def test_no_body_upsets_any_dialect(shared_simulator: Simulated, dialect: str, raw: bytes) -> None:
    running = shared_simulator
    headers = {
        "Authorization": f"Bearer {running.keys[0]}",
        "x-api-key": running.keys[0],
        "anthropic-version": "2023-06-01",
    }
    before = errors(running)
    assert running.fetch(PATHS[dialect], raw=raw, headers=headers).status == 400
    assert errors(running) == before + 1
    assert running.complaints() == ""


def test_paths_of_messages_that_are_none_answer_as_anthropic_does(shared_simulator: Simulated) -> None:
    running = shared_simulator
    for path in ("/v1/messages/none", "/v1/v1/messages"):
        reply = running.fetch(path, {}, headers={"x-api-key": running.keys[0]})
        assert (reply.status, reply.json["error"]["type"]) == (404, "not_found_error")
        assert path in reply.json["error"]["message"]
    slash = {"x-api-key": running.keys[0], "anthropic-version": "2023-06-01"}
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    assert running.fetch("/v1/messages/", body, headers=slash).status == 200
    assert running.fetch("/v1/models", headers=slash).json["object"] == "list"
