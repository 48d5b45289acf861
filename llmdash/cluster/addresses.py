"""Addresses of schedulers, and what protects a connection to one."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from llmdash.lean_dataclass import dataclass

__all__ = ["AddressError", "TlsFiles", "host_of", "is_loopback", "scheduler_address"]

_PROTOCOLS = ("tcp", "tls")


class AddressError(ValueError):
    """An address that cannot be used: the text says why, and the fix."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of an encrypted connection, in PEM: who is trusted, and who this side is."""

    ca: Path
    cert: Path
    key: Path


def scheduler_address(given: str, *, tls: TlsFiles | None, insecure: bool) -> str:
    """Return `protocol://host:port`; without a protocol it is `tls` if there are files for it, else `tcp`.

    Raises AddressError for anything else, and for an unencrypted connection to another machine unless
    `insecure` allows it.
    """
    text = given if "://" in given else f"{'tls' if tls else 'tcp'}://{given}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in _PROTOCOLS or not host or not port or parts.path.strip("/") or parts.username:
        raise AddressError(f"{given!r} is not the address of a scheduler; write one such as tls://host:8786")
    if parts.scheme == "tls" and tls is None:
        raise AddressError(f"{text} needs certificates: --tls-ca FILE --tls-cert FILE --tls-key FILE")
    if parts.scheme == "tcp" and tls is not None:
        raise AddressError(
            f"{text} is not encrypted, so the certificates are of no use; write tls://{parts.netloc}"
        )
    if parts.scheme == "tcp" and not insecure and not is_loopback(host):
        raise AddressError(
            f"{text}: prompts and answers would cross the network unencrypted, and anyone who reaches a "
            "worker can run code there; use tls://, or add --allow-insecure in a network you trust"
        )
    return text


def is_loopback(host: str) -> bool:
    """True for this machine's own addresses that no other can reach, by number or as `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(address: str) -> str:
    """Return the host in `protocol://host:port`; empty where there is none."""
    return urlsplit(address).hostname or ""
