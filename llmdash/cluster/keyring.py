"""How the keys of a run reach a worker: by their fingerprints, which it looks up, or as they are.

The values a worker has are those of its environment and of the `.env` in its folder, whole and in lists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from llmdash import locations
from llmdash.config.dotenv import read_dotenv
from llmdash.config.values import ConfigError
from llmdash.llms.recipe import ModelRecipe
from llmdash.secrets import Secret

__all__ = ["Keyring", "MissingKey", "values_here", "with_fingerprints", "with_values"]

_FINGERPRINT, _VALUE = 1, 2  # the extension types of a Secret
_SEPARATORS = re.compile(r"[\s,;]+")


class MissingKey(Exception):
    """The worker has no key with a fingerprint that the recipe names."""


def with_fingerprints(recipe: ModelRecipe) -> bytes:
    """Return a recipe as bytes, without its secrets: each is named by its fingerprint."""
    return msgspec.msgpack.encode(recipe, enc_hook=_fingerprint)


def with_values(recipe: ModelRecipe) -> bytes:
    """Return a recipe as bytes with its secrets, for an encrypted line only."""
    return msgspec.msgpack.encode(recipe, enc_hook=_value)


def _fingerprint(value: Any) -> Any:
    if isinstance(value, Secret):
        return msgspec.msgpack.Ext(_FINGERPRINT, value.fingerprint.encode())
    return _plain(value)


def _value(value: Any) -> Any:
    if isinstance(value, Secret):
        return msgspec.msgpack.Ext(_VALUE, value.reveal().encode("ascii"))
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent to a worker")


class Keyring:
    """The keys that a worker has, by their fingerprints."""

    def __init__(self, values: Iterable[str]) -> None:
        self._secrets: dict[str, Secret] = {}
        for value in values:
            try:
                secret = Secret(value)
            except ValueError:
                continue  # no key: it is too long, or has a space
            self._secrets[secret.fingerprint] = secret

    def unpack(self, packed: bytes) -> ModelRecipe:
        """Return the recipe with its secrets. Raises MissingKey, for other bytes msgspec.ValidationError."""
        return msgspec.msgpack.decode(packed, type=ModelRecipe, ext_hook=self._found, dec_hook=_as_secret)

    def _found(self, code: int, data: memoryview) -> Secret:
        text = bytes(data).decode("ascii")
        if code == _VALUE:
            return Secret(text)
        if code != _FINGERPRINT or text not in self._secrets:
            raise MissingKey(text)
        return self._secrets[text]


def _as_secret(kind: type, value: Any) -> Any:
    """A Secret that `ext_hook` made already."""
    if isinstance(value, kind):
        return value
    raise TypeError(f"a {kind.__name__} is not sent like that")


def values_here() -> Iterator[str]:
    """Yield every value of this process's environment, and of the `.env` in its folder, whole and in parts.

    A file that cannot be read counts as none.
    """
    yield from _parts(os.environ.values())
    try:
        dotenv = read_dotenv(Path.cwd() / locations.ENV_NAME)
    except (ConfigError, OSError):
        return
    yield from _parts(line.value for lines in dotenv.every.values() for line in lines)


def _parts(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        whole = value.strip()
        yield whole
        if _SEPARATORS.search(whole):
            yield from filter(None, _SEPARATORS.split(whole))
