"""The dashboard's preferences, saved in one small TOML file."""

from __future__ import annotations

import contextlib
import math
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.lean_dataclass import dataclass

__all__ = ["Preferences", "PreferencesFile", "RememberedPreferences"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """The last choices; None where nothing was chosen. `rate` is requests a second, 0 for no limit; `launch`
    holds the other fields of a Launch.
    """

    theme: str | None = None
    rate: float | None = None
    concurrency: int | None = None
    launch: Mapping[str, str | int | float] | None = None
    columns: Sequence[str] | None = None
    """The columns of the job table, from left to right."""


class PreferencesFile:
    """Preferences on disk. A file that cannot be read or written causes a warning, never an error."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Preferences, str]:
        """Return the preferences, and what is wrong with the file in one line (empty if nothing is)."""
        try:
            values = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Preferences(), ""
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            return Preferences(), f"{self.path}: preferences ignored, {_reason(error)}"
        preferences = Preferences(
            theme=_text(values.get("theme")),
            rate=_number(values.get("rate")),
            concurrency=_count(values.get("concurrency")),
            launch=_table(values.get("launch")),
            columns=_names(values.get("columns")),
        )
        return preferences, _what_was_ignored(self.path, values, preferences)

    def save(self, preferences: Preferences) -> str:
        """Write the file atomically. Returns what went wrong, or an empty text."""
        import tomli_w

        chosen = {
            name: value
            for name in Preferences.__dataclass_fields__
            if (value := getattr(preferences, name)) is not None
        }
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(tomli_w.dumps(chosen), encoding="utf-8")
            draft.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            return f"{self.path}: preferences not saved, {_reason(error)}"
        return ""


class RememberedPreferences:
    """Preferences that are saved whenever they change; those without a file never do. `report` gets a line
    for whatever is wrong with the file.
    """

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        self._file = None if path is None else PreferencesFile(path)
        self._report = report
        self._current = Preferences()
        if self._file is not None:
            self._current, problem = self._file.load()
            self._report_any(problem)

    @property
    def current(self) -> Preferences:
        """The preferences as they are now."""
        return self._current

    def remember(self, preferences: Preferences) -> None:
        """Save preferences, if they are others."""
        if self._file is not None and preferences != self._current:
            self._current = preferences
            self._report_any(self._file.save(preferences))

    def _report_any(self, problem: str) -> None:
        if problem:
            self._report(problem)


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error)).splitlines()[0].lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < math.inf else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def _table(value: Any) -> Mapping[str, str | int | float] | None:
    if not isinstance(value, dict):
        return None
    return {name: one for name, one in value.items() if isinstance(one, str | int | float)}


def _names(value: Any) -> Sequence[str] | None:
    if not isinstance(value, list) or not value:
        return None
    return tuple(value) if all(isinstance(name, str) and name for name in value) else None


def _what_was_ignored(path: Path, values: dict[str, Any], preferences: Preferences) -> str:
    wrong = [
        name
        for name in Preferences.__dataclass_fields__
        if name in values and getattr(preferences, name) is None
    ]
    return (
        f"{path}: preferences ignored for {', '.join(wrong)}, not a value of the right kind" if wrong else ""
    )
