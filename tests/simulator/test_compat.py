"""Faults of nearly compatible servers, ordered for a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from llmdash.simulator.compat import Compat, parse_compat
from tests.simulated import Simulated
from tests.simulator.frames import PATHS, Event, ask, events_of

Simulator = Callable[..., Simulated]
LONG = "Tell me about the sea and its salt."
WITH_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
ALL = [field.name for field in dataclasses.fields(Compat)]


@pytest.fixture
def odd(simulator: Simulator) -> Callable[..., Simulated]:
    """A simulator whose first key has the compat named."""

    def start(*compat: str, **settings: Any) -> Simulated:
        running = simulator(**settings)
        running.control(running.keys[0], quirks=list(compat))
        return running

    return start


def row(running: Simulated) -> dict[str, int]:
    counted: dict[str, int] = running.stats()["by_key"][running.keys[0]]
    return counted


def text_of(events: list[Event], dialect: str) -> str:
    """The text in the events of a stream."""
    found = []
    for event in events:
        data = event.data
        if dialect == "responses" and event.name == "response.output_text.delta":
            found.append(data["delta"])
        elif dialect == "messages" and event.name == "content_block_delta":
            found.append(data["delta"].get("text", ""))
        elif dialect in ("chat", "completions") and data != "[DONE]" and data.get("choices"):
            choice = data["choices"][0]
            found.append(choice.get("text") or choice.get("delta", {}).get("content") or "")
    return "".join(found)


def test_every_quirk_is_documented_and_known_by_name() -> None:
    assert all(f"`{name}`" in (Compat.__doc__ or "") for name in ALL)
    assert parse_compat(ALL) == Compat(**dict.fromkeys(ALL, True))
    assert parse_compat([]) == Compat()


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_no_done_leaves_out_the_terminator(odd: Simulator, dialect: str) -> None:
    running = odd("no_done")
    events = events_of(ask(running, dialect, LONG, stream=True))
    assert events[-1].data["choices"][0]["finish_reason"] == "stop"
    assert row(running)["ok"] == 1


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_no_finish_leaves_the_reason_null(odd: Simulator, dialect: str) -> None:
    running = odd("no_finish")
    plain = ask(running, dialect, LONG).json
    assert plain["choices"][0]["finish_reason"] is None
    *chunks, done = events_of(ask(running, dialect, LONG, stream=True))
    assert done.data == "[DONE]"
    assert all(chunk.data["choices"][0]["finish_reason"] is None for chunk in chunks)


def test_no_finish_in_the_other_dialects(odd: Simulator) -> None:
    running = odd("no_finish")
    assert ask(running, "messages", LONG).json["stop_reason"] is None
    assert events_of(ask(running, "messages", LONG, stream=True))[-2].data["delta"]["stop_reason"] is None
    assert ask(running, "responses", LONG).json["status"] is None
    last = events_of(ask(running, "responses", LONG, stream=True))[-1]
    assert (last.name, last.data["response"]["status"]) == ("response.completed", None)


@pytest.mark.parametrize("dialect", list(PATHS))
def test_json_for_a_stream_is_the_plain_answer(odd: Simulator, dialect: str) -> None:
    running = odd("json_for_stream")
    reply = ask(running, dialect, LONG, stream=True)
    assert reply.headers["content-type"] == "application/json"
    assert set(reply.json) == set(ask(running, dialect, LONG).json)
    assert row(running)["ok"] == 2


@pytest.mark.parametrize("dialect", ["chat", "completions"])
@pytest.mark.parametrize("fields", [{"stream": True}, WITH_USAGE])
def test_usage_beside_choices_comes_asked_for_or_not(
    odd: Simulator, dialect: str, fields: dict[str, Any]
) -> None:
    *_, last, done = events_of(ask(odd("usage_beside_choices"), dialect, LONG, **fields))
    assert done.data == "[DONE]"
    assert last.data["choices"][0]["finish_reason"] == "stop"
    assert last.data["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_no_usage_at_all(odd: Simulator, dialect: str) -> None:
    running = odd("no_usage")
    assert "usage" not in ask(running, dialect, LONG).json
    events = events_of(ask(running, dialect, LONG, **WITH_USAGE))
    assert all("usage" not in event.data for event in events[:-1])
    assert all(event.data["choices"] for event in events[:-1])


def test_no_usage_in_the_other_dialects(odd: Simulator) -> None:
    running = odd("no_usage")
    assert "usage" not in ask(running, "messages", LONG).json
    events = events_of(ask(running, "messages", LONG, stream=True))
    assert "usage" not in events[0].data["message"]
    assert "usage" not in events[-2].data
    assert ask(running, "responses", LONG).json["usage"] is None


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_stream_options_are_refused_and_nothing_else(odd: Simulator, dialect: str) -> None:
    running = odd("refuse_stream_options")
    reply = ask(running, dialect, LONG, **WITH_USAGE)
    assert (reply.status, reply.json["error"]["param"]) == (400, "stream_options")
    assert ask(running, dialect, LONG, stream=True).status == 200
    assert (row(running)["errors"], row(running)["ok"]) == (1, 1)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_comes_before_the_answer(odd: Simulator, name: str) -> None:
    running = odd(name)
    thought = ask(running, "chat", LONG).json["choices"][0]["message"][name]
    deltas = [
        event.data["choices"][0]["delta"] for event in events_of(ask(running, "chat", LONG, stream=True))[:-1]
    ]
    assert "".join(delta.get(name, "") for delta in deltas) == thought
    last_thought = max(place for place, delta in enumerate(deltas) if name in delta)
    first_text = min(place for place, delta in enumerate(deltas) if delta.get("content"))
    assert last_thought < first_text


@pytest.mark.parametrize("latency", [0.0, 0.05])
@pytest.mark.parametrize("dialect", list(PATHS))
def test_a_truncated_stream_just_ends(odd: Simulator, dialect: str, latency: float) -> None:
    running = odd("truncated", latency=latency)
    cut = text_of(events_of(ask(running, dialect, LONG, stream=True)), dialect)
    running.control(running.keys[0], quirks=[])
    whole = whole_text(running, dialect)
    assert cut
    assert len(cut) < len(whole)
    assert (row(running)["errors"], row(running)["ok"]) == (1, 1)


def whole_text(running: Simulated, dialect: str) -> str:
    events = events_of(ask(running, dialect, LONG, stream=True))
    assert events[-1].data == "[DONE]" or events[-1].name in ("response.completed", "message_stop")
    return text_of(events, dialect)


@pytest.mark.parametrize("dialect", ["chat", "completions"])
def test_an_error_in_a_stream_of_chunks(odd: Simulator, dialect: str) -> None:
    running = odd("error_in_stream")
    events = events_of(ask(running, dialect, LONG, stream=True))
    assert text_of(events[:-1], dialect)
    assert events[-1].name == ""
    assert events[-1].data["error"]["type"] == "server_error"
    assert row(running)["errors"] == 1


def test_an_error_in_a_stream_of_the_other_dialects(odd: Simulator) -> None:
    running = odd("error_in_stream")
    last = events_of(ask(running, "messages", LONG, stream=True))[-1]
    assert (last.name, last.data["error"]["type"]) == ("error", "overloaded_error")
    events = events_of(ask(running, "responses", LONG, stream=True))
    assert (events[-1].name, events[-1].data["code"]) == ("error", "server_error")
    assert [event.data["sequence_number"] for event in events] == list(range(len(events)))


def test_a_limit_reached_within_a_stream(odd: Simulator) -> None:
    running = odd("throttle_in_stream")
    for dialect in ("chat", "completions"):
        error = events_of(ask(running, dialect, LONG, stream=True))[-1].data["error"]
        assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    last = events_of(ask(running, "messages", LONG, stream=True))[-1]
    assert (last.name, last.data["error"]["type"]) == ("error", "rate_limit_error")
    last = events_of(ask(running, "responses", LONG, stream=True))[-1]
    assert (last.name, last.data["code"]) == ("error", "rate_limit_exceeded")
    assert row(running)["errors"] == 4


@pytest.mark.parametrize("dialect", list(PATHS))
def test_an_error_for_a_body_has_status_200(odd: Simulator, dialect: str) -> None:
    running = odd("error_body")
    reply = ask(running, dialect, LONG)
    assert reply.status == 200
    assert reply.json["error"]["message"]
    assert row(running)["errors"] == 1


@pytest.mark.parametrize("dialect", list(PATHS))
def test_a_page_of_html_comes_as_from_a_proxy(odd: Simulator, dialect: str) -> None:
    running = odd("html")
    reply = ask(running, dialect, LONG)
    assert (reply.status, reply.headers["content-type"]) == (502, "text/html")
    assert reply.body.startswith(b"<html>")
    assert ask(running, dialect, LONG, key=running.keys[1]).status == 200


@pytest.mark.parametrize("dialect", list(PATHS))
@pytest.mark.parametrize("stream", [False, True])
def test_all_quirks_at_once_do_not_upset_the_server(odd: Simulator, dialect: str, stream: bool) -> None:
    running = odd(*[name for name in ALL if name not in ("html", "json_for_stream")])
    assert ask(running, dialect, LONG, stream=stream).status == 200
    assert row(running)["errors"] == 1
    assert running.complaints() == ""
