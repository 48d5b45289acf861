"""Who may reach the page and its viewers: nobody without the token, and no page of anybody else."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.web.programs import TOKEN, app_of

HOST = "127.0.0.1:8000"
ADDRESS = f"http://{HOST}"

FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "",
    "[::1]",
)
FOREIGN_ORIGINS = (
    "http://evil.example",
    "http://127.0.0.1:9000",
    "http://127.0.0.1",
    "http://localhost:8000",
    "https://127.0.0.1:8000",
    "null",
    "",
)


@pytest.fixture
def client() -> TestClient:
    return client_of(app_of())


def client_of(app: Starlette) -> TestClient:
    """A client on this machine that is no browser: it names no origin but where it is told."""
    return TestClient(app, base_url=ADDRESS)


@pytest.mark.parametrize("host", [HOST, "localhost:8000", "localhost", "127.0.0.1:1"])
def test_the_page_is_shown_under_the_names_of_this_machine(client: TestClient, host: str) -> None:
    """Any port: a tunnel (`ssh -L`) has another one than the server."""
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 200
    assert f"ws://{host};" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/", "/alive", "/page.js"])
def test_a_name_that_only_leads_here_gets_nothing(client: TestClient, host: str, path: str) -> None:
    """DNS rebinding: the name is an attacker's, its address this machine."""
    assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_page_of_another_origin_gets_nothing(client: TestClient, origin: str) -> None:
    assert client.get("/", headers={"Origin": origin}).status_code == 403


def refusal(client: TestClient, subprotocols: list[str] | None, headers: dict[str, str]) -> int:
    """The status of a socket that is refused."""
    refused = pytest.raises(WebSocketDisconnect)
    address = f"ws://{HOST}/viewer"
    with refused as error, client.websocket_connect(address, subprotocols=subprotocols, headers=headers):
        pass
    return int(error.value.code)


@pytest.mark.parametrize(
    "subprotocols",
    [
        None,
        ["llmdash"],
        ["llmdash", "wrong"],
        ["llmdash", ""],
        ["llmdash", TOKEN[:-1]],
        ["other", TOKEN],
        [TOKEN],
    ],
    ids=str,
)
def test_a_socket_without_the_token_is_refused(client: TestClient, subprotocols: list[str] | None) -> None:
    assert refusal(client, subprotocols, {"Origin": ADDRESS}) == 1008


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_socket_of_another_origin_is_refused_though_it_knows_the_token(
    client: TestClient, origin: str
) -> None:
    assert refusal(client, ["llmdash", TOKEN], {"Origin": origin}) == 1008


def test_a_socket_that_names_no_origin_is_refused(client: TestClient) -> None:
    assert refusal(client, ["llmdash", TOKEN], {}) == 1008


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_socket_under_a_name_that_only_leads_here_is_refused(client: TestClient, host: str) -> None:
    assert refusal(client, ["llmdash", TOKEN], {"Host": host, "Origin": f"http://{host}"}) == 1008


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/textual.js", "/xterm.css", "/mono.ttf"])
def test_what_the_page_is_made_of_holds_no_token_and_is_kept_to_itself(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert TOKEN.encode() not in answer.content
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy


def test_nothing_else_is_there_and_nothing_can_be_sent(client: TestClient) -> None:
    assert client.get("/alive").status_code == 204
    for path in ("/..%2fapp.py", "/static/page.html", "/js/textual.js", "/viewer"):
        assert client.get(path).status_code == 404
    assert client.post("/").status_code == 405


def test_the_title_is_text() -> None:
    page = client_of(app_of(title="</title><script>alert(1)</script>")).get("/").text
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>" in page
