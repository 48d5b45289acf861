"""What an endpoint may have beyond address, model and keys: options, headers, query, auth, proxy, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from llmdash.config.connection import (
    ConnectionSettings,
    headers_in,
    parse_auth,
    parse_proxy,
    query_in,
    readable_file,
)
from llmdash.config.endpoint import EndpointSettings
from llmdash.config.keys import Variables
from llmdash.config.precedence import checked
from llmdash.config.sources import Entry
from llmdash.config.values import ConfigError, parse_number, parse_switch, parse_text, parse_whole
from llmdash.llms.dialects import DIALECTS, OPENAI
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret

__all__ = ["EXTRAS", "SHARED", "TIMEOUTS", "Entries", "parse_timeouts", "with_extras"]

SHARED = ("proxy", "ca_file", "client_cert", "client_key", "drop_unsupported", "batch_queue_tokens")
"""Settings of a whole file that hold for each of its endpoints which does not set them itself."""

EXTRAS = ("headers", "query", "auth", "organization", "project")
"""Settings of one endpoint, which have no effect beside tables."""

TIMEOUTS = ("connect_timeout", "first_byte_timeout", "stall_timeout", "total_timeout")
"""The time limits, in seconds."""

_ACCOUNT = {"organization": "OpenAI-Organization", "project": "OpenAI-Project"}

Entries = Callable[[str], tuple[Entry, ...]]
"""Returns the entries for a setting, from strong to weak."""

T = TypeVar("T")


def with_extras(endpoint: EndpointSettings, entries: Entries, variables: Variables) -> EndpointSettings:
    """Return the endpoint with what `entries` has for it. Raises ConfigError."""
    _refuse_certificates(entries)
    return replace(
        endpoint,
        headers=_account(endpoint, entries, variables) | _merged(entries("headers"), variables, headers_in),
        query=_merged(entries("query"), variables, query_in),
        auth=_first(entries, "auth", parse_auth, None),
        connection=ConnectionSettings(
            proxy=_proxy(entries),
            ca_file=_first(entries, "ca_file", readable_file, None),
            client_cert=_first(entries, "client_cert", readable_file, None),
            client_key=_first(entries, "client_key", readable_file, None),
        ),
        drop_unsupported=_first(entries, "drop_unsupported", parse_switch, False),
        batch_queue_tokens=_first(entries, "batch_queue_tokens", _queue_tokens, None),
    )


def _queue_tokens(value: object) -> int:
    return parse_whole(value, 1, 10_000_000_000)


def _proxy(entries: Entries) -> str | Secret | None:
    proxy = _first(entries, "proxy", parse_proxy, None)
    if isinstance(proxy, Secret) and (place := entries("proxy")[0].place).startswith("--"):
        raise ConfigError(f"{place}: others can see a password on a command line; put it into LLMDASH_PROXY")
    return proxy


def _refuse_certificates(entries: Entries) -> None:
    """Raises ConfigError for a key without its certificate."""
    key = entries("client_key")
    if key and not entries("client_cert"):
        raise ConfigError(f"{key[0].place}: has no certificate beside it; set client_cert too")


def _first(entries: Entries, name: str, parse: Callable[[object], T], default: T) -> T:
    found = entries(name)
    return checked(found[0], parse) if found else default


def _merged(
    entries: tuple[Entry, ...],
    variables: Variables,
    parse: Callable[[Entry, Variables], Mapping[str, str | Secret]],
) -> dict[str, Any]:
    """The values of all entries, the stronger over the weaker, whatever the case of their names."""
    found: dict[str, tuple[str, str | Secret]] = {}
    for entry in reversed(entries):
        found |= {name.lower(): (name, value) for name, value in parse(entry, variables).items()}
    return dict(found.values())


def _account(endpoint: EndpointSettings, entries: Entries, variables: Variables) -> dict[str, Any]:
    """The headers of organization and project."""
    found: dict[str, Any] = {}
    for setting, header in _ACCOUNT.items():
        given = entries(setting)
        if not given:
            continue
        if DIALECTS[endpoint.dialect].provider is not OPENAI:
            raise ConfigError(f"{given[0].place}: belongs to OpenAI's dialects; leave it out")
        value = given[0].value
        named = value.get("env") if isinstance(value, Mapping) else None
        found[header] = (
            variables.secret_named_by(named, given[0].place)
            if named is not None
            else checked(given[0], parse_text)
        )
    return found


def parse_timeouts(entries: Entries, standard: Timeouts) -> Timeouts:
    """Return the time limits that are given, and those of `standard` for the others. Raises ConfigError."""

    def seconds(value: object) -> float:
        return parse_number(value, 0.1, 86_400)

    return Timeouts(
        connect=_first(entries, "connect_timeout", seconds, standard.connect),
        first_byte=_first(entries, "first_byte_timeout", seconds, standard.first_byte),
        stall=_first(entries, "stall_timeout", seconds, standard.stall),
        total=_first(entries, "total_timeout", seconds, standard.total),
    )
