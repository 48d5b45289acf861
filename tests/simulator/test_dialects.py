"""What holds over all dialects: one account a key, one limit of tokens, one behaviour."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmdash.prompts.arithmetic import Arithmetic
from tests.simulated import Simulated
from tests.simulator.frames import PATHS, ask

Simulator = Callable[..., Simulated]
LONG = "Tell me about the sea and its salt."


def test_the_account_of_a_key_adds_up_over_all_dialects(simulator: Simulator) -> None:
    running = simulator(rpm=40, error_rate=0.2, wrong_rate=0.3, latency=0.01)
    task = Arithmetic(240)
    names = list(PATHS)

    def call(index: int) -> int:
        key = [*running.keys, "stranger"][index % 4]
        return ask(running, names[index // 4 % 4], task.prompt(index).text, key, stream=index % 3 == 0).status

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(call, range(240)))
    stats = running.stats()
    for row in stats["by_key"].values():
        assert row["requests"] == 60 == sum(count for name, count in row.items() if name != "requests")
    totals = {
        name: sum(row[name] for row in stats["by_key"].values())
        for name in ("ok", "throttled", "refused", "errors")
    }
    assert totals == {
        "ok": seen.count(200),
        "throttled": seen.count(429),
        "refused": seen.count(401),
        "errors": seen.count(500) + seen.count(529),
    }
    assert all(totals.values())
    assert stats["requests"] == 240 == sum(count for _second, count in stats["by_second"])
    assert stats["right"] + stats["wrong"] == totals["ok"]
    assert running.complaints() == ""


def test_each_of_several_prompts_counts_as_right_or_wrong(simulator: Simulator) -> None:
    running = simulator(wrong_rate=0.5)
    prompts = [Arithmetic(40).prompt(index).text for index in range(40)]
    body = {"model": "m", "prompt": prompts}
    assert running.fetch("/v1/completions", body, key=running.keys[0]).status == 200
    stats = running.stats()
    assert (stats["requests"], stats["right"] + stats["wrong"]) == (1, 40)
    assert stats["right"] > 0
    assert stats["wrong"] > 0


def test_the_limit_of_requests_is_one_for_all_dialects(simulator: Simulator) -> None:
    running = simulator(rpm=3)
    assert [ask(running, name, "Hi").status for name in PATHS] == [200, 200, 200, 429]


@pytest.mark.parametrize("dialect", list(PATHS))
def test_tokens_are_charged_for_prompt_and_answer(simulator: Simulator, dialect: str) -> None:
    running = simulator(tpm=60)  # what was charged is not back before the reply can tell of it
    reply = ask(running, dialect, "What is 2 + 3 x 4?")
    name = "anthropic-ratelimit-tokens-" if dialect == "messages" else "x-ratelimit-{}-tokens"
    limit, left = (
        int(reply.headers[name.format(part) if "{}" in name else name + part])
        for part in ("limit", "remaining")
    )
    assert limit == 60
    assert 60 - 20 - 1 <= left < 60
