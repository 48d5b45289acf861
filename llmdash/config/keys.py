"""Keys by the names of the variables that hold them: looked up in the environment, then in `.env`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmdash.config.key_list import parse_keys
from llmdash.config.sources import Entry, VariableSource
from llmdash.config.values import ConfigError
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

    def __init__(self, environ: VariableSource, dotenv: VariableSource) -> None:
        self._environ = environ
        self._dotenv = dotenv

    def find(self, name: str) -> Entry | None:
        """Return the value of a variable; None if it is not set or empty."""
        held = self._environ.find(name)
        if held is not None:
            return Entry(held.value, _called(name))
        return self._dotenv.find(name)

    def keys_named_by(self, entry: Entry) -> Keys:
        """Return the keys of every variable that `entry` names, in their order, each once.

        Raises ConfigError for an invalid name, a variable that is not set, and an invalid key.
        """
        held = [each for name in variable_names(entry) for each in self._held(name, entry)]
        return _gathered(held)

    def secret_named_by(self, name: object, place: str) -> Secret:
        """Return the one value of a variable that is named at `place`. Raises ConfigError."""
        (named,) = variable_names(Entry([name], place))
        held = self.find(named)
        if held is None:
            raise ConfigError(f"{place}: {_called(named)} is not set; set it, or put it into .env")
        try:
            return Secret(str(held.value).strip())
        except ValueError as error:
            detail = str(error).removeprefix("the key ").partition(";")[0]
            raise ConfigError(f"{place}: the value of {_called(named)} {detail}") from None

    def _held(self, name: str, entry: Entry) -> list[Entry]:
        if self._environ.find(name) is not None:
            return [
                Entry(each.value, f"{entry.place}: {_called(name)}") for each in self._environ.every(name)
            ]
        held = list(self._dotenv.every(name))
        if not held:
            others = (*self._environ.family(name), *self._dotenv.family(name))
            fix = f"did you mean {', '.join(others)}?" if others else "set it, or put it into .env"
            raise ConfigError(f"{entry.place}: {_called(name)} is not set; {fix}")
        return held


def keys_in(entry: Entry) -> Keys:
    """Return the keys of a list, or of several. Raises ConfigError that names the place, never the key."""
    return _gathered(entry.value if isinstance(entry.value, tuple) else (entry,))


def _gathered(entries: Iterable[Entry]) -> Keys:
    """The keys of all entries, each once."""
    keys: dict[Secret, None] = {}
    warnings: list[str] = []
    for entry in entries:
        try:
            found, more = parse_keys(str(entry.value))
        except ConfigError as error:
            raise ConfigError(f"{entry.place}: {error}") from None
        warnings += [f"{entry.place}: {warning}" for warning in more]
        for key in found:
            if key in keys:
                warnings.append(f"{entry.place}: repeats the key {key}; it counts once")
            keys[key] = None
    return tuple(keys), tuple(warnings)


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
