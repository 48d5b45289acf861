"""The programs that users of LangChain know, with nothing changed but the import and the endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from llmdash.llms import OpenAI
from tests.simulated import Simulated


@pytest.fixture
def endpoint(simulator: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """A slow simulator that the environment names."""
    simulated = simulator(latency=0.4)
    monkeypatch.setenv("OPENAI_API_KEY", simulated.keys[0])
    monkeypatch.setenv("OPENAI_BASE_URL", simulated.base_url)
    return simulated


def test_ten_greetings_are_at_least_four_times_faster_at_once(
    endpoint: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    def generate_serially() -> None:
        llm = OpenAI(temperature=0.9)
        for _ in range(10):
            resp = llm.generate(["Hello, how are you?"])
            print(resp.generations[0][0].text)

    async def async_generate(llm: OpenAI) -> None:
        resp = await llm.agenerate(["Hello, how are you?"])
        print(resp.generations[0][0].text)

    async def generate_concurrently() -> None:
        llm = OpenAI(temperature=0.9)
        tasks = [async_generate(llm) for _ in range(10)]
        await asyncio.gather(*tasks)

    start = time.perf_counter()
    generate_serially()
    one_by_one = time.perf_counter() - start
    # The machine may stand still meanwhile; what asks one after the other is as slow in every round.
    times_faster = [0.0]
    while times_faster[-1] < 4 and len(times_faster) < 10:
        start = time.perf_counter()
        asyncio.run(generate_concurrently())
        times_faster.append(one_by_one / (time.perf_counter() - start))
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    print(f"ten greetings: {times_faster[-1]:.1f} times faster at once")
    assert len(lines) == 10 * len(times_faster)
    assert times_faster[-1] >= 4


def test_chunks_are_shown_with_bars_between_them(
    endpoint: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    llm = OpenAI(model="gpt-3.5-turbo-instruct", temperature=0, max_tokens=512)
    for chunk in llm.stream("Write me a 1 verse song about sparkling water."):
        print(chunk, end="|", flush=True)
    shown = capsys.readouterr().out
    assert shown.endswith("|")
    assert shown.count("|") > 5


async def test_chunks_are_shown_with_bars_as_they_arrive(
    endpoint: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    llm = OpenAI(model="gpt-3.5-turbo-instruct", temperature=0, max_tokens=512)
    async for chunk in llm.astream("Write me a 1 verse song about sparkling water."):
        print(chunk, end="|", flush=True)
    assert capsys.readouterr().out.count("|") > 5
    await llm.aclose()


@pytest.mark.filterwarnings("ignore:astream_events version:DeprecationWarning")  # LangChain's word on v1
async def test_the_first_four_events_are_shown(
    endpoint: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    llm = OpenAI(model="gpt-3.5-turbo-instruct", temperature=0, max_tokens=512)
    idx = 0
    async for event in llm.astream_events("Write me a 1 verse song about goldfish on the moon", version="v1"):
        idx += 1
        if idx >= 5:  # truncate the output
            print("...Truncated")
            break
        print(event)
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "...Truncated"
    assert ["on_llm_start" in shown[0], *("on_llm_stream" in line for line in shown[1:4])] == [True] * 4
    assert len(shown) == 5
    await llm.aclose()
