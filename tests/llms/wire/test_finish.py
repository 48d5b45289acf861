"""When an answer is complete, by what its finish reason says; and what an empty one is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Usage
from llmdash.llms.wire.chat import ChatReader
from llmdash.llms.wire.failures import FailureKind
from llmdash.llms.wire.finish import END, TROUBLE, said_reason
from llmdash.llms.wire.responses import ResponsesReader
from tests.llms.canned import DONE, chunk, event, part, usage
from tests.llms.wire.speakers import COUNTS, READERS, SPEAKERS, read, responses_end
from tests.llms.wire.wires import MESSAGE_START, MESSAGE_STOP, message_end, response, said, typed
from tests.rows import for_each

LENGTH = ("length", "max_tokens", "model_length")
UNKNOWN = ("in_progress", "banana", "FINISH_REASON_UNSPECIFIED")
NOTHING: tuple[Any, ...] = (None, "", "null", "NULL", " ", 7, True, {}, ["stop"])
each_dialect = for_each("name", SPEAKERS)


def spellings(reasons: frozenset[str]) -> list[str]:
    return sorted({spelt for reason in reasons for spelt in (reason, reason.upper(), reason.title())})


@each_dialect
@pytest.mark.parametrize("reason", [*sorted(END), *sorted(TROUBLE), *UNKNOWN, *NOTHING[:4]])
def test_an_answer_cut_at_every_byte_is_whole_or_truncated_whatever_its_reason(
    name: str, reason: str | None
) -> None:
    """No part of a text is ever taken for an answer, streamed and plain."""
    speaker = SPEAKERS[name]
    stream, document = speaker.stream("Hel", "lo", reason=reason), speaker.document("Hello", reason)
    for body in (stream, stream.replace(b"\n\n", b"\n"), stream.replace(b"\n", b"\r\n"), document):
        for end in range(len(body) + 1):
            found = read(speaker.reader({}, str), body[:end])
            if found.failure is None:
                assert found.text == "Hello", body[:end]
            else:
                assert found.failure.kind is FailureKind.TRANSIENT


@each_dialect
@pytest.mark.parametrize("reason", spellings(END))
def test_a_reason_of_the_end_closes_an_answer(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    found = read(speaker.reader({}, str), speaker.start + speaker.piece("Hello") + speaker.end(reason))
    assert (found.text, found.last.finish_reason) == ("Hello", reason)
    assert found.last.flags in ((), ("length",))
    whole = read(speaker.reader({}, str), speaker.document("Hello", reason))
    assert (whole.text, whole.last.finish_reason, whole.last.flags) == ("Hello", reason, found.last.flags)


@pytest.mark.case("wire", "odd-finish")
@pytest.mark.case("wire", "error-finish-plain")
@each_dialect
@pytest.mark.parametrize("reason", spellings(TROUBLE))
def test_a_reason_that_tells_trouble_is_transient_streamed_and_plain(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    for body in (speaker.stream("Hel", reason=reason), speaker.document("Hel", reason)):
        failure = read(speaker.reader({}, str), body).failure
        assert failure is not None
        assert (failure.kind, reason in failure.message) == (FailureKind.TRANSIENT, True)


@pytest.mark.case("wire", "odd-finish")
@each_dialect
@pytest.mark.parametrize("reason", UNKNOWN)
def test_a_reason_that_nobody_knows_closes_only_with_the_end_of_the_stream(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    whole = speaker.stream("Hello", reason=reason)
    for body in (whole, speaker.document("Hello", reason)):
        last = read(speaker.reader({}, str), body).last
        assert (last.finish_reason, last.flags) == (reason, (f"finish:{reason}",))
    cut = read(speaker.reader({}, str), whole.removesuffix(speaker.last))
    assert cut.failure is not None
    assert "truncated" in cut.failure.message


@pytest.mark.case("wire", 'finish-"null"')
@each_dialect
@pytest.mark.parametrize("reason", NOTHING)
def test_a_reason_that_says_nothing_is_none(name: str, reason: Any) -> None:
    speaker = SPEAKERS[name]
    body = b"".join((speaker.start, *(speaker.piece(text) + speaker.end(reason) for text in ("Hel", "lo"))))
    assert read(speaker.reader({}, str), body).failure is not None
    ended = read(speaker.reader({}, str), body + speaker.end("stop"))
    assert (ended.text, ended.last.finish_reason, ended.last.flags) == ("Hello", "stop", ())
    closed = read(speaker.reader({}, str), body + speaker.last)
    assert (closed.text, closed.last.finish_reason, closed.last.flags) == ("Hello", None, ())
    plain = read(speaker.reader({}, str), speaker.document("Hello", reason))
    assert (plain.text, plain.last.finish_reason, plain.last.flags) == ("Hello", None, ())


@pytest.mark.case("wire", "finish-each-slow")
@each_dialect
@pytest.mark.parametrize("reason", ["stop", "banana"])
def test_content_behind_a_finish_reason_goes_on_counting(name: str, reason: str) -> None:
    """And the stream is whole only at its own end, wherever it is cut behind the first finish reason."""
    speaker = SPEAKERS[name]
    texts = ("one ", "two ", "three")
    pieces = [speaker.piece(text) + speaker.end(reason) for text in texts]
    reader = speaker.reader({}, str)
    list(reader.feed(speaker.start, 1.0))
    finished = []
    for piece in pieces:
        list(reader.feed(piece, 1.0))
        finished.append((reader.finished, reader.heard))
    assert finished == [(reason == "stop", True), (False, True), (False, True)]
    body = speaker.start + b"".join(pieces) + speaker.last
    whole = read(speaker.reader({}, str), body)
    assert (whole.text, whole.last.finish_reason) == ("one two three", reason)
    first = len(speaker.start + pieces[0]) + len(speaker.piece(""))
    for end in range(first, len(body)):
        found = read(speaker.reader({}, str), body[:end])
        assert found.failure is not None or found.text in ("one ", "one two three")
        assert (
            found.failure is not None
            or found.text != "one "
            or end < len(speaker.start + pieces[0]) + len(speaker.piece("two "))
        )


@each_dialect
def test_the_usage_behind_a_finish_reason_is_no_content(name: str) -> None:
    speaker = SPEAKERS[name]
    counts = usage(5, 2) if name != "messages" else message_end(None)
    ended = speaker.start + speaker.piece("Hello") + speaker.end("stop")
    found = read(speaker.reader({}, str), ended + counts + b": ping\n\n")
    assert (found.text, found.last.usage) == ("Hello", Usage(5, 2))


@pytest.mark.case("wire", "index-counts")
@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize("index", [None, "0", 7, -1, 0.5])
def test_the_only_choice_of_a_chunk_is_the_answer_whatever_its_index(name: str, index: Any) -> None:
    def piece(number: int, text: str, reason: str | None = None) -> bytes:
        where = number if index == 7 else index
        return event(
            {"choices": [{"index": where, "delta": {"content": text}, "text": text, "finish_reason": reason}]}
        )

    body = b"".join(piece(number, text) for number, text in enumerate("Hello")) + piece(5, "", "stop")
    found = read(READERS[name]({}, str), body)
    assert (found.text, found.last.finish_reason) == ("Hello", "stop")
    choice = {"index": index, "message": {"content": "Hello"}, "text": "Hello", "finish_reason": "stop"}
    plain = read(READERS[name]({}, str), json.dumps({"choices": [choice]}).encode())
    assert plain.text == "Hello"


@pytest.mark.case("wire", "error-finish-plain")
@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, FailureKind.REQUEST), (502, FailureKind.TRANSIENT), (429, FailureKind.THROTTLE)],
)
def test_the_error_of_a_choice_is_read(name: str, streamed: bool, code: int, kind: FailureKind) -> None:
    error = {"code": code, "message": "Provider returned error"}
    said = {"content": "Hel"}
    choice = {"index": 0, "finish_reason": "error", "error": error, "text": "Hel"}
    body = json.dumps({"choices": [choice | {"delta" if streamed else "message": said}]}).encode()
    failure = read(READERS[name]({}, str), b"data: " + body + b"\n\n" if streamed else body).failure
    assert failure is not None
    assert (failure.kind, failure.message) == (kind, "Provider returned error")


# What an empty answer is.

NORMAL = ("stop", "end_turn", "stop_sequence", "eos", "STOP")
FILTERED = ("content_filter", "refusal", "SAFETY")


@each_dialect
@pytest.mark.parametrize("reason", NORMAL)
def test_a_normal_end_without_text_is_done_and_flagged_empty(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    for body in (speaker.start + speaker.end(reason), speaker.document("", reason)):
        last = read(speaker.reader({}, str), body).last
        assert (last.text, last.finish_reason, last.flags) == ("", reason, ("empty",))


@each_dialect
@pytest.mark.parametrize("reason", LENGTH)
def test_a_length_limit_is_flagged_with_text_and_without(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    for text, flags in (("", ("empty", "length")), ("Hel", ("length",))):
        for body in (speaker.stream(text, reason=reason), speaker.document(text, reason)):
            assert read(speaker.reader({}, str), body).last.flags == flags


@each_dialect
@pytest.mark.parametrize("reason", FILTERED)
def test_a_filter_that_left_nothing_is_a_failure_of_the_prompt(name: str, reason: str) -> None:
    speaker = SPEAKERS[name]
    for body in (speaker.start + speaker.end(reason), speaker.document("", reason)):
        failure = read(speaker.reader({}, str), body).failure
        assert failure is not None
        assert (failure.kind, failure.code) == (FailureKind.REQUEST, "content_filter")
        assert (failure.of_content, failure.names_request) == (True, True)
    kept = read(speaker.reader({}, str), speaker.stream("Hel", reason=reason)).last
    assert (kept.finish_reason, kept.flags) == (reason, ())


@pytest.mark.case("wire", "done-only")
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", DONE),
        ("chat", b"[DONE]"),
        ("chat", chunk("") + DONE),
        ("completions", DONE),
        ("completions", b"data: [DONE]"),
        ("messages", MESSAGE_START + MESSAGE_STOP),
        ("messages", typed("message_start", message={}) + MESSAGE_STOP),
        ("responses", b"data: [DONE]\n\n"),
    ],
)
def test_an_end_without_anything_is_no_answer(name: str, body: bytes) -> None:
    failure = read(READERS[name]({}, str), body).failure
    assert failure is not None
    assert failure.kind is FailureKind.TRANSIENT
    assert "no answer" in failure.message


@pytest.mark.case("wire", "no-choices")
@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize("streamed", [True, False])
def test_choices_without_any_are_no_answer_and_the_usage_is_kept(name: str, streamed: bool) -> None:
    body = usage(5, 2) + DONE if streamed else json.dumps({"choices": [], "usage": COUNTS}).encode()
    found = read(READERS[name]({}, str), body)
    assert found.failure is not None
    assert (found.failure.kind, found.failure.may_be_billed) == (FailureKind.TRANSIENT, True)
    assert "no answer" in found.failure.message
    assert [delta.usage for delta in found.deltas] == [Usage(5, 2)]
    unbilled = read(READERS[name]({}, str), event({"choices": []}) + DONE).failure
    assert unbilled is not None
    assert not unbilled.may_be_billed


@pytest.mark.case("wire", "empty-completed")
def test_a_completed_response_without_output_is_done_and_flagged_empty() -> None:
    whole = response(output=[])
    for body in (typed("response.completed", response=whole), json.dumps(whole).encode()):
        last = read(ResponsesReader({}, str), body).last
        assert (last.text, last.finish_reason, last.flags, last.usage) == (
            "",
            "stop",
            ("empty",),
            Usage(5, 2),
        )
    bare = read(ResponsesReader({}, str), json.dumps({"output": []}).encode()).failure
    assert bare is not None
    assert "no answer" in bare.message


@pytest.mark.parametrize("streamed", [True, False])
def test_an_incomplete_response_is_judged_by_its_reason(streamed: bool) -> None:
    def of(reason: str | None, text: str = "") -> bytes:
        output = response(text=text)["output"] if text else []
        details = None if reason is None else {"reason": reason}
        whole = response("incomplete", output=output, incomplete_details=details)
        return typed("response.incomplete", response=whole) if streamed else json.dumps(whole).encode()

    def flags(body: bytes) -> tuple[str, ...]:
        return read(ResponsesReader({}, str), body).last.flags

    assert flags(of("max_output_tokens")) == ("empty", "length")
    assert flags(of("max_output_tokens", "Hel")) == ("length",)
    assert flags(of("content_filter", "Hel")) == ()
    assert flags(of("odd", "Hel")) == ("finish:odd",)
    assert flags(of(None, "Hel")) == ("finish:incomplete",)
    filtered = read(ResponsesReader({}, str), of("content_filter")).failure
    assert filtered is not None
    assert (filtered.kind, filtered.code) == (FailureKind.REQUEST, "content_filter")


def test_a_completed_event_does_not_hide_a_response_that_is_not() -> None:
    for status, kind in (("failed", FailureKind.TRANSIENT), ("cancelled", FailureKind.TRANSIENT)):
        body = said("Hel") + typed("response.completed", response=response(status, output=[]))
        failure = read(ResponsesReader({}, str), body).failure
        assert failure is not None
        assert failure.kind is kind
    lazy = said("Hello") + typed("response.completed", response=response("in_progress", output=[]))
    assert read(ResponsesReader({}, str), lazy).last.finish_reason == "stop"


def reasoned(name: str, streamed: bool) -> bytes:
    """An answer of reasoning alone."""
    if name == "chat" and streamed:
        return b"".join([part(reasoning_content="hm ", content="")] * 10) + chunk(finish="stop") + DONE
    if name == "chat":
        said = {"message": {"content": "", "reasoning_content": "hm " * 10}, "finish_reason": "stop"}
        return json.dumps({"choices": [said]}).encode()
    if name == "messages":
        if not streamed:
            blocks = [{"type": "thinking", "thinking": "hm " * 10, "signature": "x"}]
            return json.dumps({"content": blocks, "stop_reason": "end_turn"}).encode()
        thought = {"type": "thinking_delta", "thinking": "hm "}
        pieces = typed("content_block_delta", index=0, delta=thought) * 10
        return MESSAGE_START + pieces + message_end() + MESSAGE_STOP
    if streamed:
        return typed("response.reasoning_text.delta", delta="hm ") * 10 + responses_end()
    item = {"type": "reasoning", "content": [], "summary": [{"type": "summary_text", "text": "hm " * 10}]}
    return json.dumps(response(output=[item])).encode()


@pytest.mark.case("wire", "reasoning-only")
@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_of_reasoning_alone_is_flagged_and_its_reasoning_kept(name: str, streamed: bool) -> None:
    found = read(READERS[name]({}, str), reasoned(name, streamed))
    assert (found.text, found.last.flags) == ("", ("reasoning_only",))
    assert "".join(delta.reasoning for delta in found.deltas) == "hm " * 10


def test_reasoning_closed_by_the_end_mark_alone_is_reasoning_only() -> None:
    last = read(ChatReader({}, str), part(reasoning="hm") + DONE).last
    assert (last.finish_reason, last.flags) == (None, ("reasoning_only",))


@each_dialect
def test_a_stream_that_just_ends_is_flagged_where_that_is_allowed(name: str) -> None:
    speaker = SPEAKERS[name]
    last = read(speaker.reader({}, str), speaker.start + speaker.piece("Hel"), eof_ends=True).last
    assert (last.finish_reason, last.flags) == (None, ("eof",))
    odd = speaker.start + speaker.piece("Hel") + speaker.end("odd")
    last = read(speaker.reader({}, str), odd, eof_ends=True).last
    assert (last.finish_reason, last.flags) == ("odd", ("finish:odd", "eof"))


@given(st.text() | st.text(alphabet="\x1b\x07[]\u202e\ud83dab", min_size=200, max_size=2000))
def test_a_finish_reason_is_short_and_fit_to_be_shown(reason: str) -> None:
    shown = said_reason(reason, str)
    assert shown is None or (len(shown) <= 50 and shown.isprintable() and shown.encode())


def test_a_key_that_is_echoed_as_a_finish_reason_is_not_shown() -> None:
    found = read(
        ChatReader({}, lambda text: text.replace("sk-secret", "***")), chunk("Hi", "sk-secret") + DONE
    )
    assert (found.last.finish_reason, found.last.flags) == ("***", ("finish:***",))
