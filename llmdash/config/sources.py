"""The sources of settings: command line, environment, `.env`; each read into named entries."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field

from llmdash.config.dotenv import DotEnv
from llmdash.config.values import ConfigError, shown
from llmdash.lean_dataclass import dataclass

__all__ = [
    "BASE_URL",
    "ENDPOINT",
    "KEYS",
    "KEYS_FROM",
    "PLAIN_NAMES",
    "SHARED_LIMIT",
    "TRUST",
    "Entry",
    "Layer",
    "VariableSource",
    "from_flags",
    "from_variables",
    "misspelt",
]

PREFIX = "LLMDASH_"
TRUST = PREFIX + "TRUST"
"""The variable of the environment with the hashes of files that are trusted; it is no setting."""

KEYS = "api_key"
KEYS_FROM = "api_key_env"
ENDPOINT = "endpoint"
BASE_URL = "base_url"
SHARED_LIMIT = "shared_limit"
PLAIN_NAMES = {"API_KEY": KEYS, "BASE_URL": BASE_URL}
"""The setting of each variable that belongs to no program and no provider."""

_FLAGS = {"options": "--set", "headers": "--header", "query": "--query"}
_TIMEOUTS = ("connect", "first-byte", "stall", "total")
_VOID = " \t\r\n,;"


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as given, and the place to name when it is wrong. Its repr never shows the value."""

    value: object = field(repr=False)
    place: str


Layer = Mapping[str, Entry]
"""Entries by setting, from one source. Keys of several variables or lines are one Entry with a tuple."""


class VariableSource:
    """Variables of the environment or of a `.env`, each with its place. Empty ones count as not set."""

    def __init__(self, entries: Mapping[str, tuple[Entry, ...]]) -> None:
        self._entries = entries

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> VariableSource:
        """Return the variables of the environment, whose place is their name."""
        return cls({name: (Entry(value, name),) for name, value in environ.items() if value.strip(_VOID)})

    @classmethod
    def of_dotenv(cls, dotenv: DotEnv) -> VariableSource:
        """Return the variables of a `.env`, whose place is the line and the name."""
        found = {
            name: tuple(
                Entry(line.value, f"{dotenv.name}:{line.number}: {name}")
                for line in lines
                if line.value.strip(_VOID)
            )
            for name, lines in dotenv.every.items()
        }
        return cls({name: entries for name, entries in found.items() if entries})

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def find(self, name: str) -> Entry | None:
        """Return the value of a variable, the last one where it is set more than once; None if it is not."""
        return self._entries.get(name, (None,))[-1]

    def every(self, name: str) -> tuple[Entry, ...]:
        """Return every value of a variable, in the order of the lines."""
        return self._entries.get(name, ())

    def family(self, name: str) -> tuple[str, ...]:
        """Return the variables that hold the keys of `name`: itself, `NAMES`, `NAME_1`, `NAME_2`, ..."""
        wanted = re.compile(rf"{re.escape(name)}(?P<many>S?)(?:_?(?P<number>[0-9]{{1,4}}))?", re.ASCII)
        found = [match for match in map(wanted.fullmatch, self._entries) if match]
        return tuple(
            match[0] for match in sorted(found, key=lambda match: (int(match["number"] or -1), match[0]))
        )

    def keys(self, name: str) -> tuple[Entry, ...]:
        """Return every value of every variable in the family of `name`."""
        return tuple(entry for each in self.family(name) for entry in self.every(each))


def from_flags(flags: Mapping[str, object], known: Collection[str]) -> Layer:
    """Return the options of the command line; None, or an empty list, where one was not given.

    `timeout` holds texts such as `first-byte=300`. Raises ConfigError for a timeout of another name,
    TypeError for an unknown option.
    """
    given = dict(flags)
    timeouts = given.pop("timeout", None) or ()
    if strange := sorted(set(given) - set(known)):
        raise TypeError(f"not a setting: {', '.join(strange)}")
    layer = {
        name: Entry(value, _FLAGS.get(name, "--" + name.replace("_", "-")))
        for name, value in given.items()
        if value is not None and value != ()
    }
    return layer | _timeouts(timeouts if isinstance(timeouts, tuple | list) else (timeouts,))


def _timeouts(given: Iterable[object]) -> dict[str, Entry]:
    """The settings of `--timeout first-byte=300`; a number alone is the total."""
    found: dict[str, Entry] = {}
    for text in map(str, given):
        name, mark, value = text.rpartition("=")
        name = name.strip().lower().replace("_", "-") if mark else "total"
        if name not in _TIMEOUTS:
            near = difflib.get_close_matches(name, _TIMEOUTS, 1, 0.5)
            fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(_TIMEOUTS)}"
            raise ConfigError(f"--timeout: {shown(name)} is not a time limit; {fix}")
        found[f"{name.replace('-', '_')}_timeout"] = Entry(value, f"--timeout {name}")
    return found


def from_variables(
    source: VariableSource, known: Collection[str], provider: Mapping[str, str]
) -> list[Layer]:
    """Return the `LLMDASH_*` variables, then `API_KEY` and `BASE_URL`, then those of the provider: `provider`
    has settings by variable.
    """
    return [_pick(source, names) for names in (_own_names(known), PLAIN_NAMES, provider)]


def _own_names(known: Collection[str]) -> dict[str, str]:
    return {PREFIX + name.upper(): name for name in known}


def _pick(source: VariableSource, names: Mapping[str, str]) -> Layer:
    layer: dict[str, Entry] = {}
    for variable, setting in names.items():
        last = source.find(variable)
        entries = source.keys(variable) if setting == KEYS else () if last is None else (last,)
        if entries:
            layer[setting] = entries[0] if len(entries) == 1 else Entry(entries, entries[0].place)
    return layer


def misspelt(source: VariableSource, known: Collection[str]) -> tuple[str, ...]:
    """Return a warning for each unknown `LLMDASH_*` variable that is close to a known one."""
    names = _own_names(known)
    keys = source.family(PREFIX + KEYS.upper())
    found: list[str] = []
    for variable in sorted(source):
        if variable.startswith(PREFIX) and variable not in (*names, *keys, TRUST):
            near = difflib.get_close_matches(variable, names, 1, 0.8)
            found += [f"{shown(variable)} is not a setting; did you mean {near[0]}?"] if near else []
    return tuple(found)
