"""The classes beside the ecosystem's own: what programs around them are right to expect."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from llmdash.llms import Delta, Failure, FailureKind, Message, Timeouts
from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.base import LLM
from llmdash.llms.completions import OpenAI
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import as_messages
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.shapes import Shape
from llmdash.llms.transport.http import HttpClient
from tests.llms.models import QUESTION
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

DOCUMENT = {"choices": [{"index": 0, "message": {"content": "Hi"}, "text": "Hi", "finish_reason": "stop"}]}


def asking(kind: type[HttpLLM], sent: list[dict[str, Any]], **settings: Any) -> HttpLLM:
    """A model whose server keeps what it is sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(msgspec.json.decode(request.content))
        if kind is ChatAnthropic:
            return httpx.Response(
                200, json={"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
            )
        return httpx.Response(200, json=DOCUMENT)

    client = HttpClient(transport=httpx.MockTransport(answer))
    return kind("m", api_key="sk-x", client=client, **settings)


@pytest.mark.case("library", "string-for-list")
@pytest.mark.parametrize("method", ["generate", "batch", "agenerate", "abatch"])
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI, ChatAnthropic])
async def test_one_text_in_place_of_a_list_is_refused_unsent(kind: type[HttpLLM], method: str) -> None:
    sent: list[dict[str, Any]] = []
    with pytest.raises(TypeError, match=rf"{method} takes a list of prompts.*write {method}\(\[...\]\)"):
        made = getattr(asking(kind, sent), method)("Hello, how are you?")
        if method.startswith("a"):
            await made
    assert sent == []


@pytest.mark.case("library", "stop-string")
@pytest.mark.parametrize("given", ["instance", "call"])
async def test_a_text_to_stop_at_is_one_text(given: str) -> None:
    sent: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"stop": "END"}
    for kind in (OpenAI, ChatOpenAI, ChatAnthropic):
        llm = asking(kind, sent, **(settings if given == "instance" else {}))
        await llm.ainvoke("hi", **({} if given == "instance" else settings))
    assert [body.get("stop") or body.get("stop_sequences") for body in sent] == ["END", "END", ["END"]]


@pytest.mark.case("library", "deltas")
def test_deltas_add_up() -> None:
    whole = Delta("Hel", at=1.0) + Delta("lo", at=2.0) + Delta(finish_reason="stop", flags=("length",))
    assert whole == Delta("Hello", finish_reason="stop", at=2.0, flags=("length",))
    with pytest.raises(TypeError):
        Delta("a") + "b"


@pytest.mark.case("library", "the last chunk")
async def test_the_last_piece_has_no_text_and_says_how_the_answer_ended(
    simulator: Callable[..., Simulated],
) -> None:
    simulated = simulator()
    llm = ChatOpenAI("sim-small", api_key=simulated.keys[0], base_url=simulated.base_url)
    *pieces, last = [piece async for piece in llm.astream(QUESTION)]
    assert all(piece.text for piece in pieces)
    assert (last.text, last.finish_reason) == ("", "stop")
    assert last.usage is not None
    plain = OpenAI("sim-small", api_key=simulated.keys[0], base_url=simulated.base_url)
    assert "".join(f"{text}|" for text in plain.stream(QUESTION)).endswith("||")


class _Theirs:
    """A message as LangChain has it, by its attributes."""

    def __init__(self, type: str, content: Any, **more: Any) -> None:
        self.type = type
        self.content = content
        self.__dict__.update(more)


@pytest.mark.case("library", "messages")
@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"role": "user", "content": "Hi"}, [{"role": "user", "content": "Hi"}]),
        ([{"role": "user", "content": "Hi"}], [{"role": "user", "content": "Hi"}]),
        (_Theirs("human", "Hi"), [Message("user", "Hi")]),
        (
            [_Theirs("system", "Be brief."), ("human", "Hi")],
            [Message("system", "Be brief."), Message("user", "Hi")],
        ),
        (
            [_Theirs("ai", "", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c1"}])],
            [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
                    ],
                }
            ],
        ),
        (
            [_Theirs("tool", "42", tool_call_id="c1")],
            [{"role": "tool", "content": "42", "tool_call_id": "c1"}],
        ),
        (
            [_Theirs("human", [{"type": "text", "text": "Hi"}])],
            [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        ),
    ],
)
def test_messages_may_be_objects_as_they_are_sent_or_langchain_s(said: Any, sent: list[Any]) -> None:
    assert list(as_messages(said)) == sent


@pytest.mark.case("library", "messages")
def test_what_is_no_message_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="a float is not a message"):
        as_messages([1.5])  # type: ignore[list-item]


@pytest.mark.case("library", "pickling")
def test_a_pickled_model_holds_no_key_and_reads_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    llm = ChatOpenAI(
        "m", api_key="sk-secret-key-0123456789", base_url="http://127.0.0.1:9/v1", temperature=0.5
    )
    data = pickle.dumps(llm)
    assert b"sk-secret" not in data
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    again = pickle.loads(data)  # noqa: S301 - made here
    assert (again.model, again.url) == (llm.model, llm.url)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match="no API key"):
        pickle.loads(data)  # noqa: S301 - made here


@pytest.mark.case("library", "exceptions")
async def test_a_connection_that_fails_is_a_connection_error_too() -> None:
    llm = ChatOpenAI("m", api_key="sk-x", base_url="http://127.0.0.1:9/v1", max_retries=0)
    for call in (llm.ainvoke("hi"), llm.abatch(["hi"]), llm.agenerate(["hi"]), anext(llm.astream("hi"))):
        with pytest.raises(ConnectionError) as caught:
            await call
        assert isinstance(caught.value, Failure)
        assert caught.value.kind is FailureKind.TRANSIENT
    with pytest.raises(Failure) as plain:
        await anext(llm.deltas("hi"))
    assert not isinstance(plain.value, OSError)


@pytest.mark.case("library", "exceptions")
async def test_a_call_that_takes_too_long_is_a_timeout_error_too(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator(latency=30.0)
    llm = ChatOpenAI(
        "m",
        api_key=simulated.keys[0],
        base_url=simulated.base_url,
        max_retries=0,
        timeouts=Timeouts(first_byte=0.2, total=0.2),
    )
    with pytest.raises(TimeoutError) as caught:
        await llm.ainvoke("hi")
    assert isinstance(caught.value, Failure)


@pytest.mark.case("library", "unknown arguments")
async def test_a_config_may_come_second_and_one_for_each_prompt_in_a_batch() -> None:
    sent: list[dict[str, Any]] = []
    llm = asking(ChatOpenAI, sent)
    await llm.ainvoke("a", {"tags": ["t"]})
    await llm.abatch(["a", "b"], [{"tags": ["t"]}, {"max_concurrency": 1}])
    async for _ in llm.astream("a", {"metadata": {"x": 1}}):
        pass
    assert len(sent) == 4
    assert not any({"config", "tags", "metadata"} & body.keys() for body in sent)
    with pytest.raises(ValueError, match="configs: 1, prompts: 2"):
        await llm.abatch(["a", "b"], [{}])
    with pytest.raises(TypeError, match=r"callbacks.*llmdash\[langchain\]"):
        await llm.ainvoke("a", {"callbacks": [object()]})
    with pytest.raises(TypeError, match="config of ainvoke is a str"):
        await llm.ainvoke("a", "b")  # type: ignore[arg-type]


@pytest.mark.case("library", "unknown arguments")
async def test_each_argument_does_what_its_name_says() -> None:
    sent: list[dict[str, Any]] = []
    heads: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heads.append(request)
        sent.append(msgspec.json.decode(request.content))
        return httpx.Response(200, json=DOCUMENT)

    llm = ChatOpenAI(
        "m",
        api_key="sk-x",
        client=HttpClient(transport=httpx.MockTransport(answer)),
        extra_body={"chat_template_kwargs": {"thinking": False}},
        default_headers={"X-Title": "mine"},
        default_query={"v": "1"},
        organization="org-1",
        project="proj-1",
        tags=["mine"],
        metadata={"row": 7},
        name="asker",
        verbose=True,
        seed=3,
    )
    events = [event async for event in llm.astream_events("hi", {"tags": ["call"]}, version="v2")]
    assert (events[0]["name"], events[0]["tags"]) == ("asker", ["mine", "call"])
    assert events[0]["metadata"]["row"] == 7
    assert sent[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "chat_template_kwargs": {"thinking": False},
        "seed": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    head = heads[0]
    named = {name: head.headers.get(name) for name in ("x-title", "openai-organization", "openai-project")}
    assert named == {"x-title": "mine", "openai-organization": "org-1", "openai-project": "proj-1"}
    assert head.url.query == b"v=1"


@pytest.mark.case("library", "unknown arguments")
@pytest.mark.parametrize("name", ["callbacks", "cache", "rate_limiter", "http_client"])
def test_what_only_langchain_can_do_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=rf"ChatOpenAI: {name} needs LangChain"):
        settings: dict[str, Any] = {name: [object()]}
        ChatOpenAI("m", api_key="sk-x", **settings)


@pytest.mark.case("library", "n=2")
@pytest.mark.parametrize("given", ["instance", "call"])
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI])
async def test_every_answer_that_is_paid_for_is_returned(kind: type[HttpLLM], given: str) -> None:
    choices = [
        {"index": n, "message": {"content": f"Hi {n}"}, "text": f"Hi {n}", "finish_reason": "stop"}
        for n in range(2)
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 8}
    client = HttpClient(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(200, json={"choices": choices, "usage": usage})
        )
    )
    settings: dict[str, Any] = {"n": 2}
    llm = kind("m", api_key="sk-x", client=client, **(settings if given == "instance" else {}))
    options = {} if given == "instance" else settings
    result = await llm.agenerate(["hi", "ho"], **options)
    assert [[one.text for one in answers] for answers in result.generations] == [["Hi 0", "Hi 1"]] * 2
    assert result.llm_output["token_usage"]["completion_tokens"] == 16
    first = await llm.ainvoke("hi", **options)
    assert getattr(first, "text", first) == "Hi 0"
    with pytest.raises(Failure, match="a stream has one answer"):
        await anext(llm.astream("hi", **options))


PROGRAM = """
import asyncio, threading
from {module} import {name}

def make():
    return {name}("sim-small")

async def many():
    llm = make()
    await asyncio.gather(*(llm.ainvoke("2 + 2 = ?") for _ in range(5)))
    async for _ in llm.astream("left early"):
        break

kept = make()
asyncio.run(many())
kept.generate(["2 + 3 = ?"])
for _ in kept.stream("left early"):
    break

def another():
    asyncio.run(many())
    make().invoke("2 + 4 = ?")
    for _ in kept.stream("2 + 5 = ?"):
        pass

thread = threading.Thread(target=another)
thread.start()
thread.join()

async def notebook():
    kept.invoke("2 + 6 = ?")
    await kept.ainvoke("2 + 7 = ?")
    async for _ in kept.astream_events("left early", version="v2"):
        break

asyncio.run(notebook())
loop = asyncio.new_event_loop()
loop.run_until_complete(kept.ainvoke("2 + 8 = ?"))
loop.close()
left = kept.stream("never ended")
next(left)
print("done")
"""


@pytest.mark.case("library", "two loops in one program")
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("llmdash.llms.completions", "OpenAI"),
        ("llmdash.llms.openai", "ChatOpenAI"),
        ("llmdash.llms", "OpenAI"),
        ("llmdash.llms", "ChatOpenAI"),
    ],
)
def test_loops_threads_and_synchronous_calls_mix_without_a_word(
    module: str, name: str, simulator: Callable[..., Simulated]
) -> None:
    simulated = simulator(latency=0.01)
    environ = {**os.environ, "OPENAI_API_KEY": simulated.keys[0], "OPENAI_BASE_URL": simulated.base_url}
    environ.pop("PYTHONPATH", None)  # nothing may be added to what runs while the interpreter ends
    program = PROGRAM.format(module=module, name=name)
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", program]
    found = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert (found.stdout, found.stderr, found.returncode) == ("done\n", "", 0)


STREAMED = """
import asyncio, gc, threading
from llmdash.llms.openai import ChatOpenAI

async def whole(llm):
    assert len([piece async for piece in llm.astream("2 + 2 = ?")]) > 1

async def left(llm):
    async for _ in llm.astream("left early"):
        break

async def pending(llm):
    asyncio.create_task(whole(llm))
    await left(llm)

async def together(llm):
    await asyncio.gather(*map(whole, [llm] * 5), *map(left, [llm] * 5))

kept = ChatOpenAI("sim-small")
works = (whole, left, pending, together)
for work in works:
    asyncio.run(work(kept))
    asyncio.run(work(ChatOpenAI("sim-small")))
threads = [threading.Thread(target=asyncio.run, args=(together(kept),)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

def in_a_loop(work):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work)
    loop.close()
    gc.collect()

for work in (whole, left, together):
    in_a_loop(work(kept))
    in_a_loop(work(ChatOpenAI("sim-small")))
amid = kept.astream("closed amid its stream")
in_a_loop(anext(amid))
del amid
lasting = asyncio.new_event_loop()
threading.Thread(target=lasting.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(whole(kept), lasting).result()
asyncio.run_coroutine_threadsafe(kept.aclose(), lasting).result()
asyncio.run(kept.aclose())
print("done")
"""


@pytest.mark.case("library", "two loops in one program")
def test_streams_end_with_their_loops_however_these_end(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator(latency=0.01)
    environ = {**os.environ, "OPENAI_API_KEY": simulated.keys[0], "OPENAI_BASE_URL": simulated.base_url}
    environ.pop("PYTHONPATH", None)  # nothing may be added to what runs while the interpreter ends
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", STREAMED]
    found = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert (found.stdout, found.stderr, found.returncode) == ("done\n", "", 0)


class OnThreads(ChatOpenAI):
    """Its pieces are the threads that they were read on."""

    shape = Shape("chat_model", lambda answer: answer, lambda _: threading.get_ident())


async def test_a_stream_needs_no_other_thread(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator()
    llm = OnThreads("sim-small", api_key=simulated.keys[0], base_url=simulated.base_url)
    pieces: set[Any] = {piece async for piece in llm.astream(QUESTION)}
    assert pieces == {threading.get_ident()}
    await llm.aclose()


@pytest.mark.case("library", "two loops in one program")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_makes_calls_of_its_own(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator()
    program = """
import os
from llmdash.llms.openai import ChatOpenAI
llm = ChatOpenAI("sim-small")
llm.invoke("2 + 2 = ?")
child = os.fork()
text = llm.invoke("2 + 3 = ?").text
if child:
    assert os.waitpid(child, 0)[1] == 0
print(bool(text))
"""
    environ = {**os.environ, "OPENAI_API_KEY": simulated.keys[0], "OPENAI_BASE_URL": simulated.base_url}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    found = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert (found.stdout, found.stderr, found.returncode) == ("True\nTrue\n", "", 0)


@pytest.mark.case("library", "first call")
def test_what_a_call_needs_is_loaded_with_the_model() -> None:
    program = (
        "import sys; from llmdash.llms.openai import ChatOpenAI; ChatOpenAI('m', api_key='sk-x');"
        "print('aiohttp' in sys.modules, 'langchain_core' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONGEST_S, check=True
    )
    assert found.stdout == "True False\n"


def test_a_call_loads_no_other_client_and_nothing_that_draws_or_reads_command_lines() -> None:
    """They would make the first call take a third longer."""
    program = (
        "import sys; from llmdash.llms.openai import ChatOpenAI; ChatOpenAI('m', api_key='sk-x');"
        "print({'click', 'rich', 'pygments', 'textual', 'httpx', 'llmdash.engine'} & {*sys.modules})"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONGEST_S, check=True
    )
    assert found.stdout == "set()\n"


async def test_a_model_is_called_from_two_loops_and_again_after_it_was_closed(
    simulator: Callable[..., Simulated],
) -> None:
    simulated = simulator()
    llm = ChatOpenAI("sim-small", api_key=simulated.keys[0], base_url=simulated.base_url)
    here = await llm.ainvoke(QUESTION)
    there = await asyncio.to_thread(asyncio.run, llm.ainvoke(QUESTION))
    await llm.aclose()
    again = await llm.ainvoke(QUESTION)
    await llm.aclose()
    assert here.content == there.content == again.content != ""
    assert simulated.stats()["requests"] == 3


async def test_a_call_that_is_cancelled_is_aborted(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator(latency=30.0)
    llm = ChatOpenAI("sim-small", api_key=simulated.keys[0], base_url=simulated.base_url)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await llm.ainvoke(QUESTION)
    await llm.aclose()
    assert isinstance(llm, LLM)
