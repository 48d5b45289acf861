"""The limits that runs share: `[limits.NAME]` tables, and which endpoint uses which."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from llmdash.config.precedence import checked
from llmdash.config.sources import Entry, Layer
from llmdash.config.toml import LIMITS, Table
from llmdash.config.values import ConfigError, parse_number, parse_rate, parse_text, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["LimitSettings", "limit_named", "parse_limits"]

_MAX_TPM = 10_000_000_000


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """A limit of several runs: requests a second and tokens a minute, at least one of them; None is none."""

    name: str
    rate: float | None = None
    tpm: float | None = None


def parse_limits(files: Sequence[Layer]) -> tuple[LimitSettings, ...]:
    """Return the limits that the files define, the stronger file first. Raises ConfigError."""
    found: dict[str, LimitSettings] = {}
    for layer in files:
        entry = layer.get(LIMITS)
        if entry is not None and isinstance(entry.value, Mapping):
            for name, table in entry.value.items():
                found.setdefault(name, _limit(name, table))
    return tuple(found.values())


def _limit(name: str, table: Table) -> LimitSettings:
    try:
        parse_text(name)
    except ConfigError as error:
        raise ConfigError(f"{table.place}: {error}") from None
    rate, tpm = table.fields.get("rate"), table.fields.get("tpm")
    limit = LimitSettings(
        name,
        checked(rate, parse_rate) if rate is not None else None,
        checked(tpm, _parse_tpm) if tpm is not None else None,
    )
    if limit.rate is None and limit.tpm is None:
        raise ConfigError(f'{table.place}: limits nothing; write rate = "60/s", or tpm = 200_000, or both')
    return limit


def _parse_tpm(value: object) -> float:
    return parse_number(value, 1, _MAX_TPM)


def limit_named(entry: Entry, limits: Sequence[LimitSettings]) -> str:
    """Return the name of the limit that an entry names. Raises ConfigError for one that is not defined."""
    name = checked(entry, parse_text)
    known = [limit.name for limit in limits]
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, 1, 0.5)
    fix = f"did you mean {shown(near[0])}?" if near else _definition(name)
    raise ConfigError(f"{entry.place}: {shown(name)} is not a limit; {fix}")


def _definition(name: str) -> str:
    import tomli_w  # nothing else at a start writes TOML

    return f'define it in llmdash.toml: [limits.{tomli_w.dumps({name: 0}).partition(" =")[0]}], rate = "60/s"'
