"""The endpoints of a run: `[[endpoint]]` tables, checked, with the keys of the variables they name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from llmdash.config.endpoint import EndpointSettings
from llmdash.config.extras import EXTRAS
from llmdash.config.keys import Keys, Variables
from llmdash.config.precedence import checked
from llmdash.config.sources import KEYS_FROM, Entry
from llmdash.config.toml import Table
from llmdash.config.values import (
    ConfigError,
    parse_base_url,
    parse_dialect,
    parse_number,
    parse_switch,
    parse_text,
    parse_whole,
    shown,
)
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS, LANGCHAIN
from llmdash.secrets import Secret

__all__ = [
    "PROMPTLAYER_KEY",
    "PROMPTLAYER_URL",
    "parse_endpoints",
    "parse_names",
    "pick",
    "promptlayer_key",
    "promptlayer_url",
    "with_keys",
]

PROMPTLAYER_KEY = "PROMPTLAYER_API_KEY"
PROMPTLAYER_URL = "PROMPTLAYER_BASE_URL"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}")
_TARGET = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_REPORTING = ("promptlayer_api_key_env", "promptlayer_base_url")
_OF_BATCHES = ("batch", "batch_queue_tokens")
_HTTP_ONLY = (
    *(KEYS_FROM, "base_url", "terminal", "allow_insecure", "drop_unsupported", *EXTRAS),
    *("proxy", "ca_file", "client_cert", "client_key", *_OF_BATCHES),
)

T = TypeVar("T")


def parse_endpoints(tables: Sequence[Table], *, allow_insecure: bool) -> tuple[EndpointSettings, ...]:
    """Return the endpoints of the tables, in their order, without keys yet. Raises ConfigError."""
    found: dict[str, EndpointSettings] = {}
    for table in tables:
        endpoint = _endpoint(table, allow_insecure=allow_insecure)
        if endpoint.name.lower() in found:
            place = table.fields["name"].place
            raise ConfigError(
                f"{place}: {shown(endpoint.name)} is taken; give each endpoint a name of its own"
            )
        found[endpoint.name.lower()] = endpoint
    return tuple(found.values())


def _endpoint(table: Table, *, allow_insecure: bool) -> EndpointSettings:
    name = _needed(table, "name", parse_name, "a short one to call it by: name = 'fast'")
    dialect = _get(table, "dialect", parse_dialect, DEFAULT_DIALECT)
    standard = DIALECTS[dialect]
    _refuse_strange(table, dialect)
    insecure = _get(table, "allow_insecure", parse_switch, allow_insecure)
    parse_url = _urls(insecure)
    target = None
    if dialect == LANGCHAIN:
        target = _needed(table, "target", parse_target, "where the model is: target = 'module:attribute'")
    return EndpointSettings(
        name=name,
        dialect=dialect,
        base_url=_get(table, "base_url", parse_url, standard.base_url),
        model=_get(table, "model", parse_text, standard.model or target or ""),
        weight=_get(table, "weight", lambda value: parse_number(value, 0.01, 100), 1.0),
        rpm=_get(table, "rpm", _whole(10_000_000), None),
        tpm=_get(table, "tpm", _whole(10_000_000_000), None),
        concurrency=_get(table, "concurrency", _whole(10_000), None),
        target=target,
        promptlayer_base_url=_get(table, "promptlayer_base_url", parse_url, None),
        terminal_eof=_get(table, "terminal", _parse_terminal, False),
        models=_get(table, "models", _parse_models, ()),
        batch=_get(table, "batch", parse_switch, None),
    )


def with_keys(
    endpoint: EndpointSettings, table: Table, variables: Variables
) -> tuple[EndpointSettings, list[str]]:
    """Return the endpoint with its keys, and warnings about them. Raises ConfigError without keys."""
    if not endpoint.needs_key:
        entry = table.fields.get(KEYS_FROM)
        unused = [f"{entry.place}: has no effect, since auth is none"] if entry is not None else []
        return endpoint, unused
    keys, warnings = _keys(endpoint, table, variables)
    if not DIALECTS[endpoint.dialect].reports:
        return replace(endpoint, keys=keys), list(warnings)
    entry = table.fields.get("promptlayer_api_key_env")
    key = promptlayer_key(variables, entry)
    if key is None:
        raise ConfigError(
            f"{table.place}: has no key for PromptLayer; set {PROMPTLAYER_KEY}, or name the variable that "
            "holds it: promptlayer_api_key_env = 'NAME'"
        )
    url = endpoint.promptlayer_base_url or promptlayer_url(variables)
    return replace(endpoint, keys=keys, promptlayer_key=key, promptlayer_base_url=url), list(warnings)


def _keys(endpoint: EndpointSettings, table: Table, variables: Variables) -> Keys:
    """The keys of the variables named; else, only at the provider's own address, of its own variable."""
    entry = table.fields.get(KEYS_FROM)
    if entry is not None:
        return variables.keys_named_by(entry)
    standard = DIALECTS[endpoint.dialect]
    fix = f"name the variable that holds them: {KEYS_FROM} = 'NAME'"
    if endpoint.base_url != standard.base_url:
        raise ConfigError(f"{table.place}: has no keys; {fix}")
    if variables.find(standard.key_variable) is None:
        raise ConfigError(f"{table.place}: has no keys; set {standard.key_variable}, or {fix}")
    return variables.keys_named_by(Entry(standard.key_variable, table.place))


def promptlayer_key(variables: Variables, entry: Entry | None = None) -> Secret | None:
    """Return the key for PromptLayer, from the variable named or the default one; None if that is not set."""
    if entry is None and variables.find(PROMPTLAYER_KEY) is None:
        return None
    named = entry or Entry(PROMPTLAYER_KEY, PROMPTLAYER_KEY)
    keys, _ = variables.keys_named_by(named)
    if len(keys) > 1:
        raise ConfigError(f"{named.place}: holds {len(keys)} keys; PromptLayer takes one")
    return keys[0]


def promptlayer_url(variables: Variables) -> str | None:
    """Return the URL of PromptLayer if a variable sets it; None means its public address."""
    entry = variables.find(PROMPTLAYER_URL)
    if entry is None:
        return None
    return checked(entry, lambda url: parse_base_url(url, allow_insecure=False))


def pick(endpoints: Sequence[EndpointSettings], entry: Entry | None) -> tuple[EndpointSettings, ...]:
    """Return the endpoints named by `entry`, in the order of the file; without an entry all of them."""
    if entry is None:
        return tuple(endpoints)
    known = {endpoint.name.lower(): endpoint.name for endpoint in endpoints}
    wanted = checked(entry, parse_names)
    for name in wanted:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, 1, 0.5)
            fix = f"did you mean {known[near[0]]}?" if near else f"known are {', '.join(known.values())}"
            raise ConfigError(f"{entry.place}: {shown(name)} is not an endpoint; {fix}")
    chosen = {name.lower() for name in wanted}
    return tuple(endpoint for endpoint in endpoints if endpoint.name.lower() in chosen)


def parse_names(value: object) -> tuple[str, ...]:
    """Return names of endpoints from a list, or from text split by commas. Raises ConfigError."""
    parts = value if isinstance(value, list | tuple) else [value]
    names = [name.strip() for part in parts for name in (part.split(",") if isinstance(part, str) else [""])]
    if not names or not all(names):
        raise ConfigError(f"{shown(value)} is not the name of an endpoint; write the name of an [[endpoint]]")
    return tuple(names)


def parse_name(value: object) -> str:
    """Return a name of 1 to 24 letters, digits, dots, dashes and underscores. Raises ConfigError."""
    text = value.strip() if isinstance(value, str) else ""
    if not _NAME.fullmatch(text) or text.lower().startswith("sk-"):
        raise ConfigError(
            f"{shown(value)} is not a name; write 1 to 24 letters, digits, dots, dashes or underscores"
        )
    return text


def parse_target(value: object) -> str:
    """Return `module:attribute`, both of which may have dots. Raises ConfigError."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) > 200 or not _TARGET.fullmatch(text):
        raise ConfigError(
            f"{shown(value)} does not name a model; write module:attribute, such as my.models:chat"
        )
    return text


def _parse_terminal(value: object) -> bool:
    if value != "eof":
        raise ConfigError(f"{shown(value)} is not a kind of end; write 'eof', or leave it out")
    return True


def _parse_models(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ConfigError(f"{shown(value)} is not a list of models; write models = ['NAME', 'OTHER']")
    return tuple(dict.fromkeys(map(parse_text, names)))


def _refuse_strange(table: Table, dialect: str) -> None:
    """Raises ConfigError for a field that has no effect in this dialect."""
    for name, entry in table.fields.items():
        if name in _REPORTING and not DIALECTS[dialect].reports:
            raise ConfigError(
                f"{entry.place}: belongs to the promptlayer dialects; leave it out of {dialect}"
            )
        if name in _OF_BATCHES and DIALECTS[dialect].reports and entry.value not in (False, "false"):
            raise ConfigError(f"{entry.place}: nothing is sent in batches through PromptLayer; leave it out")
        if name == "target" and dialect != LANGCHAIN:
            raise ConfigError(f"{entry.place}: belongs to dialect = '{LANGCHAIN}'; leave it out of {dialect}")
        if name in _HTTP_ONLY and dialect == LANGCHAIN:
            raise ConfigError(f"{entry.place}: a {LANGCHAIN} model brings that itself; leave it out")


def _needed(table: Table, field: str, parse: Callable[[object], T], fix: str) -> T:
    entry = table.fields.get(field)
    if entry is None:
        raise ConfigError(f"{table.place}: has no {field}; write {fix}")
    return checked(entry, parse)


def _get(table: Table, field: str, parse: Callable[[object], T], default: T) -> T:
    entry = table.fields.get(field)
    return default if entry is None else checked(entry, parse)


def _urls(insecure: bool) -> Callable[[object], str]:
    return lambda value: parse_base_url(value, allow_insecure=insecure)


def _whole(high: int) -> Callable[[object], int]:
    return lambda value: parse_whole(value, 1, high)
