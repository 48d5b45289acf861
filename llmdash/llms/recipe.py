"""ModelRecipe: all that a model is made of. It can be made here, or sent to where it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.llms.base import LLM
    from llmdash.llms.transport.http import HttpClient

__all__ = ["Clients", "ModelRecipe"]


class ModelRecipe(msgspec.Struct, frozen=True):
    """What a model is made of.

    `asked` is the name of the model, for LangChain the target that holds it. `arguments` are those of its
    class but for key, client and time limits; `connection` those of HttpClient but for time limits: a proxy
    with a password is a Secret. Headers and queries may hold Secrets too.
    """

    dialect: str
    asked: str
    timeouts: Timeouts
    arguments: Mapping[str, Any]
    connection: Mapping[str, Any] = {}
    key: Secret | None = None

    @property
    def takes_client(self) -> bool:
        """False for a model that makes its own connections."""
        return self.dialect != LANGCHAIN

    def build(self, client: HttpClient | None) -> LLM[Any, Any]:
        """Make the model; its class is loaded now. `client` shares connections.

        Raises Failure where a LangChain model cannot be loaded, ValueError for what its class refuses.
        """
        make = DIALECTS[self.dialect].load()
        if not self.takes_client:
            return make(self.asked, timeouts=self.timeouts, **self.arguments)
        return make(self.asked, api_key=self.key, client=client, timeouts=self.timeouts, **self.arguments)


class Clients:
    """HTTP clients: one for all models that agree in proxy, certificates and time limits."""

    def __init__(self) -> None:
        self._clients: dict[tuple[Any, ...], HttpClient] = {}

    def client(self, connection: Mapping[str, Any], timeouts: Timeouts) -> HttpClient:
        """Return the client for a connection, made on first use."""
        from llmdash.llms.transport.http import HttpClient

        wanted = (*sorted(connection.items(), key=lambda item: item[0]), timeouts)
        if wanted not in self._clients:
            revealed = {name: _revealed(value) for name, value in connection.items()}
            self._clients[wanted] = HttpClient(timeouts=timeouts, **revealed)
        return self._clients[wanted]

    def build(self, recipe: ModelRecipe) -> LLM[Any, Any]:
        """Make a model with its client."""
        shared = self.client(recipe.connection, recipe.timeouts) if recipe.takes_client else None
        return recipe.build(shared)

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value
