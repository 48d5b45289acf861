"""The simulator over HTTP: errors, statistics, orders, clients that go away."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmdash.prompts.answers import score_arithmetic
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.verdict import Verdict
from tests.simulated import Reply, Simulated
from tests.waiting import PATIENCE_S, first, wait_for

Simulator = Callable[..., Simulated]


def adds_up(stats: dict[str, Any], under_way: int = 0) -> bool:
    rows = stats["by_key"].values()
    ended = sum(sum(count for name, count in row.items() if name != "requests") for row in rows)
    requests: int = stats["requests"]
    return (
        requests == sum(row["requests"] for row in rows)
        and requests == ended + under_way
        and requests == sum(count for _second, count in stats["by_second"])
    )


def errors(running: Simulated) -> int:
    """The requests with the first key that failed so far."""
    counted: int = running.stats()["by_key"].get(running.keys[0], {"errors": 0})["errors"]
    return counted


def test_what_the_server_counts_is_what_the_client_saw(simulator: Simulator) -> None:
    running = simulator(wrong_rate=0.2, error_rate=0.1)
    task = Arithmetic(300)

    def call(index: int) -> tuple[int, Verdict]:
        prompt = task.prompt(index)
        reply = running.ask(prompt.text, key=running.keys[index % 3])
        text = reply.json["choices"][0]["message"]["content"] if reply.status == 200 else ""
        return reply.status, score_arithmetic(prompt.expected or "", text)

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(call, range(300)))
    stats = running.stats(arrivals=True)
    answered = [verdict for status, verdict in seen if status == 200]
    assert stats["right"] == answered.count(Verdict.RIGHT)
    assert stats["wrong"] == len(answered) - stats["right"]
    assert [row["requests"] for row in stats["by_key"].values()] == [100, 100, 100]
    assert sum(row["errors"] for row in stats["by_key"].values()) == 300 - len(answered)
    assert adds_up(stats)
    assert len(stats["arrivals"]) == 300
    assert "arrivals" not in running.stats()


def test_a_strange_key_and_no_key_are_refused_and_counted(simulator: Simulator) -> None:
    running = simulator()
    assert running.ask("Hi", key="stranger").status == 401
    reply = running.fetch("/v1/chat/completions", {"model": "m"})
    assert (reply.status, reply.json["error"]["code"]) == (401, "invalid_api_key")
    by_key = running.stats()["by_key"]
    assert by_key["stranger"]["refused"] == by_key[""]["refused"] == 1
    assert adds_up(running.stats())


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"", 400, None),
        (b"[]", 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"a":' * 100_000, 400, None),
        (b'{"model": "m"}', 400, "messages"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', 400, "model"),
        (b'{"model": "m", "messages": "x"}', 400, "messages"),
        (b'{"model": "m", "messages": [{"role": "user"}], "max_tokens": 0}', 400, "max_tokens"),
        (b" " * (16 * 1024 * 1024 + 1), 413, None),
    ],
    ids=["cut", "empty", "list", "bytes", "deep", "no messages", "no model", "text", "no tokens", "huge"],
)
def test_a_body_that_makes_no_sense_is_an_error_in_openai_shape(
    shared_simulator: Simulated, body: bytes, status: int, param: str | None
) -> None:
    running = shared_simulator
    before = errors(running)
    reply = running.fetch("/v1/chat/completions", raw=body, key=running.keys[0])
    assert (reply.status, reply.json["error"]["param"]) == (status, param)
    assert set(reply.json["error"]) == {"message", "type", "param", "code"}
    assert errors(running) == before + 1
    assert running.complaints() == ""


def test_unknown_paths_and_slashes_at_the_end(simulator: Simulator) -> None:
    running = simulator()
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert running.fetch("/v1/chat/completions/", body, key=running.keys[0]).status == 200
    for path in ("/v1/rerank", "/v1", "/v1/chat/completions/x"):
        reply = running.fetch(path, body, key=running.keys[0])
        assert (reply.status, reply.json["error"]["code"]) == (404, "unknown_url")
    assert running.fetch("/nothing").json["error"]["code"] == "unknown_url"
    assert running.fetch("/v1/chat/completions", key=running.keys[0]).status == 404
    assert running.fetch("/v1/models/", key=running.keys[0]).json["object"] == "list"


def test_the_limit_is_one_for_each_key_and_told_in_headers(simulator: Simulator) -> None:
    running = simulator(keys=("a", "b"), rpm=3)
    replies = [running.ask("Hi", key="a") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["2", "1", "0", "0"]
    assert replies[0].headers["x-ratelimit-limit-requests"] == "3"
    assert running.ask("Hi", key="b").status == 200
    assert running.stats()["by_key"]["a"] == {
        "requests": 4,
        "ok": 3,
        "throttled": 1,
        "refused": 0,
        "errors": 0,
        "dropped": 0,
    }


def test_without_a_limit_there_are_no_such_headers(simulator: Simulator) -> None:
    reply = simulator().ask("Hi")
    assert not [name for name in reply.headers if name.startswith("x-ratelimit")]
    assert reply.headers["x-request-id"].startswith("req_")


def test_a_retry_at_the_time_told_is_served(simulator: Simulator) -> None:
    running = simulator(keys=("a",), rpm=600)

    def ask_while_throttled() -> Reply:
        running.control("a", throttle_s=1.0)
        return running.ask("Hi")

    # The second may pass before the request comes.
    reply = first(ask_while_throttled, lambda reply: reply.status == 429)
    assert reply.headers["retry-after"] == "1"
    wait = int(reply.headers["retry-after-ms"]) / 1000
    assert 0 < wait <= 1.0
    time.sleep(wait)
    assert running.ask("Hi").status == 200


def test_a_key_can_be_refused_and_taken_back(simulator: Simulator) -> None:
    running = simulator()
    running.control(running.keys[0], refuse=True)
    assert running.ask("Hi").status == 401
    assert running.fetch("/v1/models", key=running.keys[0]).status == 401
    assert running.ask("Hi", key=running.keys[1]).status == 200
    running.control(running.keys[0], refuse=False)
    assert running.ask("Hi").status == 200
    running.control(running.keys[0], error_rate=1)
    assert running.ask("Hi").status == 500


def test_orders_that_make_no_sense_are_refused(simulator: Simulator) -> None:
    running = simulator()
    key = running.keys[0]
    assert running.fetch("/__sim__/key/nobody", {"refuse": True}).status == 404
    for orders in ({"refuse": 1}, {"what": 1}, [1], 5):
        assert running.fetch(f"/__sim__/key/{key}", orders).status == 400
    assert running.fetch(f"/__sim__/key/{key}", raw=b"{").status == 400
    assert running.complaints() == ""


def half_asked(running: Simulated, *, stream: bool) -> socket.socket:
    """A connection on which a request was sent, and nothing read."""
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "Why?"}], "stream": stream}
    ).encode()
    host, port = running.root.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.keys[0]}\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return client


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_is_counted_as_dropped(simulator: Simulator, stream: bool) -> None:
    running = simulator(latency=60.0, first_share=0.0005)
    client = half_asked(running, stream=stream)
    if stream:
        assert b"text/event-stream" in client.recv(65_536)
    else:
        wait_for(lambda: running.stats()["requests"] == 1)
    assert adds_up(running.stats(), under_way=1)
    client.close()
    wait_for(lambda: running.stats()["by_key"][running.keys[0]]["dropped"] == 1)
    assert adds_up(running.stats())
    assert running.complaints() == ""


def test_a_request_whose_body_never_comes_is_dropped(simulator: Simulator) -> None:
    running = simulator()
    host, port = running.root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        wait_for(lambda: running.stats()["requests"] == 1)
    wait_for(lambda: running.stats()["by_key"][""]["dropped"] == 1)
    assert running.complaints() == ""


def test_strangers_without_number_do_not_fill_the_memory(simulator: Simulator) -> None:
    running = simulator()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: running.ask("Hi", key=f"stranger-{number}"), range(1_050)))
    stats = running.stats()
    assert stats["by_key"]["(other unknown keys)"]["refused"] == 50
    assert adds_up(stats)
