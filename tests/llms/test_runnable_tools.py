"""Tools, structured answers and messages of LangChain, as each API is sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, ToolMessage
from pydantic import BaseModel

from llmdash.llms.runnables import ChatAnthropic, ChatOpenAI
from tests.recording import Recorder

DATA = "QUJD"
PNG = f"data:image/png;base64,{DATA}"
PDF = f"data:application/pdf;base64,{DATA}"
Ask = Callable[..., dict[str, Any]]


class Sum(BaseModel):
    """The value of a sum."""

    value: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Models:
    """Models of each API on one server, which answers `says`."""

    def __init__(self, server: Recorder) -> None:
        self._server = server
        self.says = "OK"

    def __getitem__(self, wire: str) -> Any:
        settings: dict[str, Any] = {"api_key": "sk-x", "base_url": self._server.root, "streaming": False}
        if wire == "messages":
            return ChatAnthropic("m", max_retries=0, **settings)
        return ChatOpenAI("m", max_retries=0, use_responses_api=wire == "responses", **settings)

    def sent(self) -> dict[str, Any]:
        return self._server.requests[-1].body

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        text = {"type": "text", "text": self.says}
        if "input" in body:
            said = {"type": "message", "content": [{"type": "output_text", "text": self.says}]}
            return 200, {"object": "response", "status": "completed", "output": [said]}
        if "max_tokens" in body:
            return 200, {"type": "message", "content": [text], "stop_reason": "end_turn", "usage": {}}
        choice = {"index": 0, "message": {"content": self.says}, "finish_reason": "stop"}
        return 200, {"choices": [choice]}


@pytest.fixture
def models() -> Iterator[Models]:
    found: list[Models] = []
    with Recorder(lambda body: found[0].answer(body)) as server:
        found.append(Models(server))
        yield found[0]


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize(
    ("wire", "place"),
    [("chat", ("function", "strict")), ("responses", ("strict",)), ("messages", ("strict",))],
)
def test_strict_is_said_of_the_tool_and_not_of_the_request(
    wire: str, place: tuple[str, ...], models: Models
) -> None:
    models[wire].bind_tools([add], strict=True).invoke("Hello")
    found: Any = models.sent()["tools"][0]
    for name in place:
        found = found[name]
    assert found is True
    assert "strict" not in models.sent()


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize(
    ("wire", "tool"),
    [
        ("chat", {"type": "web_search"}),
        ("responses", {"type": "mcp", "server_label": "s", "server_url": "https://example.com"}),
        ("responses", {"type": "function", "name": "f", "parameters": {"type": "object"}}),
        ("messages", {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}),
        (
            "messages",
            {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
        ),
    ],
)
def test_a_tool_in_the_words_of_the_provider_is_sent_as_it_is(
    wire: str, tool: dict[str, Any], models: Models
) -> None:
    models[wire].bind_tools([tool]).invoke("Hello")
    assert models.sent()["tools"] == [tool]


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("add", {"type": "tool", "name": "add", "disable_parallel_tool_use": True}),
        ("any", {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_one_tool_at_a_time_in_the_words_of_anthropic(
    choice: str | None, sent: dict[str, Any], models: Models
) -> None:
    models["messages"].bind_tools([add], tool_choice=choice, parallel_tool_calls=False).invoke("Hello")
    assert models.sent()["tool_choice"] == sent
    assert "parallel_tool_calls" not in models.sent()


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize("schema", [Sum, Sum.model_json_schema()])
def test_an_object_is_read_from_an_answer_in_a_json_schema(wire: str, schema: Any, models: Models) -> None:
    models.says = '{"value": 14}'
    llm = models[wire].with_structured_output(schema, method="json_schema", strict=True)
    assert llm.invoke("Hello") == (Sum(value=14) if schema is Sum else {"value": 14})
    body = models.sent()
    asked = body["response_format"]["json_schema"] if wire == "chat" else body["text"]["format"]
    assert (asked["name"], asked["strict"], asked["schema"]["required"]) == ("Sum", True, ["value"])
    assert "tools" not in body


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_an_answer_that_is_no_json_is_an_error_and_kept_raw(wire: str, models: Models) -> None:
    models.says = "Fourteen."
    llm = models[wire].with_structured_output(Sum, method="json_mode", include_raw=True)
    found = llm.invoke("Hello")
    assert (found["raw"].content, found["parsed"]) == ("Fourteen.", None)
    assert isinstance(found["parsing_error"], OutputParserException)
    with pytest.raises(OutputParserException):
        models[wire].with_structured_output(Sum, method="json_mode").invoke("Hello")


@pytest.mark.parametrize(("wire", "method"), [("messages", "json_mode"), ("chat", "guess")])
def test_a_way_to_structure_that_is_not_there_is_refused_unsent(
    wire: str, method: str, models: Models
) -> None:
    with pytest.raises(ValueError, match="function_calling"):
        models[wire].with_structured_output(Sum, method=method)


PARTS: list[Any] = [
    "Look:",
    {"type": "text", "text": "here"},
    {"type": "image", "base64": DATA, "mime_type": "image/png"},
    {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
    {"type": "image", "url": "https://example.com/i.png"},
    {"type": "image_url", "image_url": {"url": PNG}},
    {"type": "image_url", "image_url": PNG},
    {"type": "file", "base64": DATA, "mime_type": "application/pdf", "filename": "a.pdf"},
    {"type": "file", "file_id": "f1"},
]


def test_standard_blocks_in_the_words_of_chat_completions(models: Models) -> None:
    audio = {"type": "audio", "base64": DATA, "mime_type": "audio/mp3"}
    models["chat"].invoke([HumanMessage([*PARTS, audio])])
    assert models.sent()["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "text", "text": "here"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.com/i.png"}},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": PNG},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
    ]


def test_standard_blocks_in_the_words_of_the_responses_api(models: Models) -> None:
    by_url = {"type": "file", "url": "https://example.com/a.pdf"}
    models["responses"].invoke([HumanMessage([*PARTS, by_url]), AIMessage([{"type": "text", "text": "so"}])])
    asked, said = models.sent()["input"]
    assert asked["content"] == [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_text", "text": "here"},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_image", "image_url": "https://example.com/i.png"},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
        {"type": "input_file", "file_id": "f1"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    ]
    assert said["content"] == [{"type": "output_text", "text": "so"}]


def test_standard_blocks_in_the_words_of_anthropic(models: Models) -> None:
    own = {"type": "image", "source": {"type": "url", "url": "https://example.com/i.png"}}
    by_url = {"type": "file", "url": "https://example.com/a.pdf"}
    models["messages"].invoke([HumanMessage([*PARTS, by_url, own])])
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": DATA}
    assert models.sent()["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "text", "text": "here"},
        image,
        image,
        own,
        image,
        image,
        {"type": "document", "source": pdf},
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        own,
    ]


@pytest.mark.parametrize("wire", ["chat", "responses", "messages"])
def test_what_is_no_known_block_is_sent_as_it_is(wire: str, models: Models) -> None:
    parts: list[Any] = [{"type": "file", "size": 3}, {"type": "image", "file_id": "f1"}, {"type": "guess"}]
    models[wire].invoke([HumanMessage(parts)])
    body = models.sent()
    assert (body.get("messages") or body["input"])[0]["content"] == parts


@pytest.mark.case("library", "messages")
@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (HumanMessage("a", name="Bob"), {"role": "user", "content": "a", "name": "Bob"}),
        (FunctionMessage(name="f", content="r"), {"role": "function", "content": "r", "name": "f"}),
        (("developer", "d"), {"role": "developer", "content": "d"}),
    ],
)
def test_who_speaks_is_sent(said: BaseMessage | tuple[str, str], sent: Any, models: Models) -> None:
    models["chat"].invoke([said])
    assert models.sent()["messages"] == [sent]


@pytest.mark.case("library", "messages")
def test_a_name_is_left_out_where_the_api_has_none(models: Models) -> None:
    for wire, field in (("messages", "messages"), ("responses", "input")):
        models[wire].invoke([HumanMessage("a", name="Bob")])
        assert models.sent()[field] == [{"role": "user", "content": "a"}]


@pytest.mark.case("library", "messages")
def test_a_call_that_could_not_be_read_keeps_its_place_before_its_result(models: Models) -> None:
    wrong: Any = {"name": "f", "args": "{bad", "id": "1", "error": "no JSON", "type": "invalid_tool_call"}
    models["chat"].invoke(
        ["q", AIMessage("", invalid_tool_calls=[wrong]), ToolMessage("no JSON", tool_call_id="1")]
    )
    _, called, _ = models.sent()["messages"]
    assert called["tool_calls"][0]["function"] == {"name": "f", "arguments": "{bad"}


@pytest.mark.case("library", "messages")
def test_a_call_that_the_content_has_too_is_sent_once(models: Models) -> None:
    call: Any = {"name": "f", "args": {"a": 1}, "id": "1", "type": "tool_call"}
    block = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}
    asked = AIMessage([{"type": "text", "text": "Let me see."}, block], tool_calls=[call])
    models["messages"].invoke(["q", asked, ToolMessage("r", tool_call_id="1")])
    assert models.sent()["messages"][1]["content"] == [{"type": "text", "text": "Let me see."}, block]
