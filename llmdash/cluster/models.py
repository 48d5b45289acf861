"""The models of a run at a desk: made of its recipes, with the keys that the worker has."""

from __future__ import annotations

from typing import Protocol

import msgspec

from llmdash.cluster.keyring import Keyring, MissingKey
from llmdash.llms.base import LLM
from llmdash.llms.recipe import Clients
from llmdash.llms.wire.failures import Failure

__all__ = ["DeskModels", "Models"]


class Models(Protocol):
    """Makes models."""

    def make(self, packed: bytes) -> LLM | None:
        """Return the model of a packed recipe; None if it cannot be made here."""

    async def aclose(self) -> None:
        """Close every connection."""


class DeskModels:
    """The models that the keys of this worker allow; those that agree share their connections."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._clients = Clients()

    def make(self, packed: bytes) -> LLM | None:
        try:
            return self._clients.build(self._keyring.unpack(packed))
        except (MissingKey, Failure, ValueError, TypeError, OSError, msgspec.DecodeError):
            return None

    async def aclose(self) -> None:
        await self._clients.aclose()
