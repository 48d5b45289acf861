"""Models of LangChain behind the same methods."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import CommaSeparatedListOutputParser, JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI as TheirChatOpenAI
from pydantic import SecretStr

from llmdash.llms.langchain import LangChainLLM
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S

SECRET = "sk-canary-0123456789abcdefghij"


class Scripted:
    """What has `astream` is a Runnable: gives these chunks, raises an exception among them, waits seconds."""

    def __init__(self, *script: Any) -> None:
        self.script = script
        self.asked: list[Any] = []
        self.begun, self.closed = threading.Event(), threading.Event()
        self.openai_api_key = SecretStr(SECRET)

    async def astream(self, prompt: Any, **options: Any) -> AsyncIterator[Any]:
        self.asked.append((prompt, options))
        self.begun.set()
        try:
            for one in self.script:
                if isinstance(one, Exception):
                    raise one
                if isinstance(one, float):
                    await asyncio.sleep(one)
                else:
                    yield one
        finally:
            self.closed.set()


async def deltas_of(*script: Any) -> list[Delta]:
    return [delta async for delta in LangChainLLM(Scripted(*script)).deltas("hi")]


async def failure_of(*script: Any, timeouts: Timeouts | None = None) -> Failure:
    with pytest.raises(Failure) as caught:
        await LangChainLLM(Scripted(*script), timeouts=timeouts).ainvoke("hi")
    return caught.value


@pytest.mark.parametrize("kind", [FakeListChatModel, FakeListLLM])
async def test_fake_models_answer_like_any_other(kind: type[FakeListChatModel | FakeListLLM]) -> None:
    llm = LangChainLLM(kind(responses=["Hello!"]))
    assert (await llm.ainvoke("hi")).content == "Hello!"
    assert llm.invoke("hi").content == "Hello!"
    assert {delta.finish_reason for delta in [d async for d in llm.deltas("hi")]} == {None}


def as_question(text: str) -> dict[str, str]:
    return {"question": text}


async def test_a_chain_that_ends_in_a_model_is_a_model() -> None:
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | FakeListChatModel(responses=["Hi"])
    adapter = RunnableLambda(as_question) | chain
    assert (await LangChainLLM(adapter).ainvoke("hi")).text == "Hi"


async def test_usage_adds_up_and_the_last_reason_counts() -> None:
    deltas = await deltas_of(
        AIMessageChunk(
            content="Hel", usage_metadata={"input_tokens": 5, "output_tokens": 0, "total_tokens": 5}
        ),
        AIMessageChunk(content="lo", response_metadata={"stop_reason": "end_turn"}),
        AIMessageChunk(content="", usage_metadata={"input_tokens": 0, "output_tokens": 2, "total_tokens": 2}),
    )
    assert "".join(delta.text for delta in deltas) == "Hello"
    assert (deltas[-1].finish_reason, deltas[-1].usage) == ("end_turn", Usage(5, 2))


async def test_text_and_thoughts_come_out_of_parts() -> None:
    deltas = await deltas_of(
        AIMessageChunk(content=[{"type": "thinking", "thinking": "hm"}]),
        AIMessageChunk(content=[{"type": "text", "text": "Hel"}, "lo"]),
        AIMessageChunk(content="!", additional_kwargs={"reasoning_content": "so"}),
        SimpleNamespace(text="?"),
    )
    assert "".join(delta.text for delta in deltas) == "Hello!?"
    assert "".join(delta.reasoning for delta in deltas) == "hmso"


async def test_a_lone_prompt_goes_in_as_text_and_a_conversation_as_pairs() -> None:
    target = Scripted("ok")
    llm = LangChainLLM(target)
    await llm.ainvoke("hi", stop=["x"], temperature=None, max_tokens=5)
    await llm.ainvoke([("system", "Be brief."), ("user", "hi")])
    assert target.asked == [
        ("hi", {"stop": ["x"], "max_tokens": 5}),
        ([("system", "Be brief."), ("user", "hi")], {}),
    ]


class StatusError(Exception):
    """An error as the SDKs of the providers raise them."""

    def __init__(self, status: int | None, body: Any, **headers: str) -> None:
        super().__init__(f"error with {SECRET}")
        self.body = body
        if status is not None:
            self.status_code = status
        self.response = SimpleNamespace(headers=headers)


@pytest.mark.parametrize(
    ("error", "kind", "retry_after"),
    [
        (StatusError(429, {"message": "slow down"}, **{"Retry-After": "3"}), FailureKind.THROTTLE, 3.0),
        (StatusError(429, {"code": "insufficient_quota"}), FailureKind.QUOTA, None),
        (StatusError(401, None), FailureKind.AUTH, None),
        (StatusError(503, object()), FailureKind.TRANSIENT, None),
        (StatusError(400, {"message": "no"}), FailureKind.REQUEST, None),
        (StatusError(None, {"code": "rate_limit_exceeded"}), FailureKind.THROTTLE, None),
        (ConnectionResetError("reset"), FailureKind.TRANSIENT, None),
        (TimeoutError(), FailureKind.TRANSIENT, None),
        (type("APIConnectionError", (Exception,), {})("gone"), FailureKind.TRANSIENT, None),
        (TypeError(f"no {SECRET}"), FailureKind.REQUEST, None),
    ],
)
async def test_an_exception_becomes_the_failure_it_stands_for(
    error: Exception, kind: FailureKind, retry_after: float | None
) -> None:
    failure = await failure_of("Hel", error)
    assert (failure.kind, failure.retry_after, failure.partial) == (kind, retry_after, "Hel")
    assert str(failure)


async def test_the_keys_of_a_target_are_in_no_failure() -> None:
    target = TheirChatOpenAI(model="m", api_key=SecretStr(SECRET), base_url="http://127.0.0.1:1/v1")
    broken = RunnableLambda(lambda _: (_ for _ in ()).throw(TypeError(f"no {SECRET}"))) | target
    with pytest.raises(Failure) as caught:
        await LangChainLLM(broken).ainvoke("hi")
    assert "TypeError" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_target_that_gives_up_by_itself_does_not_hang() -> None:
    class Quitting(Scripted):
        async def astream(self, prompt: Any, **options: Any) -> AsyncIterator[Any]:
            yield "a"
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await LangChainLLM(Quitting()).ainvoke("hi")


async def test_a_cancelled_call_is_cancelled_there_too() -> None:
    target = Scripted("a", 60.0)
    call = asyncio.create_task(LangChainLLM(target).ainvoke("hi"))
    assert await asyncio.to_thread(target.begun.wait, PATIENCE_S)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(target.closed.wait, PATIENCE_S)


async def test_what_is_no_text_is_refused() -> None:
    failure = await failure_of(42)
    assert (failure.kind, "int" in failure.message) == (FailureKind.REQUEST, True)


@pytest.mark.case("library", "parsers in the pool")
@pytest.mark.parametrize(
    ("parser", "said", "text"),
    [
        (JsonOutputParser(), '{"a": [1, 2]}', '{"a": [1, 2]}'),
        (JsonOutputParser(), '```json\n{"a": 1}\n```', '{"a": 1}'),
        (CommaSeparatedListOutputParser(), "a, b", '["a", "b"]'),
        (StrOutputParser(), "plain", "plain"),
        (RunnableLambda(lambda said: {"said": said.content}), "hi", '{"said": "hi"}'),
    ],
)
async def test_what_a_parser_makes_of_an_answer_is_its_text(parser: Any, said: str, text: str) -> None:
    llm = LangChainLLM(FakeListChatModel(responses=[said]) | parser)
    deltas = [delta async for delta in llm.deltas("hi")]
    assert "".join(delta.text for delta in deltas) == text
    assert not any(delta.flags for delta in deltas)


@pytest.mark.case("library", "parsers in the pool")
async def test_an_answer_that_its_parser_cannot_read_is_invalid_and_kept_as_it_is() -> None:
    llm = LangChainLLM(FakeListChatModel(responses=["no JSON at all"]) | JsonOutputParser())
    *_, last = [delta async for delta in llm.deltas("hi")]
    assert (last.text, last.flags) == ("no JSON at all", ("invalid",))
    assert last.info is not None
    assert "Invalid json" in last.info["problem"]


async def test_a_target_that_hangs_is_given_up() -> None:
    limits = Timeouts(first_byte=0.05, stall=0.05, total=600.0)
    assert "stalled" in (await failure_of(60.0, timeouts=limits)).message
    assert "stalled" in (await failure_of("a", 60.0, timeouts=limits)).message
    total = Timeouts(first_byte=9.0, stall=9.0, total=0.05)
    assert "no end" in (await failure_of("a", 60.0, timeouts=total)).message


async def test_a_stream_that_is_left_early_is_closed() -> None:
    target = Scripted("a", "b", 60.0)
    stream = LangChainLLM(target).astream("hi")
    assert (await anext(stream)).text == "a"
    await stream.aclose()
    assert await asyncio.to_thread(target.closed.wait, PATIENCE_S)


def test_one_model_serves_many_loops(simulator: Callable[..., Simulated]) -> None:
    """The connections that LangChain's models share are bound to a loop; that is nobody's concern here."""
    simulated = simulator()
    target = TheirChatOpenAI(
        model="sim-small", api_key=SecretStr(simulated.keys[0]), base_url=simulated.base_url, max_retries=0
    )
    llm = LangChainLLM(target)
    answers = [asyncio.run(llm.ainvoke("What is 2 + 3?")) for _ in range(3)] + [llm.invoke("What is 2 + 3?")]
    assert {answer.text for answer in answers} == {"2 + 3 = 5."}


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("nothing", "module:attribute"),
        (":x", "module:attribute"),
        ("no_such_module_here:llm", r"pip install 'llmdash\[langchain\]'"),
        ("os:no_such_thing", "no_such_thing"),
        ("os:sep", "not a Runnable"),
        (7, "not a Runnable"),
    ],
)
def test_a_target_that_is_none_says_what_to_fix(target: Any, word: str) -> None:
    with pytest.raises(Failure, match=word) as caught:
        LangChainLLM(target)
    assert caught.value.kind is FailureKind.CONFIG


@pytest.mark.parametrize("name", ["llm", "make", "Box.inner"])
def test_a_target_may_be_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the current folder too; a function is called."""
    (tmp_path / "my_models_here.py").write_text(
        "from langchain_core.language_models import FakeListChatModel\n"
        "llm = FakeListChatModel(responses=['Hi'])\n"
        "class Box:\n    inner = llm\n"
        "def make():\n    return llm\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert LangChainLLM(f"my_models_here:{name}").invoke("hi").text == "Hi"
    assert sys.path == path


def test_a_module_that_raises_is_a_matter_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_broken_models.py").write_text("raise KeyError('x')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure, match="raises KeyError"):
        LangChainLLM("my_broken_models:llm")


def test_langchain_is_not_loaded_without_a_target() -> None:
    program = "import sys, llmdash.llms.langchain; print([m for m in sys.modules if m[:9] == 'langchain'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
