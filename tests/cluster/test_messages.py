"""Messages between a run and a desk: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.cluster.messages import (
    Ask,
    Began,
    Chunks,
    Departed,
    Ended,
    FromDesk,
    Joining,
    Refused,
    ToDesk,
    UnsendableError,
    decode_from_desk,
    decode_to_desk,
    encode,
    packed,
    prompt_of,
)
from llmdash.engine.dispatch.attempt import Answer
from llmdash.llms.messages import GeneralTurn, Hints, Usage
from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from llmdash.prompts.source import Prompt, RequestBody

ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too
NAMES = st.one_of(st.sampled_from(["role", "content", "\0bytes", ""]), ANY_TEXT)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.floats(allow_nan=False), ANY_TEXT
)
VALUES = st.recursive(
    LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some, max_size=3), max_leaves=8
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
SAID = st.one_of(st.tuples(ANY_TEXT, ANY_TEXT), FIELDS, FIELDS.map(GeneralTurn))
PROMPTS = st.builds(
    Prompt,
    id=ANY_TEXT,
    messages=st.lists(SAID, max_size=4).map(tuple),
    options=FIELDS,
    body=st.none() | st.builds(RequestBody, wire=st.sampled_from(["chat", "responses"]), fields=FIELDS),
)


def to_desk(**fields: Any) -> ToDesk:
    return ToDesk(1.0, 2.0, 0.5, **fields)


def from_desk(**fields: Any) -> FromDesk:
    return FromDesk(1.0, 2.0, 0.5, **fields)


@given(PROMPTS, FIELDS, st.binary(max_size=30))
def test_a_prompt_arrives_as_it_is_sent(prompt: Prompt, options: dict[str, Any], recipe: bytes) -> None:
    sent = to_desk(joining=[Joining(3, recipe)], asks=[Ask(7, 3, packed(prompt), options, True)], cancels=[1])
    got = decode_to_desk(encode(sent))
    assert got.joining == sent.joining
    (ask,) = got.asks
    heard = prompt_of(ask.prompt)
    assert heard.messages == prompt.messages
    assert list(map(type, heard.messages)) == list(map(type, prompt.messages))
    assert (heard.options, heard.body) == (prompt.options, prompt.body)
    assert (ask.options, ask.ticket, ask.member, ask.watched) == (options, 7, 3, True)
    assert (got.stamp, got.echo, got.held_s, got.cancels, got.watch) == (1.0, 2.0, 0.5, [1], None)


@pytest.mark.parametrize("beside", ["plain", "\ud800", 2**70])
def test_numbers_that_are_none_arrive_too(beside: Any) -> None:
    options = {"a": math.nan, "b": math.inf, "c": -math.inf, "beside": beside}
    (ask,) = decode_to_desk(encode(to_desk(asks=[Ask(1, 0, packed(Prompt("", ())), options)]))).asks
    assert math.isnan(ask.options["a"])
    assert [ask.options[name] for name in ("b", "c", "beside")] == [math.inf, -math.inf, beside]


ANSWERS = st.builds(
    Answer,
    text=ANY_TEXT,
    finish_reason=st.none() | ANY_TEXT,
    usage=st.builds(Usage, *[st.integers(0, 2**31)] * 2, estimated=st.booleans()),
    ttft_s=st.none() | st.floats(0, 1e6),
    latency_s=st.floats(0, 1e6),
    hints=st.none() | st.builds(Hints, limit_requests=st.integers(0, 2**40)),
    reasoning=ANY_TEXT,
    message=st.none() | FIELDS,
    flags=st.lists(ANY_TEXT, max_size=2).map(tuple),
    problem=st.none() | ANY_TEXT,
)


@given(ANSWERS, st.lists(ANY_TEXT, max_size=3))
def test_an_answer_arrives_as_it_is_sent(answer: Answer, texts: list[str]) -> None:
    times = [0.25 * number for number in range(len(texts))]
    sent = from_desk(
        left=[Departed(1, 0.01)],
        began=[Began(1, "x", 0.5)],
        chunks=[Chunks(1, texts, times)],
        ended=[Ended(1, answer, texts, times), Ended(2, None, [], [])],
        refused=[Refused(3, "why")],
        has=[0],
        lacks=[1],
        leaves=True,
        version="1",
        host="h",
    )
    assert decode_from_desk(encode(sent)) == sent


@pytest.mark.parametrize("beside", ["plain", "\udfff"])
@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_arrives_with_all_that_the_engine_asks_of_it(kind: FailureKind, beside: str) -> None:
    failure = Failure(
        kind,
        f"no {beside}",
        status=429,
        code="c",
        retry_after=2.5,
        request_id="r",
        hints=Hints(limit_tokens=5),
        reached=False,
        by_words=True,
        names_request=True,
        of_content=True,
        is_guess=True,
        slow_down=True,
        may_be_billed=True,
        timed_out=True,
    )
    failure.partial = "so far"
    got = through(failure)
    assert vars(got) == vars(failure)
    assert (str(got), got.args) == (str(failure), failure.args)


DOCUMENTS = [
    (
        404,
        {"error": {"message": "The model `m` does not exist", "code": "model_not_found", "param": "model"}},
    ),
    (400, {"error": {"message": "bad", "type": "invalid_request_error", "param": "messages[0].content"}}),
    (429, {"error": {"message": "slow down, try again in 7s", "code": "rate_limit_exceeded"}}),
    (429, {"error": {"message": "no money", "code": "insufficient_quota"}}),
    (401, {"error": {"message": "no such key"}}),
    (503, {"detail": "x" * 5_000}),
]


@pytest.mark.parametrize(("status", "document"), DOCUMENTS)
def test_what_a_server_said_is_judged_there_as_it_is_here(status: int, document: dict[str, Any]) -> None:
    headers = {"retry-after": "3", "x-request-id": "r1"}
    failure = from_response(status, headers, json.dumps(document).encode())
    got = through(failure)
    assert got.kind is failure.kind
    for name in ("message", "words", "param", "about_model", "said", "code", "retry_after", "request_id"):
        assert getattr(got, name) == getattr(failure, name), name
    assert type(got.said) is type(failure.said)


def through(failure: Failure) -> Failure:
    answer = Answer("", None, Usage(0, 0), None, 0.1, failure)
    (ended,) = decode_from_desk(encode(from_desk(ended=[Ended(1, answer, [], [])]))).ended
    assert ended.answer is not None
    assert ended.answer.failure is not None
    return ended.answer.failure


@given(st.binary(max_size=60), st.sampled_from([b"", b"[", b"\x9c", b"\x97", b"[1,2,3,"]))
def test_other_bytes_are_refused_with_one_kind_of_error(rest: bytes, head: bytes) -> None:
    for decode, kind in ((decode_to_desk, ToDesk), (decode_from_desk, FromDesk)):
        try:
            message = decode(head + rest)
        except msgspec.DecodeError:
            continue
        assert isinstance(message, kind)


@given(ANSWERS, st.data())
def test_a_damaged_message_is_refused_or_is_another_message(answer: Answer, data: st.DataObject) -> None:
    failure = Failure(FailureKind.QUOTA, "no")
    whole = encode(
        from_desk(
            ended=[
                Ended(1, answer, [], []),
                Ended(2, Answer("", None, Usage(0, 0), None, 0, failure), [], []),
            ]
        )
    )
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    for message in (damaged, whole[:place]):
        try:
            decoded = decode_from_desk(message)
        except msgspec.DecodeError:
            continue
        assert isinstance(decoded, FromDesk)


@pytest.mark.parametrize(
    "message", [b"[" * 100_000, b"\x91" * 100_000, b"[" + b"9" * 5_000 + b"]", b"[\xff]"]
)
def test_what_is_too_deep_too_long_or_no_text_is_refused_as_well(message: bytes) -> None:
    for decode in (decode_to_desk, decode_from_desk):
        with pytest.raises(msgspec.DecodeError):
            decode(message)


def test_what_no_message_can_hold_is_said_by_its_type() -> None:
    def sent(value: Any) -> bytes:
        return encode(to_desk(asks=[Ask(1, 0, packed(Prompt("", ())), {"value": value})]))

    with pytest.raises(UnsendableError, match="a object cannot be sent"):
        sent(object())
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    try:
        assert sent(nested)
    except UnsendableError as error:  # not every Python minds
        assert "too deeply" in str(error)
    assert sent({"a", "b"})
    assert sent(datetime.date(2026, 1, 1))
