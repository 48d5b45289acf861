"""The application on a clock of its own: limits of tokens by the second, and what goes out in which piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmdash.simulator.app import make_app
from llmdash.simulator.settings import SimulatorSettings
from tests.simulator.in_process import exchanged

LONG = "Tell me about the sea and its salt."


class Client:
    """Calls the application as a server would, at whatever time it is told that it is."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        chosen = SimulatorSettings(**{"keys": ("a",), "latency": 0.0, **settings})
        self._app = make_app(chosen, clock=lambda: self.now, wall=lambda: 1_767_225_600.0 + self.now)
        self.headers: dict[str, str] = {}

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, list[bytes]]:
        """The status and the pieces of the answer; `headers` then has its headers."""
        auth = [(b"authorization", b"Bearer a"), (b"anthropic-version", b"2023-06-01")]
        scope = {"type": "http", "method": "POST", "path": path, "headers": auth}
        sent = await exchanged(self._app, scope, json.dumps(body).encode())
        self.headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], [message["body"] for message in sent[1:]]

    async def ask(self, tokens: int) -> int:
        """The status of an answer of one token to a prompt of so many."""
        content = "x" * (4 * (tokens - 7))
        body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": content}]}
        return (await self.post("/v1/chat/completions", body))[0]


async def test_a_key_out_of_tokens_is_served_at_the_time_it_is_told() -> None:
    client = Client(tpm=6_000)
    assert await client.ask(5_000) == 200
    assert client.headers["x-ratelimit-remaining-tokens"] == "999"
    assert client.headers["x-ratelimit-reset-tokens"] == "50.01s"
    assert await client.ask(2_000) == 429
    assert (client.headers["retry-after-ms"], client.headers["retry-after"]) == ("10010", "11")
    client.now = 10.0
    assert await client.ask(2_000) == 429
    client.now = 10.01
    assert await client.ask(2_000) == 200
    assert client.headers["x-ratelimit-remaining-tokens"] == "0"


async def test_a_short_prompt_passes_where_a_long_one_waits() -> None:
    client = Client(tpm=6_000)
    assert await client.ask(5_900) == 200
    assert await client.ask(2_000) == 429
    assert await client.ask(50) == 200


async def test_a_prompt_larger_than_the_limit_passes_when_the_key_is_rested() -> None:
    client = Client(tpm=600)
    assert await client.ask(1_200) == 200
    assert client.headers["x-ratelimit-remaining-tokens"] == "0"
    assert await client.ask(10) == 429
    assert client.headers["retry-after-ms"] == "61100"


async def test_a_bad_request_costs_a_request_and_no_tokens() -> None:
    client = Client(tpm=600, rpm=2)
    assert (await client.post("/v1/chat/completions", {}))[0] == 400
    assert client.headers["x-ratelimit-remaining-requests"] == "1"
    assert client.headers["x-ratelimit-remaining-tokens"] == "600"


async def test_anthropic_is_told_the_moment_of_the_refill() -> None:
    client = Client(tpm=60)
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x" * 92}]}
    assert (await client.post("/v1/messages", body))[0] == 200
    assert client.headers["anthropic-ratelimit-tokens-remaining"] == "29"
    assert client.headers["anthropic-ratelimit-tokens-reset"] == "2026-01-01T00:00:31Z"
    assert (await client.post("/v1/messages", body))[0] == 429
    assert client.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("path", "asked", "opening"),
    [
        (
            "/v1/messages",
            {"messages": [{"role": "user", "content": LONG}], "max_tokens": 9},
            b"message_start",
        ),
        ("/v1/responses", {"input": LONG, "max_output_tokens": 9}, b"response.created"),
    ],
)
async def test_an_answer_is_announced_before_its_text_begins(
    path: str, asked: dict[str, Any], opening: bytes
) -> None:
    client = Client(latency=0.02)
    status, pieces = await client.post(path, {"model": "m", "stream": True, **asked})
    assert status == 200
    assert opening in pieces[0]
    assert b"delta" not in pieces[0]
    assert len(pieces) == 1 + 9 + 1
    assert all(b"delta" in piece for piece in pieces[1:10])


async def test_the_role_in_a_chat_comes_with_the_first_text() -> None:
    client = Client(latency=0.02)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": LONG}], "max_tokens": 9}
    _status, pieces = await client.post("/v1/chat/completions", body)
    assert b'"role":"assistant"' in pieces[0]
    assert len(pieces) == 9 + 1
