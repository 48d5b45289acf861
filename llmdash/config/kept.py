"""Settings of kept runs: what is kept of a run, how much room runs may take, and whether to make it."""

from __future__ import annotations

import re

from llmdash.config.precedence import Chosen
from llmdash.config.values import ConfigError, parse_name, parse_switch, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["KEEPS", "KEPT", "KeptSettings", "kept_settings", "parse_age", "parse_bytes", "parse_keep"]

KEEP, KEPT_BYTES, PRUNE = "keep", "kept_bytes", "prune"
KEPT = (KEEP, KEPT_BYTES, PRUNE)
"""The names of the settings."""

KEEPS = ("none", "answers", "all")
"""What the folder of a run may keep: no texts, answers, or prompts too."""

_AMOUNT = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,3})?) *(?P<unit>[a-z]*)", re.ASCII)
_BYTES = {
    **dict.fromkeys(("", "b", "bytes"), 1),
    **{name: 1000**power for power, name in enumerate(("k", "m", "g", "t"), 1)},
    **{f"{name}b": 1000**power for power, name in enumerate(("k", "m", "g", "t"), 1)},
    **{f"{name}ib": 1024**power for power, name in enumerate(("k", "m", "g", "t"), 1)},
}
_NO_USE = (
    "prune: deletes nothing here; set prune and kept_bytes in the environment, or in the llmdash.toml of "
    "your config folder"
)
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@dataclass(frozen=True, slots=True)
class KeptSettings:
    """What is kept of a new run, and the bytes that all kept runs may take; None for no limit.

    `prune_to` are the bytes to which old runs are deleted before a new one starts; None deletes none.
    """

    keep: str = "answers"
    most_bytes: int | None = None
    prune_to: int | None = None
    warnings: tuple[str, ...] = ()


def kept_settings(chosen: Chosen, users: Chosen) -> KeptSettings:
    """Return the settings from all sources; only what the user says himself, in `users`, deletes runs: a file
    that came with the prompts does not. Raises ConfigError.
    """
    most = chosen.get(KEPT_BYTES, parse_bytes, None)
    asked = chosen.get(PRUNE, parse_switch, False)
    allowed = users.get(PRUNE, parse_switch, False)
    limit = users.get(KEPT_BYTES, parse_bytes, None)
    prunes = allowed and limit is not None
    return KeptSettings(
        chosen.get(KEEP, parse_keep, "answers"),
        most,
        limit if asked and prunes else None,
        (f"{_NO_USE}",) if asked and not prunes else (),
    )


def parse_keep(value: object) -> str:
    """Return `none`, `answers` or `all`. Raises ConfigError."""
    return parse_name(value, KEEPS, "what can be kept")


def parse_bytes(value: object) -> int:
    """Return bytes from `1GB`, `500 MB`, `2GiB` or a number. Raises ConfigError."""
    return int(_amount(value, _BYTES, "an amount of bytes; write one such as 500MB, 1.5GB or 2GiB"))


def parse_age(value: object) -> float:
    """Return seconds from `30d`, `12h`, `2w`. Raises ConfigError."""
    return _amount(value, _SECONDS, "an age; write one such as 12h, 30d or 8w")


def _amount(value: object, units: dict[str, int] | dict[str, float], what: str) -> float:
    text = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    match = _AMOUNT.fullmatch(text) if not isinstance(value, bool) else None
    if match is None or match["unit"] not in units:
        raise ConfigError(f"{shown(value)} is not {what}")
    return float(match["number"]) * units[match["unit"]]
