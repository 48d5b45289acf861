"""The settings `reuse` and `dedupe`: which answers need not be asked for."""

from __future__ import annotations

from llmdash.config.values import ConfigError, parse_switch, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["ReuseSettings", "parse_dedupe", "parse_reuse"]

ALL, ANY = "all", "any"


@dataclass(frozen=True, slots=True)
class ReuseSettings:
    """`runs` are the names of the kept runs whose answers are taken; none of them means all there are. With
    `sampled` answers are taken too that might have been others: where the temperature is not 0.
    """

    runs: tuple[str, ...] = ()
    sampled: bool = False


def parse_reuse(value: object) -> ReuseSettings | None:
    """Return what `true`, `all`, `any`, the name of a run, or a list of these, means; None for `false`.

    Raises ConfigError.
    """
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",")]
    names = list(value) if isinstance(value, list | tuple) else [value]
    runs = []
    for name in names:
        if not _is_switch(name) and name not in (ALL, ANY):
            if not isinstance(name, str) or not name or "\0" in name:
                raise ConfigError(f"{shown(name)} is no run; write all, any, or the name of a kept run")
            runs.append(name)
        elif _is_switch(name) and not parse_switch(name):
            return None
    return ReuseSettings(tuple(dict.fromkeys(runs)), ANY in names)


def parse_dedupe(value: object) -> ReuseSettings | None:
    """Return what `true` or `any` means; None for `false`. Raises ConfigError."""
    if value in (ALL, ANY):
        return ReuseSettings(sampled=value == ANY)
    return ReuseSettings() if parse_switch(value) else None


def _is_switch(value: object) -> bool:
    try:
        parse_switch(value)
    except ConfigError:
        return False
    return True
