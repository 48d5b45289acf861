"""Rows of many shapes, through a whole run: no field is dropped, and each body is the row's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.session import LocalSession
from llmdash.llms import ChatAnthropic, ChatOpenAI, OpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import PromptSource
from tests.prompts.shapes import SHAPES, Shape

WIRES = ("chat", "completions", "responses", "messages")
OURS = ("stream", "stream_options")
ANSWERS = {
    "chat": {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "completions": {"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]},
    "responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    },
    "messages": {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
}


def shapes_of(wire: str) -> list[Shape]:
    return [shape for shape in SHAPES if shape.wire == wire]


def source(folder: Path, shapes: Sequence[Shape], wires: Sequence[str] = ()) -> PromptSource:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(shape.row) + "\n" for shape in shapes))
    return open_source(path, wires=wires)


@pytest.mark.case("files", "body-rows")
@pytest.mark.parametrize("knows_wire", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_every_field_of_a_row_is_sent_or_read_or_carried(tmp_path: Path, wire: str, knows_wire: bool) -> None:
    shapes = shapes_of(wire)
    found = source(tmp_path, shapes, [wire] if knows_wire else [])
    assert [str(problem) for problem in found.problems] == []
    for index, shape in enumerate(shapes):
        prompt = found.prompt(index)
        assert prompt.carried == shape.carried
        sent = set(shape.body) & set(shape.row)
        assert set(shape.row) == sent | set(shape.carried) | shape.read
        if prompt.body is not None:
            assert prompt.body.fields == shape.body


@pytest.mark.case("files", "body-rows")
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("wire", WIRES)
def test_the_body_on_the_wire_is_that_of_a_plain_client(tmp_path: Path, wire: str, streamed: bool) -> None:
    shapes, here, there = shapes_of(wire), _Server(wire), _Server(wire)
    run(source(tmp_path, shapes, [wire]), wire, here, streamed, tmp_path / "run")
    with httpx.Client(transport=httpx.MockTransport(there)) as client:
        for shape in shapes:
            client.post("http://h/v1", json=shape.body)
    assert len(here.bodies) == len(there.bodies) == len(shapes)
    for mine, plain in zip(here.bodies, there.bodies, strict=True):
        added = {*OURS, *({"model"} - plain.keys())}
        assert {name: value for name, value in mine.items() if name not in added} == plain
        assert mine["model"] == plain.get("model", "of-the-endpoint")
    records = list(JournalReader(tmp_path / "run").results())
    assert [record.input or {} for record in records] == [shape.carried for shape in shapes]


class _Server:
    """Notes the bodies that it is sent."""

    def __init__(self, wire: str) -> None:
        self._wire = wire
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        return httpx.Response(200, json=ANSWERS[self._wire])


def run(prompts: PromptSource, wire: str, server: _Server, streamed: bool, folder: Path) -> None:
    """Run the prompts one by one, to the end."""
    folder.mkdir(mode=0o700)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Sequence[Member]]:
        client = HttpClient(transport=httpx.MockTransport(server))
        given: dict[str, Any] = {"api_key": "sk-x", "client": client, "streaming": streamed}
        if wire == "messages":
            llm: Any = ChatAnthropic("of-the-endpoint", **given)
        elif wire == "completions":
            llm = OpenAI("of-the-endpoint", **given)
        else:
            llm = ChatOpenAI("of-the-endpoint", use_responses_api=wire == "responses", **given)
        yield [Member(llm, "key", Endpoint("endpoint"))]
        await client.aclose()

    facts = RunFacts("rows", "of-the-endpoint", "endpoint", 1)
    session = LocalSession(RunPlan(prompts, connect, folder, facts, rate=None, concurrency=1))
    session.start()
    assert session.join(60)
    assert session.crash is None
