"""The request of a job as it may be seen: as it would be sent, without its key."""

from __future__ import annotations

import json

from llmdash.engine.dispatch.request_parts import RequestParts
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.messages import Hints
from llmdash.llms.openai import ChatOpenAI
from llmdash.prompts.source import Prompt
from llmdash.secrets import Secret
from tests.engine.pools import Clock, pool_of

KEYS = ("sk-" + "a" * 40, "sk-" + "b" * 40)
PROMPT = Prompt("p", (("user", "hello"),), options={"temperature": 0.5})


def pool() -> KeyPool:
    clock = Clock()
    shared = Endpoint("e", clock=clock)
    llms = [ChatOpenAI("m", api_key=Secret(key), base_url="https://llm.test/v1") for key in KEYS]
    return KeyPool([Member(llm, f"key-{n}", shared, clock=clock) for n, llm in enumerate(llms)], clock)


def test_the_request_has_the_options_of_the_run_and_over_them_those_of_the_prompt() -> None:
    part = RequestParts(pool(), {"temperature": 1.0, "seed": 7}).part(PROMPT, "key-1")
    assert part is not None
    assert part.url == "https://llm.test/v1/chat/completions"
    body = json.loads(part.body)
    assert (body["model"], body["temperature"], body["seed"]) == ("m", 0.5, 7)
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert dict(part.headers)["authorization"] == "Bearer $API_KEY"
    assert not any(key in repr(part) for key in KEYS)


def test_the_limits_are_those_that_the_server_said_last_of_that_key() -> None:
    keys = pool()
    keys.members[1].reported = Hints(500, 128, 44.0, 200_000, 171_000, None)
    parts = RequestParts(keys, {})
    known = parts.part(PROMPT, "key-1")
    assert known is not None
    assert (known.limit_requests, known.remaining_requests, known.reset_requests_s) == (500, 128, 44.0)
    assert (known.limit_tokens, known.remaining_tokens, known.reset_tokens_s) == (200_000, 171_000, None)
    unknown = parts.part(PROMPT, "key-0")
    assert unknown is not None and unknown.limit_requests is None


def test_a_key_that_is_gone_is_stood_for_by_another_and_classes_of_others_have_no_request() -> None:
    assert RequestParts(pool(), {}).part(PROMPT, "gone") is not None
    assert RequestParts(pool_of(1, Clock()), {}).part(PROMPT, None) is None
