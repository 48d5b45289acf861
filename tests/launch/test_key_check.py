"""A check tries every key once, gently, and its outcome is safe to show."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from llmdash.config import EndpointSettings, Settings
from llmdash.launch.key_check import AT_ONCE, KeyCheck, check_keys, fix
from llmdash.launch.key_check_table import as_record, as_table
from llmdash.llms.messages import Hints
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Secret
from tests.llms.raw_server import framed, raw_server, send, serving

KEY = "sk-canary-0123456789abcdef"
JSON = b"content-type: application/json"
ANSWER = framed(b'{"choices":[{"message":{"content":"OK"},"finish_reason":"stop"}]}', JSON)
ENDPOINT = EndpointSettings("e", "openai-chat", "https://host.example/v1", "m", (Secret(KEY),))
HOSTILE = "\x1b]52;c;AAAA\x07 [/x] \u202e\n"


def settings_for(base_url: str, *keys: str) -> Settings:
    return Settings(base_url=base_url, keys=tuple(map(Secret, keys)))


async def test_only_a_few_calls_are_under_way_at_a_time() -> None:
    asking, most = 0, 0
    full = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asking, most
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
            asking += 1
            most = max(most, asking)
            if asking == AT_ONCE:
                full.set()
            await full.wait()
            asking -= 1
            writer.write(ANSWER)

    async with serving(serve) as port:
        keys = [f"sk-{number:016}" for number in range(3 * AT_ONCE)]
        checks = await check_keys(settings_for(f"http://127.0.0.1:{port}/v1", *keys))
    assert [check.works for check in checks] == [True] * len(keys)
    assert most == AT_ONCE


async def test_a_model_that_refuses_the_limit_of_tokens_is_asked_without() -> None:
    refusal = framed(
        b'{"error": {"message": "Unsupported parameter: \'max_tokens\'", "code": "unsupported_parameter"}}',
        JSON,
        status=b"400 Bad Request",
    )
    async with raw_server(send(refusal), send(ANSWER)) as server:
        (check,) = await check_keys(settings_for(server.base_url, KEY))
    assert check.works
    assert [b'"max_tokens":16' in request for request in server.requests] == [True, False]


async def test_a_model_that_wants_a_longer_answer_is_asked_as_a_run_would_ask_it() -> None:
    words = b"`max_tokens` must be greater than `thinking.budget_tokens`"
    refusal = framed(b'{"error": {"message": "%s"}}' % words, JSON, status=b"400 Bad Request")
    async with raw_server(send(refusal), send(ANSWER)) as server:
        settings = settings_for(server.base_url, KEY)
        (endpoint,) = settings.endpoints
        longer = replace(endpoint, options={"max_tokens": 4000, "top_k": 3})
        (check,) = await check_keys(settings.with_endpoints((longer,)))
    assert check.works
    first, second = server.requests
    assert b'"max_tokens":16' in first
    assert b'"max_tokens":4000' in second


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-completions", "openai-responses", "anthropic"])
async def test_the_call_asks_for_no_less_than_every_provider_gives(dialect: str) -> None:
    async with raw_server(send(ANSWER)) as server:
        settings = replace(settings_for(server.base_url, KEY), dialect=dialect)
        await check_keys(settings)
    assert re.search(rb'"max_(output_)?tokens":16\b', server.requests[0])


async def test_a_key_in_the_servers_words_is_not_repeated() -> None:
    words = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    async with raw_server(send(framed(words, JSON, status=b"401 Unauthorized"))) as server:
        checks = await check_keys(settings_for(server.base_url, KEY))
    assert "Incorrect API key provided: sk-...cdef" in as_table(checks)
    assert KEY not in as_table(checks) + repr(checks) + str(as_record(checks[0]))


async def test_a_host_that_does_not_exist_is_the_networks_fault() -> None:
    (check,) = await check_keys(settings_for("https://no-such-host.invalid/v1", KEY))
    assert check.failure is not None
    assert check.failure.kind is FailureKind.LOCAL
    assert "check the network and the host's name" in fix(check.endpoint, check.failure)


async def test_a_langchain_model_that_cannot_be_made_is_told() -> None:
    broken = EndpointSettings("l", "langchain", "", "m", target="llmdash_no_such_module:chat")
    (check,) = await check_keys(Settings().with_endpoints([broken]))
    assert check.failure is not None
    assert check.failure.kind is FailureKind.CONFIG
    assert "check target llmdash_no_such_module:chat" in as_table([check])


def test_hostile_words_are_shown_as_glyphs() -> None:
    endpoint = EndpointSettings(HOSTILE, "openai-chat", "https://host", HOSTILE)
    check = KeyCheck(endpoint, HOSTILE, 0.1, Failure(FailureKind.AUTH, HOSTILE, status=401))
    shown = as_table([check]) + str(as_record(check))
    assert not any(character in shown for character in "\x1b\x07\u202e")
    assert "[/x]" in shown


def test_limits_are_shown_as_the_server_told_them() -> None:
    told = Hints(limit_requests=500, remaining_requests=499, limit_tokens=None, remaining_tokens=39_990)
    checks = [KeyCheck(ENDPOINT, "cdef", 0.4123, hints=told), KeyCheck(ENDPOINT, "aaaa", 12.34)]
    _, first, second, *_ = as_table(checks).splitlines()
    assert first.split() == ["e", "cdef", "yes", "0.412", "s", "499", "of", "500", "39,990", "m"]
    assert second.split() == ["e", "aaaa", "yes", "12.3", "s", "–", "–", "m"]
    assert as_record(checks[0])["limits"]["remaining_tokens"] == 39_990


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Failure(FailureKind.AUTH, "", status=401), "check the key in .env"),
        (Failure(FailureKind.AUTH, "", status=403), "this key may not use model m"),
        (Failure(FailureKind.QUOTA, "", status=429), "add credit"),
        (Failure(FailureKind.THROTTLE, "", status=429, retry_after=7.2), "wait 7 s"),
        (Failure(FailureKind.THROTTLE, "", status=429), "wait a minute"),
        (Failure(FailureKind.REQUEST, "", status=404), "base_url tried is https://host.example/v1"),
        (Failure(FailureKind.CONFIG, ""), "base_url tried is https://host.example/v1"),
        (Failure(FailureKind.REQUEST, "", status=400), "check model m and dialect openai-chat"),
        (Failure(FailureKind.TRANSIENT, "", status=503), "check again in a while"),
        (Failure(FailureKind.TRANSIENT, ""), "see whether a server answers there"),
        (Failure(FailureKind.LOCAL, ""), "check the network"),
        (Failure(FailureKind.CONFIG, "not trusted; name it in ca_file", reached=False), "name it in ca_file"),
        (Failure(FailureKind.TRANSIENT, "refused; check the proxy", reached=False), "check the proxy"),
    ],
)
def test_each_failure_has_its_fix(failure: Failure, told: str) -> None:
    assert told in fix(ENDPOINT, failure)


def test_a_key_too_short_to_show_is_told_from_others_by_its_place_and_shows_nothing_of_itself() -> None:
    keys = (Secret(KEY), Secret("hunter2"), Secret("swordfish"))
    endpoint = replace(ENDPOINT, keys=keys)
    refused = Failure(FailureKind.AUTH, "Incorrect API key", status=401)
    checks = [KeyCheck(endpoint, key.tail, 0.1, refused) for key in keys]
    table = as_table(checks)
    for key, name in zip(keys[1:], ("2nd", "3rd"), strict=True):
        assert table.count(f"{name}, hash {key.fingerprint[:4]}") == 2  # in its row, and above its fix
        assert key.reveal() not in table
    assert "1st" not in table
    assert [as_record(check)["position"] for check in checks] == [1, 2, 3]


def test_an_address_without_a_path_that_answers_404_is_told_where_servers_answer() -> None:
    bare = replace(ENDPOINT, base_url="https://host.example")
    missing = Failure(FailureKind.CONFIG, "not found", status=404)
    assert fix(bare, missing).endswith("; most servers answer below https://host.example/v1")
    assert "most servers" not in fix(ENDPOINT, missing)
