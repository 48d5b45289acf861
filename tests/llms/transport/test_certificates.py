"""Which certificates are trusted, and which one is shown."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import aiohttp
import pytest

from llmdash.llms import ChatOpenAI
from llmdash.llms.transport import http_failures
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, KEY, chunk
from tests.llms.raw_server import CERTIFICATE, chunked, raw_server, send
from tests.llms.transport.gateway import CLIENT, LOCKED_KEY, PRIVATE_CA, gateway, private_server

WHOLE = send(chunked(chunk("Hello", "stop"), DONE))


async def ask(base_url: str, **files: str) -> str:
    client = HttpClient(**files)  # type: ignore[arg-type]
    llm = ChatOpenAI("m", api_key=KEY, base_url=base_url, client=client, max_retries=0)
    try:
        return (await llm.ainvoke("hi")).text
    finally:
        await client.aclose()


async def failure_of(base_url: str, **files: str) -> Failure:
    with pytest.raises(Failure) as caught:
        await ask(base_url, **files)
    return caught.value


@pytest.mark.case("wire", "tls-inspection")
@pytest.mark.parametrize("tls", [private_server, lambda: True])
async def test_an_unknown_issuer_names_the_setting_and_the_variable_for_its_certificate(tls: object) -> None:
    context = tls() if callable(tls) else True
    async with raw_server(WHOLE, tls=context) as server:
        failure = await failure_of(server.base_url)
        assert server.requests == []
    assert (failure.kind, failure.reached) == (FailureKind.CONFIG, False)
    assert "ca_file" in failure.message
    assert "SSL_CERT_FILE" in failure.message
    assert f"127.0.0.1:{server.port}" in failure.message


@pytest.mark.case("wire", "proxy-ca")
async def test_an_authority_of_ones_own_is_trusted_beside_those_of_the_system() -> None:
    async with raw_server(WHOLE, tls=private_server()) as server:
        assert await ask(server.base_url, ca_file=str(PRIVATE_CA)) == "Hello"


@pytest.mark.case("wire", "tls-inspection")
async def test_the_variable_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PRIVATE_CA))
    async with raw_server(WHOLE, tls=private_server()) as server:
        assert await ask(server.base_url) == "Hello"


async def test_a_certificate_for_another_name_is_a_matter_of_the_address() -> None:
    async with raw_server(WHOLE, tls=True) as server, gateway(inner_port=server.port) as between:
        proxy = f"http://127.0.0.1:{between.port}"
        failure = await failure_of("https://llm.test/v1", ca_file=str(CERTIFICATE), proxy=proxy)
    assert failure.kind is FailureKind.CONFIG
    assert "check base_url" in failure.message


@pytest.mark.case("wire", "proxy-ca")
async def test_the_own_certificate_is_shown_to_a_server_that_asks() -> None:
    async with raw_server(WHOLE, tls=private_server(asks_for_certificate=True)) as server:
        files = {"ca_file": str(PRIVATE_CA), "client_cert": str(CLIENT)}
        assert await ask(server.base_url, **files) == "Hello"
        assert await ask(server.base_url, **files, client_key=str(CLIENT)) == "Hello"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", FailureKind.CONFIG),
        ("SSLV3_ALERT_BAD_CERTIFICATE", FailureKind.CONFIG),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", FailureKind.CONFIG),
        ("TLSV1_ALERT_UNKNOWN_CA", FailureKind.CONFIG),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", FailureKind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("during_handshake", [True, False])
def test_a_server_that_wants_a_client_certificate_names_the_settings_for_it(
    reason: str, kind: FailureKind, *, during_handshake: bool
) -> None:
    alert = ssl.SSLError(1, f"[SSL: {reason}] tls alert (_ssl.c:1)")
    alert.reason = reason
    error: Exception = alert
    if not during_handshake:
        error = aiohttp.ClientOSError(*alert.args)
        error.__cause__ = alert
    failure = http_failures.failure_of(error)
    assert (failure.kind, failure.reached) == (kind, False)
    assert "client_cert and client_key" in failure.message


@pytest.mark.parametrize(
    ("setting", "file", "why"),
    [
        ("ca_file", "missing.pem", "(No such file or directory); check its path and mode"),
        ("ca_file", os.devnull, "(no usable PEM); name a file of certificates"),
        ("client_cert", "missing.pem", "(No such file or directory); check its path and mode"),
        ("client_cert", str(PRIVATE_CA), "(no usable PEM); name its key in client_key, unless it is in it"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(setting: str, file: str, why: str) -> None:
    failure = await failure_of("https://127.0.0.1:1/v1", **{setting: file})
    assert (failure.kind, failure.reached) == (FailureKind.CONFIG, False)
    assert failure.message == f"{setting} {file} cannot be used {why}"


async def test_a_key_behind_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(CLIENT.read_text().partition("-----BEGIN PRIVATE")[0])
    files = {"client_cert": str(certificate), "client_key": str(LOCKED_KEY)}
    failure = await failure_of("https://127.0.0.1:1/v1", **files)
    assert failure.kind is FailureKind.CONFIG
    assert str(LOCKED_KEY) in failure.message


def test_the_context_checks_names() -> None:
    from llmdash.llms.transport.certificates import Certificates

    context = Certificates().context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
