"""Sources: everything that settings were read from, in order of strength, and what is odd about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import field

from llmdash.config.pool import Pool
from llmdash.config.precedence import Chosen
from llmdash.config.sources import (
    BASE_URL,
    KEYS,
    Entry,
    Layer,
    VariableSource,
    from_variables,
)
from llmdash.config.values import shown
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DialectEntry

__all__ = ["Sources"]

_PLAIN_KEY, _PLAIN_URL = "API_KEY", "BASE_URL"


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that were read; `known` are the names of all settings."""

    flags: Layer
    environ: VariableSource = field(repr=False)
    dotenv: VariableSource = field(repr=False)
    files: tuple[Layer, ...]
    known: tuple[str, ...]

    def chosen(self, dialect: DialectEntry) -> Chosen:
        """Return the entries for each setting, where the provider is that of `dialect`.

        BASE_URL is a common name for other things too: that of the environment is no place to send the keys
        of a provider's own variable.
        """
        chosen = self._chosen(dialect, plain_url=True)
        url, keys = chosen.entry(BASE_URL), chosen.entry(KEYS)
        if url is not None and url.place == _PLAIN_URL and _is_of_provider(keys, dialect):
            return self._chosen(dialect, plain_url=False)
        return chosen

    def _chosen(self, dialect: DialectEntry, *, plain_url: bool) -> Chosen:
        own, plain, of_provider = from_variables(self.environ, self.known, dialect.variables)
        if not plain_url:
            plain = {name: entry for name, entry in plain.items() if name != BASE_URL}
        of_dotenv = from_variables(self.dotenv, self.known, dialect.variables)
        return Chosen((self.flags, own, plain, of_provider, *of_dotenv, *self.files))

    def of_user(self, *, folder_counts: bool) -> Chosen:
        """Return the entries of the command line, the environment, the user's own settings file, and of that
        of the folder, if it counts.
        """
        own, *_ = from_variables(self.environ, self.known, {})
        return Chosen((self.flags, own, *(self.files if folder_counts else self.files[1:])))

    def notes(self, chosen: Chosen, pool: Pool, dialect: DialectEntry) -> Iterator[str]:
        """Yield warnings about the variables of a pool without tables."""
        if not pool.alone:
            return
        keys = chosen.entry(KEYS)
        if _is_of_provider(keys, dialect) and self.environ.find(_PLAIN_URL) is not None:
            yield (
                f"{_PLAIN_URL}: of the environment is not used, since the keys are those of "
                f"{keys.place if keys else ''}; set LLMDASH_BASE_URL"
            )
        if keys is None:
            yield from self._unread(dialect)
        elif self.environ.find(keys.place.rpartition(" ")[2]) is not None and self._holds_keys(dialect):
            yield f"{keys.place}: is set in the environment and used in place of the keys in .env"

    def _holds_keys(self, dialect: DialectEntry) -> bool:
        return any(KEYS in layer for layer in from_variables(self.dotenv, self.known, dialect.variables))

    def _unread(self, dialect: DialectEntry) -> Iterator[str]:
        """Where there is no key at all: the variables of `.env` that may have been meant as one."""
        names = [_PLAIN_KEY, *dialect.provider.key_variables]
        for variable in self.dotenv:
            near = difflib.get_close_matches(variable.upper(), names, 1, 0.7)
            entry = self.dotenv.find(variable)
            if near and entry is not None:
                place = entry.place.rpartition(" ")[0]
                yield f"{place} {shown(variable)} is not read; did you mean {near[0]}?"


def _is_of_provider(keys: Entry | None, dialect: DialectEntry) -> bool:
    """True if the keys are those of a provider's variable, in the environment or in `.env`."""
    if keys is None:
        return False
    variable = keys.place.rpartition(" ")[2]
    return any(variable.startswith(name) for name in dialect.provider.key_variables)
