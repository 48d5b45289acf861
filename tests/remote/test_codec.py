"""What crosses between an engine and its viewers comes back as it was, whatever it holds."""

from __future__ import annotations

import math
import typing
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.commands import Command, RetryJobs, SetRate
from llmdash.engine.model.frame import Frame, Inspection, JobRow, JobsPart, KeyRow, Notice, RunPart
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.model.states import AnswerFlag, JobState, Severity
from llmdash.engine.model.view import View
from llmdash.llms.messages import Usage
from llmdash.remote.codec import (
    CodecError,
    CommandMessage,
    EndMessage,
    FrameMessage,
    Framing,
    FromEngine,
    FromViewer,
    HelloMessage,
    NoticeMessage,
    RefusalMessage,
    ViewMessage,
    WelcomeMessage,
    command_in,
    command_message,
    decode_from_engine,
    decode_from_viewer,
    encode,
)
from tests.engine.scripted import USAGE, Server, plan, prompts, run, whole
from tests.remote.made_up import any_of

COMMANDS = typing.get_args(Command)


def from_engine(message: FromEngine) -> FromEngine:
    (body,) = Framing().feed(encode(message))
    return decode_from_engine(body)


def from_viewer(message: FromViewer) -> FromViewer:
    (body,) = Framing().feed(encode(message))
    return decode_from_viewer(body)


def crossed(frame: Frame) -> Frame:
    message = from_engine(FrameMessage(1, frame))
    assert isinstance(message, FrameMessage)
    return message.frame


@settings(max_examples=60)
@given(any_of(Frame))
def test_any_frame_comes_back_equal(frame: Frame) -> None:
    assert crossed(frame) == frame


@given(any_of(View))
def test_any_view_comes_back_equal(view: View) -> None:
    assert from_viewer(ViewMessage(7, view)) == ViewMessage(7, view)


@given(st.one_of(*map(any_of, COMMANDS)))
def test_any_command_comes_back_equal(command: Command) -> None:
    message = from_viewer(command_message(command))
    assert isinstance(message, CommandMessage)
    assert command_in(message) == command


def test_every_command_of_the_engine_is_among_those_that_cross() -> None:
    defined = {getattr(commands, name) for name in commands.__all__ if name != "Command"}
    assert defined == set(COMMANDS)


def parts_of(kind: Any, seen: set[Any]) -> set[Any]:
    """The classes that a frame is made of."""
    for inner in typing.get_args(kind):
        parts_of(inner, seen)
    if isinstance(kind, type) and kind not in seen and (is_dataclass(kind) or hasattr(kind, "_fields")):
        seen.add(kind)
        for hint in typing.get_type_hints(kind).values():
            parts_of(hint, seen)
    return seen


def test_every_field_of_a_frame_is_of_a_kind_that_comes_back_as_what_it_was() -> None:
    """A list or a set would come back as something else, and two frames that are equal would differ."""
    of_frames = parts_of(Frame, set())
    assert {JobRow, KeyRow, Inspection, ResultRecord} <= of_frames
    for kind in of_frames:
        for name, hint in typing.get_type_hints(kind).items():
            assert typing.get_origin(hint) not in (list, set, frozenset, dict), f"{kind.__name__}.{name}"
            msgspec.msgpack.Decoder(hint)


@pytest.mark.parametrize("number", [math.inf, -math.inf, 1e308, -0.0])
def test_numbers_without_an_end_survive(number: float) -> None:
    assert crossed(Frame(run=RunPart(elapsed_s=number))).run.elapsed_s == number


def test_what_is_no_number_survives() -> None:
    assert math.isnan(crossed(Frame(run=RunPart(elapsed_s=math.nan))).run.elapsed_s)


def test_flags_survive_in_any_combination() -> None:
    flags = AnswerFlag.LENGTH | AnswerFlag.OTHER
    row = crossed(Frame(inspection=Inspection(JobRow(1, "a", JobState.DONE, flags=flags)))).inspection
    assert row is not None
    assert row.row.flags is flags


def shown_message(message: dict[str, Any]) -> Any:
    record = ResultRecord(1, "a", "done", message=message)
    found = crossed(Frame(inspection=Inspection(JobRow(1, "a"), record=record))).inspection
    assert found is not None
    assert found.record is not None
    return found.record.message


def test_the_object_of_an_answer_may_hold_integers_of_any_size() -> None:
    message = {"n": 10**40, "deep": [{"m": -(2**64)}, 1.5, None, True], "text": "a"}
    assert shown_message(message) == message


def test_a_lone_surrogate_is_replaced_and_the_rest_of_the_frame_is_shown() -> None:
    frame = crossed(Frame(run=RunPart(name="a\ud800b", jobs=3), notices=(Notice(1, Severity.ERROR, "c"),)))
    assert (frame.run.name, frame.run.jobs, frame.notices[0].text) == ("a\ufffdb", 3, "c")
    assert shown_message({"\udfff": ["\ud800"]}) == {"\ufffd": ["\ufffd"]}


def test_a_count_that_no_server_can_mean_is_cut() -> None:
    assert crossed(Frame(run=RunPart(input_tokens=10**30))).run.input_tokens == 2**63 - 1
    assert crossed(Frame(run=RunPart(input_tokens=-(10**30)))).run.input_tokens == -(2**63 - 1)


def test_an_object_nested_without_end_is_cut_where_nobody_looks() -> None:
    message: dict[str, Any] = {}
    for _ in range(20_000):
        message = {"a": message}
    found = shown_message(message)
    for _ in range(20):
        found = found["a"]
    assert isinstance(found, dict)


def test_the_other_messages_come_back_equal() -> None:
    for message in (
        WelcomeMessage(4, allows_bad_lines=True),
        RefusalMessage("no"),
        NoticeMessage(Severity.WARNING, "read-only"),
        EndMessage(3, "DONE", None),
    ):
        assert from_engine(message) == message
    hello = HelloMessage("1.0", "shape", "token", read_only=True)
    assert from_viewer(hello) == hello


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_words(data: bytes) -> None:
    for decode in (decode_from_viewer, decode_from_engine):
        try:
            decode(data)
        except CodecError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Explode", {}),
        ("SetRate", {}),
        ("SetRate", {"rate": "fast"}),
        ("SetConcurrency", {"concurrency": 1.5}),
        ("SetConcurrency", {"concurrency": 2**63 * 3}),
        ("RetryJobs", {"jobs": [1, None]}),
        ("Pause", []),
        ("__class__", {}),
    ],
)
def test_what_is_no_command_is_refused(name: str, body: Any) -> None:
    try:
        raw = msgspec.Raw(msgspec.msgpack.encode(body))
    except OverflowError:
        raw = msgspec.Raw(b"\xff" * 9)
    with pytest.raises(CodecError):
        command_in(CommandMessage(name, raw))


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_messages_are_whole_however_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    framing, at = Framing(), 0
    found: list[bytes] = []
    for cut in (*cuts, len(data) or 1):
        found += framing.feed(data[at : at + cut])
        at += cut
    assert found == bodies


def test_a_message_that_says_it_is_huge_is_refused_before_it_comes() -> None:
    with pytest.raises(CodecError, match=r"4,294,967,295 bytes is too long"):
        list(Framing(1000).feed(b"\xff\xff\xff\xffabc"))


def test_a_million_jobs_can_be_tried_again_with_one_command() -> None:
    command = RetryJobs(tuple(range(1_000_000)))
    message = command_message(command)
    assert len(encode(message)) < 16 * 1024 * 1024
    assert command_in(message) == command


def test_a_frame_is_as_large_as_what_is_visible() -> None:
    rows = tuple(JobRow(n, f"arithmetic-{n:06}", key="a1f2", wait_s=0.1, ttft_s=0.5) for n in range(45))
    frame = Frame(jobs=JobsPart(1_000_000, 1_000_000, 0, rows))
    assert len(encode(FrameMessage(1, frame))) < 20_000


def test_a_rate_of_no_number_crosses_for_the_engine_to_judge() -> None:
    found = command_in(command_message(SetRate(math.inf)))
    assert found == SetRate(math.inf)


@pytest.mark.parametrize("usage", [USAGE, None])
def test_the_attempts_that_are_on_record_cross(tmp_path: Path, usage: Usage | None) -> None:
    run(plan(tmp_path, Server(lambda _key, _prompt, _before: whole("4", usage)), prompts(1)))
    reader = JournalReader(tmp_path)
    attempts = reader.attempts(0)
    assert [each.estimated for each in attempts] == [usage is None]
    assert crossed(Frame(inspection=Inspection(JobRow(0, "a"), attempts=attempts))).inspection is not None
    result = reader.result(0)
    assert result is not None
    assert result.estimated is (usage is None)
