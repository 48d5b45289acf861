"""Which proxy stands before an address: none, one that is given, or what the environment says."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from llmdash.secrets import Secret

__all__ = ["ENVIRONMENT", "checked", "masked", "proxy_for", "secrets_of"]

ENVIRONMENT = "environment"
"""In place of an address: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` decide."""


_bypass: Callable[[str, dict[str, str]], bool] = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]


def proxy_for(setting: str | None, scheme: str, host: str, port: int | None) -> str | None:
    """Return the address of the proxy for a request to `host`, None for a direct connection."""
    if setting != ENVIRONMENT:
        return setting
    proxies = urllib.request.getproxies_environment()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or _is_excepted(host, port, proxies):
        return None
    return checked(found)


def _is_excepted(host: str, port: int | None, proxies: dict[str, str]) -> bool:
    """`NO_PROXY` holds names, their endings, `name:port`, addresses, networks (`10.0.0.0/8`), or `*`."""
    bare = host.strip("[]")
    names = (bare, f"{bare}:{port}")
    if any(_bypass(name, proxies) for name in names):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    return any(address in network for network in _networks(proxies.get("no", "")))


def _networks(exceptions: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for one in exceptions.split(","):
        try:
            yield ipaddress.ip_network(one.strip().strip("[]"), strict=False)
        except ValueError:
            continue


def checked(proxy: str) -> str:
    """Return the proxy's address with its scheme. Raises ValueError, which has no login in it."""
    full = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(full)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"proxy {masked(full)}: give http://host:port, https://host:port or {ENVIRONMENT!r}")
    return full


def masked(proxy: str) -> str:
    """Return the proxy's address without the login in it.

    >>> masked("http://me:secret@proxy.test:3128")
    'http://...@proxy.test:3128'
    """
    scheme, mark, rest = proxy.rpartition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}{mark}...@{place}" if at and login else proxy


def secrets_of(proxy: str) -> list[Secret]:
    """Return the password in the proxy's address, and login and password, as they may come back."""
    parts = urlsplit(proxy)
    if not parts.password:
        return []
    user, password = parts.username or "", parts.password
    forms = {password, unquote(password), f"{unquote(user)}:{unquote(password)}"}
    found = []
    for form in sorted(forms, key=len, reverse=True):
        try:
            found.append(Secret(form))
        except ValueError:
            continue  # no header can hold it
    return found
