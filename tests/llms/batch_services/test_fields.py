"""Times, ids and lines, as services send and take them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.llms.batch_services.fields import identifier, server_time, time_of
from llmdash.llms.batches import BatchDraft, Batches
from llmdash.llms.wire.failures import Failure
from tests.llms.batch_services.services import AT, DATE, KINDS, service
from tests.llms.canned import Canned, answer, document


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1_796_036_400, AT),
        (1_796_036_400.5, AT + 0.5),
        ("2026-11-30T11:00:00Z", AT),
        ("2026-11-30T11:00:00", AT),
        ("2026-11-30T13:00:00+02:00", AT),
        ("2026-11-30T11:00:00.250000000Z", AT + 0.25),
        (0, None),
        (True, None),
        ("", None),
        ("soon", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        (-5, None),
        ("9999-12-31T23:59:59-23:00", None),
        ([1], None),
    ],
)
def test_a_moment_is_read_as_a_number_or_as_text_in_utc(value: Any, moment: float | None) -> None:
    assert time_of(value) == moment


@pytest.mark.parametrize("date", ["", "x", "Mon, 99 Nov 2026 11:00:00 GMT", "0", "\x00"])
def test_a_date_that_is_none_is_not_known(date: str) -> None:
    assert server_time({"date": date}) is None
    assert server_time({}) is None
    assert server_time({"date": DATE}) == AT


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a?b", "a b", "a\n", "é", "x" * 257, None, 7, ["a"]])
def test_what_cannot_be_part_of_an_address_is_no_id(value: Any) -> None:
    assert identifier(value) is None


@pytest.mark.parametrize("value", ["batch_1", "file-ABC.x", "4017dc9f-b629", "a:b~c", "..."])
def test_an_id_is_taken_as_it_is(value: str) -> None:
    assert identifier(value) == value


@pytest.mark.parametrize("wire", KINDS)
@given(text=st.text())
def test_a_request_is_one_line_whatever_a_prompt_says(wire: str, text: str) -> None:
    line = service(wire).line("a", text, None, {})
    assert len(line.decode().splitlines()) == 1
    body = json.loads(line).get("body") or json.loads(line)["params"]
    said = body.get("prompt", body.get("input", body.get("messages")))
    assert text == (said if isinstance(said, str) else said[0]["content"])


@given(data=st.binary(max_size=200))
def test_the_lines_of_any_file_are_those_that_say_something(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "out"
        file.write_bytes(data)
        lines = list(service("chat").lines(file))
    expected = [line.rstrip(b"\r\n") for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    assert lines == [line for line in expected if line and not line.isspace()]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["id", "batch_1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "data", "has_more", "last_id", "total", "error", "status", "errors"]),
            inner,
        )
    ),
    max_leaves=8,
)


CALLS: list[Callable[[Batches, Path], Awaitable[Any]]] = [
    lambda found, _: found.look(),
    lambda found, _: found.look(0.0),
    lambda found, _: found.files(1.0),
    lambda found, _: found.status("b"),
    lambda found, _: found.cancel("b"),
    lambda found, file: found.create(BatchDraft(file, "n", "m", 1, "file-in")),
    lambda found, file: found.upload(file, "n"),
]


@pytest.mark.parametrize("wire", ["chat", "messages"])
@settings(max_examples=40)
@given(said=anything, raw=st.binary(max_size=20), status=st.sampled_from([200, 400, 404, 500, 302]))
def test_any_answer_of_a_service_is_one_or_a_failure(wire: str, said: Any, raw: bytes, status: int) -> None:
    async def ask(file: Path) -> None:
        for call in CALLS:
            for reply in (document(said, status), answer(raw, status=status)):
                try:
                    await call(service(wire, Canned(reply)), file)
                except Failure as failure:
                    assert failure.status == status

    with TemporaryDirectory() as folder:
        file = Path(folder) / "in"
        file.write_bytes(b"{}")
        asyncio.run(ask(file))
