"""Deciding fields: what a settings file says about where keys are sent, and which code is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from llmdash.config.keys import is_variable
from llmdash.config.sources import BASE_URL, KEYS_FROM, Entry, Layer
from llmdash.config.toml import TABLES, Table
from llmdash.config.values import shown
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS

__all__ = ["DECIDING", "DecidingFile", "deciding_file", "deciding_table_file", "is_home"]

DECIDING = (
    *(BASE_URL, KEYS_FROM, "promptlayer_api_key_env", "promptlayer_base_url"),
    *("proxy", "headers", "query", "auth", "organization", "project"),
    *("ca_file", "client_cert", "client_key", "allow_insecure", "target", "on_end"),
)
"""The fields that decide where a secret goes, or name code that is run."""

_VARIABLES = (KEYS_FROM, "promptlayer_api_key_env")
_ON_END = "on_end"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class DecidingFile:
    """A settings file that sets deciding fields: its path without links, the fields as they may be shown, and
    the hash of the fields alone, 32 hex digits.
    """

    path: Path
    fields: tuple[str, ...]
    hash: str
    runs_code: bool = False
    """True if the file itself names a command that is run."""


def deciding_table_file(path: Path, layer: Layer) -> DecidingFile | None:
    """Return the deciding fields of a settings file; None if it sets none.

    An endpoint at its dialect's own address, with the dialect's own variable for its keys, decides nothing.
    """
    entry = layer.get(TABLES)
    tables = entry.value if entry is not None and isinstance(entry.value, tuple) else ()
    scopes = [("", layer), *((f"endpoint {_name(table)}: ", table.fields) for table in tables)]
    return deciding_file(
        path, [(scope + name, value) for scope, fields in scopes for name, value in _of_scope(fields)]
    )


def deciding_file(path: Path, found: Iterable[tuple[str, object]]) -> DecidingFile | None:
    """Return the file at `path` with the deciding fields `found`; None if there are none."""
    fields = sorted((name, _canonical(value)) for name, value in found)
    if not fields:
        return None
    import hashlib  # few folders have a file that decides
    import json

    digest = hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:_DIGITS]
    return DecidingFile(
        path.resolve(), tuple(_line(name, value) for name, value in fields), digest, _ON_END in dict(fields)
    )


def is_home(base_url: object, dialect: object) -> bool:
    """Return True for the public address of the dialect's provider."""
    entry = DIALECTS.get(str(dialect).strip().lower())
    return entry is not None and str(base_url).strip().rstrip("/") == entry.base_url


def _of_scope(fields: Layer) -> Iterator[tuple[str, object]]:
    """The deciding fields of a file or a table, unless they are what would hold without them."""
    found = {name: fields[name].value for name in DECIDING if name in fields}
    if found.get("allow_insecure") is False:
        del found["allow_insecure"]
    dialect = fields.get("dialect", Entry(DEFAULT_DIALECT, "")).value
    own = DIALECTS[str(dialect)].provider.key_variables if dialect in DIALECTS else ()
    home = is_home(found[BASE_URL], dialect) if BASE_URL in found else True
    named = found.get(KEYS_FROM)
    names = named if isinstance(named, list) else [] if named is None else [named]
    if set(found) <= {BASE_URL, KEYS_FROM} and home and all(name in own for name in names):
        return
    yield from found.items()


def _name(table: Table) -> str:
    entry = table.fields.get("name")
    return shown(entry.value)[1:-1] if entry is not None else "without a name"


def _canonical(value: object) -> str:
    import json

    return json.dumps(value, sort_keys=True, default=str)


def _line(name: str, value: str) -> str:
    """A field as it may be shown: of variables the name, of values what looks like no key."""
    import json

    found = json.loads(value)
    if name.rpartition(": ")[2] in _VARIABLES:
        names = found if isinstance(found, list) else [found]
        return f"{name} = {', '.join(each if is_variable(str(each)) else '***' for each in names)}"
    if isinstance(found, Mapping):
        return f"{name} = {', '.join(f'{shown(key)[1:-1]}: {_source(each)}' for key, each in found.items())}"
    return f"{name} = {shown(found)}"


def _source(value: object) -> str:
    """A value as it may be shown; of one from a variable the variable."""
    named = value.get("env") if isinstance(value, Mapping) else None
    return f"variable {named}" if is_variable(str(named or "")) else shown(value)
