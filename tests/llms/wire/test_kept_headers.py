"""The headers that are kept of a response: few, short, and none with a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.wire.failures import Failure
from llmdash.llms.wire.kept_headers import kept_headers
from llmdash.secrets import Redactor, Secret
from tests.llms.canned import Canned, answer, document
from tests.llms.wire.wires import WIRES, Wire

ANSWER = {
    "content-type": "text/event-stream",
    "set-cookie": "session=abc",
    "openai-organization": "org-of-ann",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "128",
    "openai-processing-ms": "612",
    "x-request-id": "req_81c0",
}


def test_limits_ids_and_times_are_kept_and_nothing_else_is() -> None:
    assert kept_headers(200, ANSWER).split("\n") == [
        "200", "x-ratelimit-remaining-requests: 128", "openai-processing-ms: 612", "x-request-id: req_81c0",
    ]  # fmt: skip
    refused = kept_headers(429, ANSWER)
    assert "x-ratelimit-limit-requests: 500" in refused, "where a limit refuses, all of it is of interest"
    assert "org-of-ann" not in refused and "session" not in refused
    assert kept_headers(200, {"content-type": "text/plain", "authorization": "Bearer x"}) == ""


def test_a_key_that_a_server_sends_back_is_masked() -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz"
    kept = kept_headers(200, {"x-request-id": f"for {key}"}, Redactor([Secret(key)]).redact)
    assert key not in kept and "x-request-id: for " in kept


@given(
    st.dictionaries(
        st.sampled_from(["x-request-id", "retry-after"]) | st.text().map("x-ratelimit-".__add__), st.text()
    )
)
def test_whatever_a_server_sends_is_short_and_a_line_each(headers: dict[str, str]) -> None:
    kept = kept_headers(429, headers)
    lines = kept.split("\n") if kept else []
    assert len(lines) <= 17 and all(len(line) <= 128 for line in lines)
    assert len(lines) == (min(len(headers), 16) + 1 if headers else 0)


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
async def test_answers_and_failures_bring_them(wire: Wire) -> None:
    llm = wire.make(Canned(answer(*wire.stream, x_request_id="req_1")))
    kept = [delta.headers async for delta in llm.deltas("hi")]
    assert (kept[0], set(kept[1:])) == ("200\nx-request-id: req_1", {""})
    refused = document({"error": {"message": "slow down"}}, status=429, retry_after="2")
    with pytest.raises(Failure) as caught:
        await wire.make(Canned(refused)).ainvoke("hi")
    assert caught.value.headers == "429\nretry-after: 2"
