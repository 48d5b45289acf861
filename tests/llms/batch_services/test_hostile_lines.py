"""Whatever a service says, it is read: any value of any type, in any place."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.batch_services import anthropic_wire, openai_wire
from llmdash.llms.batch_services.calls import ServiceReply
from llmdash.llms.batch_services.gemini_shape import GeminiShape
from llmdash.llms.batch_services.openai_shapes import OpenAIShape, TogetherShape
from llmdash.llms.batch_services.pages import ListPage
from llmdash.llms.batches import BatchAnswer, BatchEnd, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure
from tests.llms.batch_services.services import (
    KINDS,
    anthropic_batch,
    gemini_file,
    gemini_operation,
    openai_batch,
    result_line,
    service,
    together_job,
)

SERVICES = {wire: service(wire) for wire in KINDS}
CHAT = {"choices": [{"index": 0, "message": {"content": "14"}, "finish_reason": "stop"}], "usage": {}}
RESPONSE = {"status": "completed", "output": [{"content": [{"type": "output_text", "text": "14"}]}]}
MESSAGE = {"content": [{"type": "text", "text": "14"}], "stop_reason": "end_turn", "usage": {}}
ANSWERS = {"chat": CHAT, "completions": {"choices": [{"text": "14", "finish_reason": "stop"}]}}
ANSWERS |= {"responses": RESPONSE}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "completed", "ended", "\ud800", "9" * 30, 10**400, -1, "../x", "batch_expired"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def line_of(wire: str) -> Any:
    if wire == "messages":
        return {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}}
    return json.loads(result_line("a", ANSWERS[wire]))


def places(document: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for name, value in inner:
        found.append((*way, name))
        if isinstance(value, dict | list):
            found += places(value, (*way, name))
    return found


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(document)
    at = made
    for name in way[:-1]:
        at = at[name]
    at[way[-1]] = value
    return made


def is_sound(answer: BatchAnswer) -> bool:
    if answer.custom_id is None:
        return answer.failure is not None and not answer.deltas
    return answer.failure is not None or answer.deltas[-1].finish_reason is not None


@pytest.mark.parametrize("wire", KINDS)
@given(data=st.data())
def test_any_value_in_any_place_of_a_line_is_an_answer_or_a_failure(wire: str, data: st.DataObject) -> None:
    line = line_of(wire)
    way = data.draw(st.sampled_from(places(line)))
    made = changed(line, way, data.draw(values))
    answer = SERVICES[wire].read(json.dumps(made).encode())
    assert is_sound(answer) or answer.deltas


@pytest.mark.parametrize("wire", KINDS)
@given(data=st.binary(max_size=60), cut=st.integers(0, 200), at=st.integers(0, 200))
def test_any_bytes_in_a_line_are_an_answer_or_a_failure(wire: str, data: bytes, cut: int, at: int) -> None:
    line = json.dumps(line_of(wire)).encode()
    for broken in (data, line[:cut], line[:at] + data + line[at:]):
        answer = SERVICES[wire].read(broken)
        assert answer.failure is not None or answer.deltas


@given(data=st.data())
def test_any_value_in_any_place_of_a_status_is_read(data: st.DataObject) -> None:
    ended = openai_batch(status="failed", errors={"data": [{"code": "c", "message": "m", "line": 1}]})
    read = (
        (openai_batch(status="completed", output_file_id="file-1", completed_at=1), openai_wire.status_of),
        (ended, openai_wire.status_of),
        (anthropic_batch(status="ended", results_url="https://llm.test/r"), anthropic_wire.status_of),
    )
    document, read_status = data.draw(st.sampled_from(read))
    made = changed(document, data.draw(st.sampled_from(places(document))), data.draw(values))
    status = read_status(made, str)
    assert status is None or is_plausible(status)
    assert read_status(data.draw(values), str) is None or True


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        (TogetherShape(), {"job": together_job("FAILED", error="no"), "warning": "x"}),
        (
            TogetherShape(),
            together_job("COMPLETED", output_file_id="file-1", completed_at="2024-01-15T14:30:00Z"),
        ),
        (GeminiShape(), {**gemini_operation("BATCH_STATE_FAILED"), "error": {"code": 13, "message": "no"}}),
        (GeminiShape(), gemini_operation("BATCH_STATE_SUCCEEDED", output={"responsesFile": "files/batch-1"})),
        (GeminiShape(), openai_batch("batches/b1", "failed", errors={"data": [{"code": 3, "message": "m"}]})),
    ],
)
@given(data=st.data())
def test_any_value_in_any_place_of_what_others_say_is_read(
    shape: OpenAIShape, document: Any, data: st.DataObject
) -> None:
    made = changed(document, data.draw(st.sampled_from(places(document))), data.draw(values))
    for said in (made, data.draw(values)):
        status = openai_wire.status_of(shape.batch(said), str, shape.statuses)
        assert status is None or is_plausible(status)


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        (TogetherShape(), {"data": [{"id": "file-1", "filename": "a", "bytes": 7, "created_at": 5}]}),
        (TogetherShape(), [together_job()]),
        (GeminiShape(), {"files": [gemini_file("a")], "nextPageToken": "x"}),
        (GeminiShape(), {"operations": [gemini_operation()], "nextPageToken": "x"}),
    ],
)
@given(data=st.data())
def test_any_value_in_any_place_of_a_list_is_read_or_is_a_failure(
    shape: OpenAIShape, document: Any, data: st.DataObject
) -> None:
    made = changed(document, data.draw(st.sampled_from(places(document))), data.draw(values))
    for said in (made, data.draw(values)):
        with suppress(Failure):
            page = ListPage.of(ServiceReply(said, {}), str, shape.listed)
            assert page.last is None or page.last.isascii()
            for entry in page.entries:
                file = openai_wire.file_of(shape.file(entry))
                assert file is None or (type(file.bytes), type(file.name)) == (int, str)


def is_plausible(status: BatchStatus) -> bool:
    counts = (status.requests, status.done, status.failed)
    times = (status.created_at, status.expires_at, status.ended_at)
    return (
        bool(status.id)
        and isinstance(status.end, BatchEnd)
        and all(count is None or type(count) is int for count in counts)
        and all(moment is None or type(moment) is float for moment in times)
        and all(isinstance(source, str) and source for source in status.results)
        and (status.problem is not None) == (status.end is BatchEnd.INVALID)
    )


@pytest.mark.parametrize("found", [SERVICES["chat"], SERVICES["messages"]], ids=["openai", "anthropic"])
@pytest.mark.parametrize("custom_id", [7, None, True, ["a"], {"a": 1}, 1.5])
def test_an_id_that_is_no_text_is_nobodys(found: Batches, custom_id: Any) -> None:
    line = {**line_of("messages"), **line_of("chat"), "custom_id": custom_id}
    answer = found.read(json.dumps(line).encode())
    assert answer.custom_id is None
    assert answer.failure is not None
