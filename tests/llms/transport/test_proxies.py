"""Requests through a proxy: one that is given, one of the environment, one that refuses."""

from __future__ import annotations

import base64

import pytest

from llmdash.llms import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.proxies import masked, proxy_for, secrets_of
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Secret
from tests.llms.canned import DONE, KEY, chunk
from tests.llms.raw_server import chunked, raw_server, refusing, send
from tests.llms.transport.gateway import PRIVATE_CA, gateway, private_server

WHOLE = send(chunked(chunk("Hello", "stop"), DONE))
PASSWORD = "p@ss-word-0123456789"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def ask(base_url: str, proxy: str | Secret | None, ca_file: str | None = None) -> str:
    client = HttpClient(proxy=proxy, ca_file=ca_file)
    llm = ChatOpenAI("m", api_key=KEY, base_url=base_url, client=client, max_retries=0)
    try:
        return (await llm.ainvoke("hi")).text
    finally:
        await client.aclose()


async def failure_of(base_url: str, proxy: str | Secret) -> Failure:
    with pytest.raises(Failure) as caught:
        await ask(base_url, proxy)
    return caught.value


@pytest.mark.case("wire", "proxy-ca")
@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}"])
async def test_a_plain_request_goes_to_the_proxy_in_absolute_form(form: str) -> None:
    async with raw_server(WHOLE) as server, gateway() as between:
        assert await ask(server.base_url, form.format(between.port)) == "Hello"
    assert between.seen == [f"POST {server.base_url}/chat/completions HTTP/1.1"]


@pytest.mark.case("wire", "proxy-ca")
async def test_a_request_with_tls_goes_through_a_tunnel_that_sees_no_key() -> None:
    async with raw_server(WHOLE, tls=private_server()) as server, gateway() as between:
        answer = await ask(server.base_url, f"http://127.0.0.1:{between.port}", str(PRIVATE_CA))
    assert answer == "Hello"
    assert between.seen == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"]


@pytest.mark.parametrize("tls", [True, False])
async def test_the_login_in_the_address_is_sent_to_the_proxy_alone(*, tls: bool) -> None:
    context = private_server() if tls else False
    async with raw_server(WHOLE, tls=context) as server, gateway() as between:
        proxy = Secret(f"http://me:p%40ss-word-0123456789@127.0.0.1:{between.port}")
        assert await ask(server.base_url, proxy, str(PRIVATE_CA)) == "Hello"
    assert between.logins == ["Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()]
    assert tls == (b"proxy-authorization" not in server.requests[0].lower())


@pytest.mark.parametrize("tls", [True, False])
async def test_a_proxy_that_asks_for_a_login_is_a_matter_of_settings(*, tls: bool) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    async with gateway(refusal) as between:
        failure = await failure_of(f"http{'s' * tls}://llm.test/v1", f"http://127.0.0.1:{between.port}")
    assert failure.kind is FailureKind.CONFIG
    assert "user:password@" in failure.message
    assert failure.reached is not tls


@pytest.mark.parametrize(("status", "kind"), [(403, FailureKind.CONFIG), (502, FailureKind.TRANSIENT)])
async def test_a_tunnel_that_is_refused_blames_the_proxy_and_not_the_key(
    status: int, kind: FailureKind
) -> None:
    async with gateway(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status) as between:
        failure = await failure_of("https://llm.test/v1", f"http://127.0.0.1:{between.port}")
    assert (failure.kind, failure.reached) == (kind, False)
    assert f"({status})" in failure.message


async def test_a_proxy_that_is_not_there_is_named() -> None:
    with refusing() as port:
        failure = await failure_of("http://llm.test/v1", f"http://127.0.0.1:{port}")
    assert (failure.kind, failure.reached) == (FailureKind.TRANSIENT, False)
    assert "proxy" in failure.message
    assert f"127.0.0.1:{port}" in failure.message


async def test_the_password_of_a_proxy_is_never_shown_even_when_the_server_repeats_it() -> None:
    login = base64.b64encode(f"me:{PASSWORD}".encode())
    body = b'{"error": {"message": "who is ' + PASSWORD.encode() + b" or " + login + b'?"}}'
    refusal = b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with gateway(refusal) as between:
        proxy = f"http://me:p%40ss-word-0123456789@127.0.0.1:{between.port}"
        failure = await failure_of("http://llm.test/v1", proxy)
    assert "who is ..." in failure.message
    assert PASSWORD not in failure.message
    assert login.decode() not in failure.message


@pytest.mark.parametrize("proxy", ["socks5://me:pw-secret@x:1", "http://", "ftp://x:1", "http://x:99999999"])
def test_what_cannot_be_a_proxy_is_refused_without_its_login(proxy: str) -> None:
    with pytest.raises(ValueError, match="proxy") as caught:
        HttpClient(proxy=proxy)
    assert "secret" not in str(caught.value)


def test_the_login_of_an_address_is_masked_and_known_as_secret() -> None:
    assert masked("http://me:pw@x:1") == "http://...@x:1"
    assert masked("http://x:1") == "http://x:1"
    assert [secret.reveal() for secret in secrets_of("http://me:p%40w@x:1")] == ["me:p@w", "p%40w", "p@w"]
    assert [secret.reveal() for secret in secrets_of("http://me:a%20b@x:1")] == ["a%20b"]
    assert secrets_of("http://me@x:1") == []


@pytest.mark.case("wire", "proxy-ca")
async def test_the_proxy_of_the_environment_is_used_only_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with raw_server(WHOLE) as server, gateway() as between:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{between.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{between.port}")
        assert await ask(server.base_url, None) == "Hello"
        assert between.seen == []
        assert await ask(server.base_url, "environment") == "Hello"
        assert len(between.seen) == 1
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        assert await ask(server.base_url, "environment") == "Hello"
        assert len(between.seen) == 1


@pytest.mark.parametrize(
    ("exceptions", "scheme", "host", "through"),
    [
        ("", "https", "api.test", True),
        ("", "http", "api.test", False),
        ("*", "https", "api.test", False),
        ("api.test", "https", "api.test", False),
        (".test, other", "https", "api.test", False),
        ("test", "https", "api.test", False),
        ("api.test:443", "https", "api.test", False),
        ("api.test:8443", "https", "api.test", True),
        ("10.0.0.0/8", "https", "10.1.2.3", False),
        ("10.0.0.0/8", "https", "11.1.2.3", True),
        ("::1,fd00::/8", "https", "fd00::7", False),
        ("10.0.0.0/99, nonsense/8", "https", "10.1.2.3", True),
    ],
)
def test_no_proxy_holds_names_endings_ports_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, scheme: str, host: str, *, through: bool
) -> None:
    monkeypatch.setenv("https_proxy", "proxy.test:3128")
    monkeypatch.setenv("no_proxy", exceptions)
    found = proxy_for("environment", scheme, host, 443)
    assert found == ("http://proxy.test:3128" if through else None)


def test_one_variable_may_name_the_proxy_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:1")
    assert proxy_for("environment", "http", "x.test", 80) == "http://proxy.test:1"
