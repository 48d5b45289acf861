"""What every LLM can do, shown on one that answers from memory."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, Generation, PromptLike, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.simulated import Simulated
from tests.waiting import LONGEST_S, PATIENCE_S


class Echo(LLM):
    """Says each word of the prompt after so many turns of the loop as the word is long; `!` is a failure."""

    model = "echo"

    def __init__(self) -> None:
        self.now = self.most = self.begun = self.ended = 0
        self.options: list[dict[str, Any]] = []

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        self.options.append({"stop": stop, **options})
        self.begun += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            words = str(prompt).split()
            for word in words:
                for _ in word:
                    await asyncio.sleep(0)
                if word == "!":
                    raise Failure(FailureKind.TRANSIENT, "no")
                yield Delta(word)
                yield Delta(reasoning="hm")
            yield Delta(finish_reason="stop")
            yield Delta(usage=Usage(1, len(words)))
        finally:
            self.now -= 1
            self.ended += 1


async def test_an_answer_is_its_deltas_put_together() -> None:
    assert await Echo().ainvoke("a b") == Generation("ab", "stop", Usage(1, 2), reasoning="hmhm")


async def test_deltas_hold_everything_and_astream_the_text_and_at_last_the_end() -> None:
    llm = Echo()
    assert len([delta async for delta in llm.deltas("a b")]) == 6
    assert [delta.content async for delta in llm.astream("a b")] == ["a", "b", ""]


async def test_options_and_stop_reach_the_dialect() -> None:
    llm = Echo()
    await llm.ainvoke("a", stop=["x"], temperature=0)
    await llm.abatch(["a"], stop=["y"], seed=1)
    await llm.agenerate(["a"], stop=["z"])
    assert llm.options == [{"stop": ["x"], "temperature": 0}, {"stop": ["y"], "seed": 1}, {"stop": ["z"]}]


async def test_a_batch_keeps_the_order_of_its_prompts() -> None:
    prompts = ["x" * (20 - index) for index in range(20)]
    answers = await Echo().abatch(prompts)
    assert [answer.text for answer in answers if isinstance(answer, Generation)] == prompts


@pytest.mark.parametrize("limit", [1, 3, 20, 50, None])
async def test_a_batch_runs_no_more_at_a_time_than_it_may(limit: int | None) -> None:
    llm = Echo()
    await llm.abatch(["abc"] * 20, max_concurrency=limit)
    assert (llm.most, llm.begun, llm.now) == (min(limit or 20, 20), 20, 0)


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_concurrency_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=f"max_concurrency is {limit}"):
        await Echo().abatch(["a"], max_concurrency=limit)


async def test_an_empty_batch_has_no_answers() -> None:
    assert await Echo().abatch([]) == []
    assert (await Echo().agenerate([])).generations == []


async def test_failures_stand_in_their_places_if_asked_for() -> None:
    answers = await Echo().abatch(["a", "b !", "c"], return_exceptions=True, max_concurrency=1)
    assert [getattr(answer, "text", None) for answer in answers] == ["a", None, "c"]
    failure = answers[1]
    assert isinstance(failure, Failure)
    assert failure.partial == "b"


async def test_the_first_failure_is_raised_and_the_rest_cancelled() -> None:
    llm = Echo()
    with pytest.raises(Failure, match="no"):
        await llm.abatch(["!", "long " * 1000, *["never"] * 5], max_concurrency=2)
    assert (llm.begun, llm.now) == (2, 0)


async def test_an_error_that_is_no_failure_is_raised_as_itself() -> None:
    class Broken(Echo):
        async def _astream(self, prompt: Any, **_: Any) -> AsyncGenerator[Delta, None]:
            if prompt:
                raise TypeError("not a prompt")
            yield Delta()

    with pytest.raises(TypeError, match="not a prompt"):
        await Broken().abatch(["a", "b"])


async def test_a_cancelled_batch_leaves_nothing_running() -> None:
    llm = Echo()
    batch = asyncio.create_task(llm.abatch(["long " * 1000] * 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert (llm.begun, llm.ended) == (5, 5)


async def test_generate_gives_lists_of_candidates_and_the_sum_of_tokens() -> None:
    result = await Echo().agenerate(["a", "b c"])
    assert [[one.text for one in candidates] for candidates in result.generations] == [["a"], ["bc"]]
    assert result.llm_output == {
        "model_name": "echo",
        "token_usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    }


async def test_generate_never_leaves_a_prompt_out() -> None:
    with pytest.raises(Failure):
        await Echo().agenerate(["a", "!"])
    with pytest.raises(TypeError, match="return_exceptions"):
        await Echo().agenerate(["a", "!"], return_exceptions=True)


async def test_a_stream_that_is_left_early_is_closed_at_once() -> None:
    llm = Echo()
    stream = llm.astream("a b c")
    assert (await anext(stream)).text == "a"
    await stream.aclose()
    assert (llm.begun, llm.ended) == (1, 1)


def test_everything_works_without_a_loop() -> None:
    llm = Echo()
    assert llm.invoke("a b").text == "ab"
    assert [answer.text for answer in llm.batch(["a", "b"]) if isinstance(answer, Generation)] == ["a", "b"]
    assert llm.generate(["a"]).generations[0][0].text == "a"
    assert [delta.text for delta in llm.stream("a b")] == ["a", "b", ""]


async def test_the_synchronous_calls_work_inside_a_running_loop() -> None:
    """As in a notebook."""
    llm = Echo()
    assert llm.invoke("a").text == "a"
    assert [delta.text for delta in llm.stream("a b")] == ["a", "b", ""]


def test_a_synchronous_stream_that_is_left_early_is_closed() -> None:
    llm = Echo()
    for _ in llm.stream("a b c"):
        break
    gc.collect()
    assert (llm.begun, llm.ended) == (1, 1)


def test_a_failure_comes_through_the_synchronous_calls() -> None:
    llm = Echo()
    with pytest.raises(Failure):
        llm.invoke("!")
    seen: list[str] = []
    with pytest.raises(Failure):
        seen.extend(delta.text for delta in llm.stream("a !"))
    assert llm.now == 0


PROGRAM = """
import asyncio, sys
from llmdash.llms.openai import ChatOpenAI
llm = ChatOpenAI("sim-small", api_key="sim-a", base_url=sys.argv[1])
for _ in range(2):
    print(asyncio.run(llm.ainvoke("Hello")).finish_reason)
print(llm.invoke("Hello").finish_reason)
for chunk in llm.stream("Hello"):
    break
async def both():
    print((await llm.ainvoke("Hello")).finish_reason, llm.invoke("Hello").finish_reason)
asyncio.run(both())
"""


def test_a_program_that_closes_nothing_ends_without_complaint(simulator: Callable[..., Simulated]) -> None:
    """Connections go with the loop they belong to, or with the process."""
    program = [sys.executable, "-W", "error", "-c", PROGRAM, simulator().base_url]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["stop"] * 5


STOPPED = """
import asyncio, os, signal
from llmdash.llms.sync_bridge import at_end, there
async def close():
    await asyncio.sleep(0.2)
    os.kill(os.getpid(), signal.SIGSTOP)
    await asyncio.sleep(0.2)
    print("closed", flush=True)
at_end(close)
asyncio.run(there(lambda: asyncio.sleep(0)))
"""


def test_a_program_that_stands_still_as_it_ends_closes_what_is_open_nevertheless() -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE) as process:
        os.waitpid(process.pid, os.WUNTRACED)
        time.sleep(2.2)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=PATIENCE_S)[0] == b"closed\n"


DROPPED = """
import asyncio, gc, sys
from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
def ask(kind):
    return kind("sim-small", api_key="sim-a", base_url=sys.argv[1])
for kind in (OpenAI, ChatOpenAI, ChatAnthropic):
    ask(kind).invoke("Hello")
    gc.collect()
async def each():
    for kind in (OpenAI, ChatOpenAI, ChatAnthropic):
        await ask(kind).ainvoke("Hello")
        gc.collect()
        await asyncio.sleep(0.01)
asyncio.run(each())
print("done")
"""


def test_models_that_are_dropped_close_their_connections(simulator: Callable[..., Simulated]) -> None:
    """Nobody needs to call aclose, not even where a model is made for each call."""
    program = [sys.executable, "-W", "error", "-c", DROPPED, simulator().base_url]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "done\n")
