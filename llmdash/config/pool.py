"""Which endpoints a run uses: those of the `[[endpoint]]` tables, or the one that the other settings make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from llmdash.config.endpoint import EndpointSettings
from llmdash.config.endpoints import (
    parse_endpoints,
    pick,
    promptlayer_key,
    promptlayer_url,
    with_keys,
)
from llmdash.config.extras import EXTRAS, SHARED, TIMEOUTS, Entries, parse_timeouts, with_extras
from llmdash.config.keys import Keys, Variables, keys_in
from llmdash.config.limits import LimitSettings, limit_named
from llmdash.config.options import merged_options
from llmdash.config.precedence import Chosen, checked
from llmdash.config.sources import ENDPOINT, KEYS, KEYS_FROM, PLAIN_NAMES, SHARED_LIMIT, Entry
from llmdash.config.toml import TABLES, Table
from llmdash.config.values import ConfigError, parse_base_url, parse_switch, parse_text
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.transport.timeouts import Timeouts

__all__ = ["Pool", "pool_of"]

_FLAG = "--"
_SINGLE = ("base_url", "model", "dialect")
_ALONE = (*_SINGLE, *EXTRAS)


@dataclass(frozen=True, slots=True)
class Pool:
    """The endpoints, at least one. `alone` is True for the one made without a table."""

    endpoints: tuple[EndpointSettings, ...]
    warnings: tuple[str, ...] = ()
    alone: bool = False


def pool_of(chosen: Chosen, variables: Variables, dialect: str, limits: Sequence[LimitSettings] = ()) -> Pool:
    """Return the endpoints of a run, with their keys; `dialect` is that of the one without tables, `limits`
    are those that an endpoint may share.

    Raises ConfigError.
    """
    tables = chosen.entry(TABLES)
    if tables is None or not isinstance(tables.value, tuple):
        return _alone(chosen, variables, dialect, limits)
    return _of_tables(tables.value, chosen, variables, limits)


def _alone(chosen: Chosen, variables: Variables, dialect: str, limits: Sequence[LimitSettings]) -> Pool:
    asked = chosen.entry(ENDPOINT)
    if asked is not None:
        raise ConfigError(f"{asked.place}: there is no [[endpoint]] to pick from; write one in llmdash.toml")
    if dialect == LANGCHAIN:
        raise ConfigError(
            "dialect langchain needs a model: write an [[endpoint]] in llmdash.toml with target = "
            "'module:attribute'"
        )
    standard = DIALECTS[dialect]
    base_url = chosen.get("base_url", _url(chosen), standard.base_url)
    endpoint = with_extras(
        EndpointSettings(
            name=urlsplit(base_url).netloc,
            dialect=dialect,
            base_url=base_url,
            model=chosen.get("model", parse_text, standard.model),
            promptlayer_key=promptlayer_key(variables) if standard.reports else None,
            promptlayer_base_url=promptlayer_url(variables) if standard.reports else None,
            limit=_limit(chosen.entry(SHARED_LIMIT), limits),
        ),
        chosen.entries,
        variables,
    )
    keys, warnings = _keys(chosen, variables) if endpoint.needs_key else ((), ())
    return Pool((replace(endpoint, keys=keys),), warnings, alone=True)


def _keys(chosen: Chosen, variables: Variables) -> Keys:
    """The keys of the strongest source, or those that `api_key_env` in a settings file points to."""
    given, named = chosen.entry(KEYS), chosen.entry(KEYS_FROM)
    if given is not None:
        return keys_in(given)
    return variables.keys_named_by(named) if named is not None else ((), ())


def _limit(entry: Entry | None, limits: Sequence[LimitSettings]) -> str | None:
    return limit_named(entry, limits) if entry is not None else None


def _of_tables(
    tables: tuple[Table, ...], chosen: Chosen, variables: Variables, limits: Sequence[LimitSettings]
) -> Pool:
    insecure = chosen.get("allow_insecure", parse_switch, False)
    every = parse_endpoints(tables, allow_insecure=insecure)
    picked = pick(every, chosen.entry(ENDPOINT))
    tables_by_name = {endpoint.name: table for endpoint, table in zip(every, tables, strict=True)}
    endpoints: list[EndpointSettings] = []
    warnings: list[str] = []
    for endpoint in _changed_by_flags(picked, chosen):
        table = tables_by_name[endpoint.name]
        limit = table.fields.get("limit", chosen.entry(SHARED_LIMIT))
        endpoint = replace(endpoint, limit=_limit(limit, limits))
        equipped, more = with_keys(_with_extras(endpoint, table, chosen, variables), table, variables)
        endpoints.append(equipped)
        warnings += more
    return Pool(tuple(endpoints), (*warnings, *_ignored(chosen, endpoints)))


def _with_extras(
    endpoint: EndpointSettings, table: Table, chosen: Chosen, variables: Variables
) -> EndpointSettings:
    entries = _entries(table, chosen)
    if any(name in table.fields for name in TIMEOUTS):
        endpoint = replace(endpoint, timeouts=parse_timeouts(entries, Timeouts()))
    if "options" in table.fields:
        endpoint = replace(endpoint, options=merged_options((table.fields["options"],)))
    return endpoint if endpoint.dialect == LANGCHAIN else with_extras(endpoint, entries, variables)


def _entries(table: Table, chosen: Chosen) -> Entries:
    """The command line goes before the table, and the table before what holds for all endpoints."""

    def entries(name: str) -> tuple[Entry, ...]:
        every = chosen.entries(name)
        flags = tuple(entry for entry in every if entry.place.startswith(_FLAG))
        own = (table.fields[name],) if name in table.fields else ()
        shared = tuple(entry for entry in every if entry not in flags)
        return (*flags, *own, *(shared if name in SHARED or name in TIMEOUTS else ()))

    return entries


def _changed_by_flags(picked: tuple[EndpointSettings, ...], chosen: Chosen) -> tuple[EndpointSettings, ...]:
    """The endpoints, with model and address of the command line where there is only one endpoint."""
    flags = {
        name: entry for name in _ALONE if (entry := chosen.entry(name)) and entry.place.startswith(_FLAG)
    }
    if "dialect" in flags:
        raise ConfigError("--dialect: each [[endpoint]] has its own; change it there, or use --endpoint")
    if flags and len(picked) > 1:
        names = ", ".join(endpoint.name for endpoint in picked)
        raise ConfigError(
            f"{next(iter(flags.values())).place}: there are {len(picked)} endpoints ({names}); pick one with "
            "--endpoint NAME"
        )
    if "model" in flags:
        picked = (replace(picked[0], model=checked(flags["model"], parse_text)),)
    if "base_url" in flags:
        if picked[0].dialect == LANGCHAIN:
            raise ConfigError("--base-url: a langchain model brings its own address; leave it out")
        picked = (replace(picked[0], base_url=checked(flags["base_url"], _url(chosen))),)
    return picked


def _ignored(chosen: Chosen, endpoints: list[EndpointSettings]) -> list[str]:
    """Warnings for settings of a single endpoint, which have no effect beside tables.

    The variables of a provider serve other programs too, so they cause no warning.
    """
    names = [
        name
        for name in _ALONE
        if (entry := chosen.entry(name))
        and _is_ours(entry)
        and str(entry.value).strip().rstrip("/") not in _said(endpoints)
    ]
    used = {key for endpoint in endpoints for key in endpoint.keys}
    keys = chosen.entry(KEYS)
    if keys is not None and _is_ours(keys) and not used.intersection(_readable(keys)):
        names.append(KEYS)
    given = [chosen.entry(name) for name in names]
    return [
        f"{entry.place}: has no effect, since llmdash.toml has [[endpoint]] tables"
        for entry in given
        if entry
    ]


def _said(endpoints: list[EndpointSettings]) -> set[str]:
    """The settings that the tables give too, so that no warning is needed."""
    return {text for each in endpoints for text in (each.base_url, each.model, each.dialect)}


def _is_ours(entry: Entry) -> bool:
    return not entry.place.startswith((_FLAG, "OPENAI_", "ANTHROPIC_")) and entry.place not in PLAIN_NAMES


def _readable(entry: Entry) -> tuple[object, ...]:
    try:
        return keys_in(entry)[0]
    except ConfigError:
        return ()


def _url(chosen: Chosen) -> Callable[[object], str]:
    insecure = chosen.get("allow_insecure", parse_switch, False)
    return lambda value: parse_base_url(value, allow_insecure=insecure)
