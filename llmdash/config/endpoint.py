"""EndpointSettings: one endpoint of the pool, with everything that decides what is sent to it and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from llmdash.config.connection import ConnectionSettings, ParsedValues
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import LANGCHAIN
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret

__all__ = ["EndpointSettings", "keys_of"]


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One endpoint of the pool.

    `keys` is empty for LangChain, whose models bring their own, and where `auth` is `none`. `weight` is its
    share of the requests against other endpoints, for each key. `rpm` and `tpm` are requests and tokens a
    minute that each key may use, `concurrency` the requests in flight at the whole endpoint; None is no
    limit. `limit` is the name of one that it shares with other endpoints and runs. `target` is
    `module:attribute` of a LangChain model. With `terminal_eof` an answer that just ends counts as complete.

    `models` are further models that it serves. `options` go with each of its requests, over those of the
    run. `headers` and `query` too: texts, and secrets from variables. `auth` is how the key is sent
    (`bearer`, `header:NAME`, `none`; None: as the dialect has it). `timeouts` are None for those of the run.
    With `drop_unsupported` an option that the server does not know is left out, and said so. `batch` says
    whether it has a batch service (None: it is asked), `batch_queue_tokens` is the most prompt tokens of a
    model that may be with that service at once.
    """

    name: str
    dialect: str
    base_url: str
    model: str
    keys: tuple[Secret, ...] = ()
    weight: float = 1.0
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    target: str | None = None
    promptlayer_key: Secret | None = None
    promptlayer_base_url: str | None = None
    terminal_eof: bool = False
    models: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    headers: ParsedValues = field(default_factory=dict)
    query: ParsedValues = field(default_factory=dict)
    auth: str | None = None
    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    timeouts: Timeouts | None = None
    drop_unsupported: bool = False
    limit: str | None = None
    batch: bool | None = None
    batch_queue_tokens: int | None = None

    @property
    def needs_key(self) -> bool:
        """False where the model brings its own key, or none is sent."""
        return self.dialect != LANGCHAIN and self.auth != "none"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything that no output may hold, but for what the proxy's URL holds."""
        more = (*self.headers.values(), *self.query.values(), self.promptlayer_key)
        return (*self.keys, *(value for value in more if isinstance(value, Secret)))


def keys_of(endpoints: Iterable[EndpointSettings]) -> tuple[Secret, ...]:
    """Return the keys of all `endpoints`, each once."""
    return tuple(dict.fromkeys(key for endpoint in endpoints for key in endpoint.keys))
