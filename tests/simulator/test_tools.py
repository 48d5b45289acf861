"""Tools, answers in JSON, attachments: what the official SDKs make of the simulator's answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI
from openai.types.responses import ResponseFunctionToolCall

from tests.simulated import Simulated
from tests.simulator.frames import ask, events_of
from tests.simulator.in_process import InProcess

pytestmark = pytest.mark.case("library", "simulator")

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Oslo", "Lima"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 3},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
ASKED: list[Any] = [{"role": "user", "content": "How is the weather?"}]
PNG = "data:image/png;base64,iVBORw0KGgo="


def is_fine(arguments: Any) -> bool:
    return (
        set(arguments) == {"city", "days"}
        and arguments["city"] in ("Oslo", "Lima")
        and arguments["days"] <= 3
    )


def chat_tools(*names: str) -> list[Any]:
    return [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in names]


def response_tools(*names: str) -> list[Any]:
    return [{"type": "function", "name": name, "parameters": SCHEMA, "strict": True} for name in names]


def message_tools(*names: str) -> list[Any]:
    return [{"name": name, "input_schema": SCHEMA} for name in names]


@pytest.fixture
def here() -> InProcess:
    return InProcess(strict=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Simulated]:
    """A simulator that takes some time, so that its streams come in pieces."""
    started = Simulated(latency=0.05)
    yield started
    started.close()


@pytest.fixture(scope="module")
def openai_client(running: Simulated) -> Iterator[OpenAI]:
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(running: Simulated) -> Iterator[Anthropic]:
    with Anthropic(base_url=running.root, api_key=running.keys[0], max_retries=0) as client:
        yield client


def ask_here(here: InProcess, text: str, **fields: Any) -> Any:
    """The choice of a chat."""
    return ask(here, "chat", text, **fields).json["choices"][0]


def test_a_chat_calls_a_tool_and_then_answers(openai_client: OpenAI) -> None:
    messages: list[Any] = [*ASKED]
    answer = openai_client.chat.completions.create(model="m", messages=messages, tools=chat_tools("weather"))
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    assert is_fine(json.loads(call.function.arguments))
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}
    messages += [choice.message.model_dump(exclude_none=True), result]
    answer = openai_client.chat.completions.create(model="m", messages=messages, tools=chat_tools("weather"))
    assert (answer.choices[0].finish_reason, bool(answer.choices[0].message.content)) == ("stop", True)


def test_a_streamed_chat_sends_the_arguments_in_pieces(openai_client: OpenAI) -> None:
    with openai_client.chat.completions.stream(
        model="m", messages=ASKED, tools=chat_tools("weather", "time"), tool_choice="required"
    ) as stream:
        pieces = [event for event in stream if event.type == "tool_calls.function.arguments.delta"]
        final = stream.get_final_completion()
    assert len(pieces) > 3
    (call,) = final.choices[0].message.tool_calls or []
    assert final.choices[0].finish_reason == "tool_calls"
    assert is_fine(json.loads(call.function.arguments))
    assert call.id.startswith("call_")


@pytest.mark.parametrize(
    ("choice", "name"),
    [("none", None), ({"type": "function", "function": {"name": "time"}}, "time")],
)
def test_the_choice_of_a_tool_is_followed(here: InProcess, choice: Any, name: str | None) -> None:
    for _ in range(5):
        choices = ask_here(here, "Hi", tools=chat_tools("weather", "time"), tool_choice=choice)
        calls = choices["message"].get("tool_calls")
        assert (calls[0]["function"]["name"] if calls else None) == name


def test_a_tool_that_the_prompt_names_is_called(here: InProcess) -> None:
    for _ in range(5):
        chosen = ask_here(here, "Use time, please.", tools=chat_tools("weather", "time"))
        assert chosen["message"]["tool_calls"][0]["function"]["name"] == "time"


def test_tools_without_a_schema_or_of_the_provider(here: InProcess) -> None:
    bare = [{"type": "function", "function": {"name": "ping"}}]
    call = ask_here(here, "Hi", tools=bare)["message"]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {}
    own = ask(here, "responses", "Hi", tools=[{"type": "web_search"}])
    assert own.json["output"][0]["type"] == "message"


def test_a_forced_call_is_repeated_unless_its_result_is_the_last_word(here: InProcess) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    held: list[Any] = [*ASKED, {"role": "assistant", "tool_calls": [call]}]
    held.append({"role": "tool", "tool_call_id": "1", "content": "Sunny."})
    later = [*held, {"role": "user", "content": "And tomorrow?"}]

    def reason(messages: list[Any], choice: str) -> Any:
        body = {"model": "m", "messages": messages, "tools": chat_tools("weather"), "tool_choice": choice}
        reply = here.fetch("/v1/chat/completions", body)
        return reply.json["choices"][0]["finish_reason"]

    assert [reason(held, "required"), reason(later, "auto"), reason(later, "required")] == [
        "stop",
        "stop",
        "tool_calls",
    ]


def test_a_response_calls_a_function_and_then_answers(openai_client: OpenAI) -> None:
    answer = openai_client.responses.create(model="m", input="Weather?", tools=response_tools("weather"))
    (call,) = answer.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert (answer.status, call.name, is_fine(json.loads(call.arguments))) == ("completed", "weather", True)
    given: list[Any] = [
        {"role": "user", "content": "Weather?"},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."},
    ]
    answer = openai_client.responses.create(model="m", input=given, tools=response_tools("weather"))
    assert answer.output_text


def test_a_streamed_response_has_the_events_of_a_function_call(openai_client: OpenAI) -> None:
    with openai_client.responses.stream(
        model="m", input="Weather?", tools=response_tools("weather")
    ) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds.count("response.function_call_arguments.delta") > 3
    assert kinds.count("response.function_call_arguments.done") == 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    (call,) = final.output
    assert call.type == "function_call"
    assert is_fine(json.loads(call.arguments))


def test_a_message_uses_a_tool_and_then_answers(anthropic_client: Anthropic) -> None:
    messages: list[Any] = [*ASKED]
    answer = anthropic_client.messages.create(
        model="m", max_tokens=99, messages=messages, tools=message_tools("weather")
    )
    (block,) = answer.content
    assert block.type == "tool_use"
    assert (answer.stop_reason, block.name, is_fine(block.input)) == ("tool_use", "weather", True)
    result = {"type": "tool_result", "tool_use_id": block.id, "content": "Sunny."}
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True)]})
    messages.append({"role": "user", "content": [result]})
    answer = anthropic_client.messages.create(
        model="m", max_tokens=99, messages=messages, tools=message_tools("weather")
    )
    assert (answer.stop_reason, answer.content[0].type) == ("end_turn", "text")


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({"type": "any"}, "weather"),
        ({"type": "tool", "name": "weather"}, "weather"),
        ({"type": "none"}, None),
    ],
)
def test_a_streamed_message_sends_the_input_in_pieces(
    anthropic_client: Anthropic, choice: Any, name: str | None
) -> None:
    with anthropic_client.messages.stream(
        model="m", max_tokens=99, messages=ASKED, tools=message_tools("weather"), tool_choice=choice
    ) as stream:
        pieces = [event for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    if name is None:
        assert (final.content[0].type, pieces) == ("text", [])
        return
    (block,) = final.content
    assert block.type == "tool_use"
    assert len(pieces) > 3
    assert is_fine(block.input)


@pytest.mark.parametrize("stream", [False, True])
def test_json_that_is_valid_for_a_schema(here: InProcess, stream: bool) -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    inside = {"type": "json_schema", "json_schema": {"name": "forecast", "schema": SCHEMA}}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("chat", {"response_format": inside}),
        ("responses", {"text": {"format": {**form, "name": "forecast"}}}),
        ("messages", {"output_config": {"format": form}}),
        ("messages", {"output_format": form}),
    ]
    for dialect, fields in asked:
        reply = ask(here, dialect, "Forecast?", stream=stream, **fields)
        assert is_fine(json.loads(said(reply.json if not stream else events_of(reply)))), dialect


def said(answer: Any) -> str:
    """The text of a plain answer, or of the events of a streamed one."""
    if isinstance(answer, list):
        return "".join(map(said_in, (event.data for event in answer)))
    if "choices" in answer:
        return str(answer["choices"][0]["message"]["content"])
    blocks = answer["content"] if "content" in answer else answer["output"][0]["content"]
    return str(blocks[0]["text"])


def said_in(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    delta = data["choices"][0]["delta"] if data.get("choices") else data.get("delta", "")
    if isinstance(delta, str):
        return delta
    return delta.get("content") or delta.get("text") or ""


def test_any_object_and_text(here: InProcess) -> None:
    for form, has in (({"type": "json_object"}, True), ({"type": "text"}, False)):
        text = ask_here(here, "Tell me of rain.", response_format=form)["message"]["content"]
        assert text.startswith('{"answer": "') == has


def test_a_sum_in_a_schema_is_right_and_scored() -> None:
    schema = {
        "type": "object",
        "properties": {"expression": {"type": "string"}, "result": {"type": "integer"}},
        "required": ["expression", "result"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "sum", "schema": schema}}
    running = InProcess(wrong_rate=0.5)
    for number in range(20):
        choice = ask_here(running, f"What is {number} + 3 x 4?", response_format=form)
        answer = json.loads(choice["message"]["content"])
        assert answer["expression"] == f"{number} + 3 x 4"
    stats = running.fetch("/__sim__/stats").json
    assert stats["right"] + stats["wrong"] == 20
    assert 3 < stats["wrong"] < 17
    choice = ask_here(running, "What is 2 + 3 x 4?", response_format={"type": "json_object"})
    assert "result" in json.loads(choice["message"]["content"])


def test_the_sdks_parse_what_they_asked_for(openai_client: OpenAI) -> None:
    pydantic = pytest.importorskip("pydantic")
    forecast = pydantic.create_model("Forecast", city=(str, ...), days=(int, ...))
    chat = openai_client.chat.completions.parse(model="m", messages=ASKED, response_format=forecast)
    assert isinstance(chat.choices[0].message.parsed, forecast)
    response = openai_client.responses.parse(model="m", input="Forecast?", text_format=forecast)
    assert isinstance(response.output_parsed, forecast)


def test_attachments_are_taken_and_counted(here: InProcess) -> None:
    text = {"type": "text", "text": "What is this?"}
    attached: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}},
    ]
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    blocks = [{"type": "image", "source": source}, {"type": "document", "source": source}]
    running = here

    def chat(parts: list[Any]) -> int:
        reply = ask(running, "chat", "", messages=[{"role": "user", "content": parts}])
        return int(reply.json["usage"]["prompt_tokens"])

    def message(parts: list[Any]) -> int:
        reply = ask(running, "messages", "", messages=[{"role": "user", "content": parts}])
        return int(reply.json["usage"]["input_tokens"])

    def response(parts: list[Any]) -> int:
        reply = ask(running, "responses", "", input=[{"role": "user", "content": parts}])
        return int(reply.json["usage"]["input_tokens"])

    assert chat([text, *attached]) == chat([text]) + 3 * 85
    assert message([text, *blocks]) == message([text]) + 2 * 85
    image = {"type": "input_image", "image_url": PNG}
    asked = {"type": "input_text", "text": "What is this?"}
    assert response([asked, image]) == response([asked]) + 85


PIECES = {
    "chat": ('"tool_calls":[{"index":0,"id":"call_', '"finish_reason":"tool_calls"'),
    "responses": ("event: response.function_call_arguments.done", "event: response.completed"),
    "messages": ('"content_block":{"type":"tool_use","id":"toolu_', '"stop_reason":"tool_use"'),
}


@pytest.mark.parametrize(("dialect", "parts"), PIECES.items())
def test_reasoning_comes_before_a_call_as_in_real_streams(dialect: str, parts: tuple[str, str]) -> None:
    tools = {"chat": chat_tools, "responses": response_tools, "messages": message_tools}[dialect]("weather")
    here = InProcess(reasoning=5)
    body = ask(here, dialect, "Weather?", stream=True, tools=tools).body.decode()
    assert 0 < body.index("reason" if dialect != "messages" else "thinking_delta") < body.index(parts[0])
    assert body.index(parts[0]) < body.index(parts[1])
    plain = ask(here, dialect, "Weather?", tools=tools).json
    assert '"weather"' in json.dumps(plain)
    tokens = plain["usage"].get("completion_tokens") or plain["usage"].get("output_tokens")
    assert tokens > 8
