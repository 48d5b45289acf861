"""With LangChain installed the classes are Runnables: chains, tools and callbacks work around them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable
from pydantic import BaseModel

import llmdash.llms
from llmdash.llms import Failure, runnables
from llmdash.llms.runnables import ChatAnthropic, ChatOpenAI, OpenAI
from llmdash.llms.transport.http import HttpClient
from tests.llms.models import ANSWER, QUESTION
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

CALL = {"id": "c1", "type": "function", "function": {"name": "Sum", "arguments": '{"value": 14}'}}


class Sum(BaseModel):
    """The value of a sum."""

    value: int


@pytest.fixture
def environment(simulator: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """A simulator that the environment names, for both providers."""
    simulated = simulator()
    for provider, url in (("OPENAI", simulated.base_url), ("ANTHROPIC", simulated.root)):
        monkeypatch.setenv(f"{provider}_API_KEY", simulated.keys[0])
        monkeypatch.setenv(f"{provider}_BASE_URL", url)
    return simulated


def canned(kind: type[Any], sent: list[dict[str, Any]], *documents: dict[str, Any], **settings: Any) -> Any:
    """A model whose server answers with these documents, the last one again and again."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(msgspec.json.decode(request.content))
        return httpx.Response(200, json=documents[min(len(sent), len(documents)) - 1])

    client = HttpClient(transport=httpx.MockTransport(answer))
    return kind("m", api_key="sk-x", client=client, max_retries=0, **settings)


def saying(**message: Any) -> dict[str, Any]:
    reason = "tool_calls" if "tool_calls" in message else "stop"
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


@pytest.mark.parametrize("name", runnables.__all__)
def test_the_public_import_gives_the_runnables(name: str) -> None:
    assert getattr(llmdash.llms, name) is getattr(runnables, name)


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI, ChatAnthropic])
def test_a_prompt_a_model_and_a_parser_are_piped(kind: Callable[..., Any], environment: Simulated) -> None:
    llm = kind("sim-small")
    assert isinstance(llm, Runnable)
    chain = PromptTemplate.from_template("{question}") | llm | StrOutputParser()
    assert chain.invoke({"question": QUESTION}) == ANSWER
    assert "".join(chain.stream({"question": QUESTION})) == ANSWER
    assert chain.batch([{"question": QUESTION}] * 2) == [ANSWER] * 2


@pytest.mark.case("library", "pipes")
async def test_every_method_of_a_runnable_works(environment: Simulated) -> None:
    llm = ChatOpenAI("sim-small")
    answer = await llm.ainvoke([SystemMessage("Be brief."), HumanMessage(QUESTION)])
    assert isinstance(answer, AIMessage)
    assert (answer.content, answer.response_metadata["finish_reason"]) == (ANSWER, "stop")
    assert answer.usage_metadata is not None
    chunks = [chunk async for chunk in llm.astream(QUESTION)]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    assert (whole.content, whole.response_metadata["finish_reason"]) == (ANSWER, "stop")
    assert (await llm.abatch([QUESTION] * 3))[2].content == ANSWER
    assert [found.content async for _, found in llm.abatch_as_completed([QUESTION] * 2)] == [ANSWER] * 2
    result = await llm.agenerate([QUESTION, [HumanMessage(QUESTION)]])
    assert [answers[0].text for answers in result.generations] == [ANSWER] * 2
    events = [event["event"] async for event in llm.astream_events(QUESTION, version="v2")]
    assert (events[0], events[-1]) == ("on_chat_model_start", "on_chat_model_end")
    bound = llm.bind(temperature=0).with_config(tags=["t"]).with_retry()
    assert (await bound.ainvoke(QUESTION)).content == ANSWER
    broken = ChatOpenAI("sim-small", api_key="sk-wrong", max_retries=0)
    assert (await broken.with_fallbacks([llm]).ainvoke(QUESTION)).content == ANSWER
    with pytest.raises(Failure):
        await broken.ainvoke(QUESTION)


@pytest.mark.case("library", "the last chunk")
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI])
def test_the_streamed_pieces_end_in_an_empty_one(kind: Callable[..., Any], environment: Simulated) -> None:
    pieces = [getattr(piece, "content", piece) for piece in kind("sim-small").stream(QUESTION)]
    assert pieces[-1] == ""
    assert all(pieces[:-1])


@pytest.mark.case("library", "pipes")
def test_callbacks_tags_and_names_are_langchain_s_and_are_not_sent() -> None:
    class Told(BaseCallbackHandler):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_chat_model_start(self, *_: Any, **__: Any) -> None:
            self.seen.append("start")

        def on_llm_new_token(self, token: Any, **_: Any) -> None:
            self.seen.append(token)

        def on_llm_end(self, *_: Any, **__: Any) -> None:
            self.seen.append("end")

    told = Told()
    sent: list[dict[str, Any]] = []
    llm = canned(
        ChatOpenAI, sent, saying(content="Hi"), callbacks=[told], tags=["a"], name="mine", metadata={"x": 1}
    )
    list(llm.stream("hi", {"tags": ["b"]}))
    assert told.seen == ["start", "Hi", "", "end"]
    assert sent[0].keys() == {"model", "messages", "stream", "stream_options"}
    assert llm.get_name() == "mine"


@pytest.mark.case("library", "pipes")
def test_tools_are_bound_called_and_answered() -> None:
    sent: list[dict[str, Any]] = []
    llm = canned(ChatOpenAI, sent, saying(content=None, tool_calls=[CALL]), saying(content="It is 14."))
    asked = llm.bind_tools([Sum], tool_choice="any")
    called = asked.invoke(QUESTION)
    assert called.tool_calls == [{"name": "Sum", "args": {"value": 14}, "id": "c1", "type": "tool_call"}]
    assert sent[0]["tools"][0]["function"]["name"] == "Sum"
    assert sent[0]["tool_choice"] == "required"
    said = [HumanMessage(QUESTION), called, ToolMessage("14", tool_call_id="c1")]
    assert asked.invoke(said).content == "It is 14."
    assert [message["role"] for message in sent[1]["messages"]] == ["user", "assistant", "tool"]
    assert sent[1]["messages"][1]["tool_calls"][0]["id"] == "c1"


@pytest.mark.case("library", "pipes")
def test_structured_output_is_an_object_of_the_class_asked_for() -> None:
    sent: list[dict[str, Any]] = []
    llm = canned(ChatOpenAI, sent, saying(content=None, tool_calls=[CALL]))
    assert llm.with_structured_output(Sum).invoke(QUESTION) == Sum(value=14)


@pytest.mark.case("library", "pipes")
def test_tools_in_the_words_of_anthropic() -> None:
    sent: list[dict[str, Any]] = []
    block = {"type": "tool_use", "id": "c1", "name": "Sum", "input": {"value": 14}}
    llm = canned(ChatAnthropic, sent, {"content": [block], "stop_reason": "tool_use"})
    called = llm.bind_tools([Sum], tool_choice="Sum").invoke(QUESTION)
    assert called.tool_calls[0]["args"] == {"value": 14}
    assert sent[0]["tool_choice"] == {"type": "tool", "name": "Sum"}
    assert sent[0]["tools"][0]["input_schema"]["properties"]["value"]["type"] == "integer"
    llm.invoke([HumanMessage(QUESTION), called, ToolMessage("14", tool_call_id="c1")])
    assert sent[1]["messages"][1:] == [
        {"role": "assistant", "content": [block]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "14"}]},
    ]


@pytest.mark.case("library", "pipes")
def test_tools_in_the_words_of_the_responses_api() -> None:
    sent: list[dict[str, Any]] = []
    item = {"type": "function_call", "call_id": "c1", "name": "Sum", "arguments": '{"value": 14}'}
    document = {"status": "completed", "output": [item]}
    llm = canned(ChatOpenAI, sent, document, use_responses_api=True)
    called = llm.bind_tools([Sum], tool_choice="Sum").invoke(QUESTION)
    assert called.tool_calls[0]["args"] == {"value": 14}
    assert sent[0]["tool_choice"] == {"type": "function", "name": "Sum"}
    llm.invoke([HumanMessage(QUESTION), called, ToolMessage("14", tool_call_id="c1")])
    assert [each.get("type") for each in sent[1]["input"]] == [None, "function_call", "function_call_output"]


@pytest.mark.case("library", "string-for-list")
@pytest.mark.parametrize("method", ["generate", "batch"])
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI])
def test_one_text_in_place_of_a_list_is_refused_here_too(kind: type[Any], method: str) -> None:
    sent: list[dict[str, Any]] = []
    with pytest.raises(TypeError, match="takes a list of prompts"):
        getattr(canned(kind, sent, saying(content="Hi")), method)("Hello, how are you?")
    assert sent == []


@pytest.mark.case("library", "pickling")
def test_a_pickled_runnable_holds_no_key(environment: Simulated) -> None:
    llm = ChatOpenAI("sim-small", api_key="sk-secret-key-0123456789", tags=["t"])
    data = pickle.dumps(llm)
    assert b"sk-secret" not in data
    again = pickle.loads(data)  # noqa: S301 - made here
    assert (again.model, again.tags, again.invoke(QUESTION).content) == ("sim-small", ["t"], ANSWER)
    assert "sk-secret" not in repr(llm)


@pytest.mark.case("library", "pipes")
def test_the_program_itself_does_not_load_langchain_though_it_is_installed(
    simulator: Callable[..., Simulated], tmp_path: Any
) -> None:
    simulated = simulator()
    (tmp_path / "p.txt").write_text("Hello\n")
    program = (
        "import sys; sys.argv = ['llmdash', 'run', 'p.txt', '--headless', '--rate', 'unlimited',"
        f" '--base-url', '{simulated.base_url}', '--run-dir', 'r']\n"
        "from llmdash.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        "print([name for name in sys.modules if name.startswith('langchain')])"
    )
    environ = {**os.environ, "LLMDASH_API_KEY": simulated.keys[0]}
    command = [sys.executable, "-c", program]
    found = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert found.stdout.splitlines()[-2:] == ["code 0", "[]"], found.stderr
