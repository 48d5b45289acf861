"""Keys by the names of the variables that hold them: looked up in the environment, then in `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmdash.config.sources import DotEnv, Entry
from llmdash.config.values import ConfigError, parse_keys
from llmdash.secrets import Secret

__all__ = ["Keys", "Variables", "is_variable", "keys_in", "variable_names"]

Keys = tuple[tuple[Secret, ...], tuple[str, ...]]
"""Keys, and warnings about them, one line each."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_USUAL = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_MANY_NAMES = 100


def is_variable(text: str) -> bool:
    """True for what is certainly the name of a variable, and not a key put in its place by mistake.

    Names in use are in capitals with an underscore, such as `OPENAI_API_KEY`; short ones may lack it.
    """
    if _USUAL.fullmatch(text):
        return len(text) <= 100
    return bool(_VARIABLE.fullmatch(text)) and text.isupper() and len(text) < 16


class Variables:
    """Variables by name: from the environment, else from `.env`."""

    def __init__(self, environ: Mapping[str, str], dotenv: DotEnv) -> None:
        self._environ = environ
        self._dotenv = dotenv

    def find(self, name: str) -> Entry | None:
        """Return the value of a variable; None if it is not set or empty."""
        if self._environ.get(name, "").strip(" \t\r\n,"):
            return Entry(self._environ[name], _called(name))
        if self._dotenv.values.get(name, "").strip(" \t\r\n,"):
            return Entry(self._dotenv.values[name], f"{self._dotenv.name}:{self._dotenv.lines[name]}: {name}")
        return None

    def keys_named_by(self, entry: Entry) -> Keys:
        """Return the keys of every variable that `entry` names, in their order, each once.

        Raises ConfigError for an invalid name, a variable that is not set, and an invalid key.
        """
        keys: dict[Secret, None] = {}
        warnings: list[str] = []
        for name in variable_names(entry):
            held = self.find(name)
            if held is None:
                raise ConfigError(f"{entry.place}: {_called(name)} is not set; set it, or put it into .env")
            inside = held.place.startswith(f"{self._dotenv.name}:")
            place = held.place if inside else f"{entry.place}: {held.place}"
            found, more = keys_in(Entry(held.value, place))
            warnings += more
            for key in found:
                if key in keys:
                    warnings.append(f"{place}: repeats the key {key}; it counts once")
                keys[key] = None
        return tuple(keys), tuple(warnings)


def keys_in(entry: Entry) -> Keys:
    """Return the keys of a list split by commas. Raises ConfigError that names the place, never the key."""
    try:
        keys, warnings = parse_keys(str(entry.value))
    except ConfigError as error:
        raise ConfigError(f"{entry.place}: {error}") from None
    return keys, tuple(f"{entry.place}: {warning}" for warning in warnings)


def variable_names(entry: Entry) -> tuple[str, ...]:
    """Return the names in `api_key_env`: one, or a list. Errors never repeat the text: it might be a key."""
    names = [entry.value] if isinstance(entry.value, str) else entry.value
    fix = "write one such as 'OPENAI_API_KEY', or a list of them"
    if not isinstance(names, list) or not names or len(names) > _MANY_NAMES:
        raise ConfigError(f"{entry.place}: is not the name of a variable; {fix}")
    for name in names:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise ConfigError(f"{entry.place}: is not the name of a variable; {fix}")
    return tuple(names)


def _called(name: str) -> str:
    """A variable in an error message: by its name, unless that might be a key."""
    return f"the variable {name}" if is_variable(name) else "the variable it names"
