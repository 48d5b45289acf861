"""Settings of how the user is told that a run is done, held or stopped."""

from __future__ import annotations

from llmdash.config.precedence import Chosen
from llmdash.config.values import ConfigError, parse_name, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["NOTIFIES", "ON_END", "TELLING", "TellingSettings", "telling_settings"]

NOTIFY, ON_END = "notify", "on_end"
TELLING = (NOTIFY, ON_END)
"""The names of the settings."""

NOTIFIES = ("bell", "desktop", "none")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class TellingSettings:
    """How the terminal calls the user: by a bell, a notification of the desktop, or not; and the command that
    is run, None for none.
    """

    notify: str = "bell"
    on_end: str | None = None


def telling_settings(chosen: Chosen) -> TellingSettings:
    """Return the settings from all sources. Raises ConfigError."""
    return TellingSettings(
        chosen.get(NOTIFY, _parse_notify, "bell"), chosen.get(ON_END, _parse_command, None)
    )


def _parse_notify(value: object) -> str:
    return parse_name(value, NOTIFIES, "a way to be told")


def _parse_command(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST or "\0" in text:
        raise ConfigError(f"{shown(value)} is not a command; write one of 1 to {_LONGEST:,} characters")
    return text
