"""What an error of the transport says about the next attempt."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from llmdash.llms.transport.bodies import CannotRead
from llmdash.llms.transport.decoding import CannotDecode
from llmdash.llms.transport.received import TransportError
from llmdash.llms.wire.failures import PROXY_LOGIN, Failure, FailureKind

__all__ = ["TRANSPORT_ERRORS", "failure_of"]

_LOCAL_ERRNOS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENOBUFS,
    errno.EADDRNOTAVAIL,
}
TRANSPORT_ERRORS = (
    TransportError,
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    ValueError,
)
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)  # OpenSSL's codes for chains that end in no known certificate
_CLIENT_CERTIFICATE = re.compile(r"_ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)$")
"""OpenSSL's names for what a server says to a client without a certificate, or with one it does not take."""
_NO_CONNECTION = (
    aiohttp.ClientHttpProxyError,
    aiohttp.ClientConnectorError,  # refused, unreachable, no name, a certificate
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientSSLError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    socket.gaierror,
    ssl.SSLError,
)


def failure_of(error: Exception, status: int | None = None) -> Failure:
    """The Failure for whatever the transport raised; often only its cause tells the cases apart."""
    cause = error.__cause__ or error if isinstance(error, TransportError) else error
    kind, message = _meaning(error, cause)
    return Failure(kind, message, status=status, reached=status is not None or _reached(error, cause))


def _reached(error: Exception, cause: BaseException) -> bool:
    """False if the request cannot have got to the endpoint."""
    if isinstance(error, _NO_CONNECTION) or isinstance(cause, _NO_CONNECTION) or _alert_about_client(cause):
        return False
    if isinstance(cause, CannotRead):
        return False  # the rest of the request never came
    return not (isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS)


def _meaning(error: Exception, cause: BaseException) -> tuple[FailureKind, str]:
    if isinstance(cause, CannotRead):
        return FailureKind.LOCAL, str(cause)
    if isinstance(cause, CannotDecode):
        return FailureKind.TRANSIENT, str(cause)
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return _meaning_of_proxy(cause)
    if alert := _alert_about_client(cause):
        passes = alert == "handshake failure"  # it may have other reasons
        words = (
            f"the server ends TLS ({alert}); where it wants a client certificate, name that in client_cert"
        )
        return FailureKind.TRANSIENT if passes else FailureKind.CONFIG, f"{words} and client_key"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return _meaning_of_tls(cause)
    if isinstance(cause, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return FailureKind.CONFIG, f"not a usable address: {cause}; check base_url"
    if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return FailureKind.LOCAL, f"no address found{_why(cause, 'for')}; check the network, and base_url"
    if isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS:
        return FailureKind.LOCAL, f"this machine cannot connect{_why(cause, 'to')}"
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return FailureKind.TRANSIENT, "the server closed the connection without an answer"
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return FailureKind.TRANSIENT, f"no connection in time: {cause}"
    if isinstance(cause, aiohttp.ClientPayloadError):
        return FailureKind.TRANSIENT, "truncated: the connection broke before the answer was whole"
    if isinstance(cause, HttpProcessingError):
        return FailureKind.TRANSIENT, f"the answer breaks HTTP: {_without_content(cause.message)}"
    if isinstance(cause, ValueError):
        words = "the answer breaks HTTP: its head holds characters that may not be there"
        return FailureKind.TRANSIENT, words
    if isinstance(cause, aiohttp.ClientProxyConnectionError):
        return FailureKind.TRANSIENT, f"cannot connect to the proxy{_why(cause)}; check the proxy setting"
    if isinstance(cause, aiohttp.ClientConnectorError):
        return FailureKind.TRANSIENT, f"cannot connect{_why(cause, 'to')}"
    return FailureKind.TRANSIENT, ": ".join(part for part in (type(cause).__name__, str(cause)) if part)


def _meaning_of_tls(cause: BaseException) -> tuple[FailureKind, str]:
    found: object = cause
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        found = cause.certificate_error
    elif isinstance(cause, aiohttp.ClientConnectorError):
        found = cause.os_error
    if isinstance(found, ssl.CertificateError) and found.verify_code in _UNKNOWN_ISSUER:
        words = f"the TLS certificate is not trusted{_why(cause)}; where a proxy inspects TLS, name its"
        return FailureKind.CONFIG, f"{words} certificate in the ca_file setting or in SSL_CERT_FILE"
    if isinstance(found, ssl.CertificateError):
        return FailureKind.CONFIG, f"the TLS certificate is not trusted{_why(cause)}; check base_url"
    if isinstance(found, ssl.SSLError) and found.reason == "WRONG_VERSION_NUMBER":
        place = f" at {cause.host}:{cause.port}" if isinstance(cause, aiohttp.ClientConnectorError) else ""
        return FailureKind.CONFIG, f"no TLS spoken{place}; does base_url need http:// ?"
    return FailureKind.TRANSIENT, f"TLS failed{_why(cause)}"


def _alert_about_client(cause: BaseException) -> str:
    """What the server says of the client's certificate; empty if that is not the matter. In TLS 1.3 it says
    so after the handshake, as an error of the connection.
    """
    found = cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else cause.__cause__ or cause
    alert = _CLIENT_CERTIFICATE.search(getattr(found, "reason", None) or "")
    return alert[1].lower().replace("_", " ") if alert is not None else ""


def _meaning_of_proxy(cause: aiohttp.ClientHttpProxyError) -> tuple[FailureKind, str]:
    if cause.status == 407:
        return FailureKind.CONFIG, PROXY_LOGIN
    kind = FailureKind.CONFIG if 400 <= cause.status < 500 else FailureKind.TRANSIENT
    return kind, f"the proxy refuses to connect to the server ({cause.status}); check the proxy setting"


def _without_content(words: str) -> str:
    """What is wrong with an answer, without the bytes of it that aiohttp shows, cut anywhere."""
    first = words.strip().partition("\n")[0]
    return re.split(r":?\s*b?['\"]|:$", first)[0][:200] or "not as it should be"


def _why(cause: BaseException, preposition: str = "at") -> str:
    """` at host:port (reason)`, as far as it is known: aiohttp's own words name its inner parts as well."""
    place, reason = "", cause
    if isinstance(cause, aiohttp.ClientConnectorError):
        place, reason = f" {preposition} {cause.host}:{cause.port}", cause.os_error
    elif isinstance(cause, aiohttp.ClientConnectorCertificateError):
        place, reason = f" {preposition} {cause.host}:{cause.port}", cause.certificate_error
    words = getattr(reason, "verify_message", None) or _system_words(reason) or str(reason)
    return f"{place} ({words})"


def _system_words(error: BaseException) -> str:
    """The system's words for an error of the network; asyncio puts its own in their place."""
    if not isinstance(error, OSError) or error.errno is None:
        return ""
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    return os.strerror(error.errno).lower() if error.errno > 0 else ""
