"""Headers, query and the way the key is sent: what an endpoint may need beyond its dialect."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from llmdash.llms import ChatOpenAI, Failure
from llmdash.llms.transport.http import HttpClient
from llmdash.secrets import Secret
from tests.llms.canned import KEY, Canned, answer, document
from tests.llms.wire.refusals import SPEECH

HIDDEN = "hidden-value-0123456789"


async def sent(dialect: str, **settings: Any) -> Any:
    """The request of one call."""
    speech = SPEECH[dialect]
    transport = Canned(answer(speech.before, speech.piece("Hello"), speech.after))
    llm = speech.make(transport, **settings)
    assert (await llm.agenerate(["hi"])).generations[0][0].text == "Hello"
    return transport.requests[0]


@pytest.mark.case("wire", "headers-query-auth")
@pytest.mark.parametrize("dialect", list(SPEECH))
async def test_headers_go_with_every_request_over_our_own(dialect: str) -> None:
    headers = {"X-Title": "batch", "User-Agent": "mine", "OpenAI-Organization": Secret(HIDDEN)}
    request = await sent(dialect, headers=headers)
    assert request.headers["x-title"] == "batch"
    assert request.headers.get_list("user-agent") == ["mine"]
    assert request.headers["openai-organization"] == HIDDEN
    assert request.headers["content-type"] == "application/json"


@pytest.mark.case("wire", "headers-query-auth")
@pytest.mark.parametrize("dialect", list(SPEECH))
@pytest.mark.parametrize("base_url", ["https://llm.test/v1", "https://llm.test/v1?a=b"])
async def test_a_query_is_added_to_the_address(dialect: str, base_url: str) -> None:
    query = {"api-version": "2024-10-21", "code": Secret(HIDDEN), "x y": "1&2"}
    request = await sent(dialect, query=query, base_url=base_url)
    found = dict(request.url.params)
    assert {name: found[name] for name in query} == {
        "api-version": "2024-10-21",
        "code": HIDDEN,
        "x y": "1&2",
    }
    assert ("a" in found) == ("?" in base_url)


@pytest.mark.case("wire", "headers-query-auth")
@pytest.mark.parametrize("dialect", list(SPEECH))
@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ("bearer", "authorization", f"Bearer {KEY}"),
        ("header:api-key", "api-key", KEY),
        ("header:Authorization", "authorization", KEY),
        ("none", None, None),
    ],
)
async def test_the_key_is_sent_as_asked_for_and_in_no_other_way(
    dialect: str, auth: str, name: str | None, value: str | None
) -> None:
    request = await sent(dialect, auth=auth)
    bearing = {name: value for name, value in request.headers.items() if KEY in value}
    assert bearing == ({} if name is None else {name: value})
    assert (dialect == "messages") == ("anthropic-version" in request.headers)


async def test_without_auth_no_key_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    request = await sent("chat", auth="none", api_key=None)
    assert "authorization" not in request.headers


async def test_the_names_of_the_ecosystem_are_known() -> None:
    request = await sent("chat", default_headers={"x-a": "b"}, default_query={"c": "d"})
    assert (request.headers["x-a"], request.url.params["c"]) == ("b", "d")


@pytest.mark.parametrize("auth", ["", "basic", "header:", "Bearer", "header:a b"])
def test_another_way_to_send_the_key_is_refused(auth: str) -> None:
    with pytest.raises(ValueError, match=r"auth|header") as caught:
        ChatOpenAI("m", api_key=KEY, auth=auth)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("ä", "x"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("x", f"{HIDDEN}\r\nx-evil: 1"),
        ("x", f"{HIDDEN}\0"),
    ],
)
def test_what_can_be_no_header_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        ChatOpenAI("m", api_key=KEY, headers={name: value})
    assert HIDDEN not in str(caught.value)


@pytest.mark.case("engine", "key-echo")
@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"x-own": Secret(HIDDEN)}},
        {"headers": {"Authorization": f"Bearer {HIDDEN}"}},
        {"headers": {"cookie": f"session={HIDDEN}; {HIDDEN}"}},
        {"query": {"code": Secret(HIDDEN)}},
    ],
)
async def test_values_that_are_secret_are_masked_wherever_they_come_back(settings: dict[str, Any]) -> None:
    words = {"error": {"message": f"bad {HIDDEN} in session={HIDDEN};"}}
    transport = Canned(document(words, status=404))
    llm = ChatOpenAI(
        "m",
        api_key=KEY,
        base_url="https://llm.test/v1",
        client=HttpClient(transport=transport),
        max_retries=0,
        **settings,
    )
    with pytest.raises(Failure) as caught:
        await llm.ainvoke("hi")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=False).format())
    assert f"bad {HIDDEN}" not in shown
    for text in (caught.value.message, repr(llm), llm.url, repr(vars(llm).get("_headers"))):
        assert f"bad {HIDDEN}" not in text
        assert f"code={HIDDEN}" not in text
        assert f"Bearer {HIDDEN}" not in text


@pytest.mark.parametrize("dialect", list(SPEECH))
def test_a_request_is_shown_with_variables_for_all_that_is_secret(dialect: str) -> None:
    headers = {"X-Title": "batch", "OpenAI-Organization": Secret(HIDDEN), "X-Auth-Token": "abcdefghijkl"}
    speech = SPEECH[dialect]
    llm = speech.make(Canned(), headers=headers, query={"code": Secret(HIDDEN)})
    picture = llm.picture("say hello", temperature=0.5)
    assert picture is not None
    whole = f"{picture.url} {picture.headers} {picture.body}"
    for secret in (KEY, HIDDEN, "abcdefghijkl"):
        assert secret not in whole
    shown = dict(picture.headers)
    assert any(value.endswith("$API_KEY") for value in shown.values())
    assert shown["openai-organization"] == "$OPENAI_ORGANIZATION"
    assert shown["x-auth-token"] == "$X_AUTH_TOKEN"
    assert shown["x-title"] == "batch"
    body = json.loads(picture.body)
    assert "say hello" in picture.body and body["temperature"] == 0.5


@pytest.mark.parametrize("dialect", list(SPEECH))
def test_a_key_in_a_prompt_is_not_shown_either_and_what_cannot_be_sent_is_no_request(dialect: str) -> None:
    llm = SPEECH[dialect].make(Canned())
    picture = llm.picture(f"my key is {KEY}")
    assert picture is not None and KEY not in picture.body
    assert llm.picture("x", made_of=object()) is None
