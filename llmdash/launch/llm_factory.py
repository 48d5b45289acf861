"""Builds the model for an endpoint of the settings and one of its keys, and the connections of endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmdash.config.values import ConfigError
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.config import EndpointSettings, Settings, Timeouts
    from llmdash.config.connection import ConnectionSettings
    from llmdash.llms.base import LLM
    from llmdash.llms.transport.http import HttpClient

_NO_OPTIONS: Mapping[str, Any] = {}

__all__ = ["Clients", "build_llm", "client_arguments", "llm_arguments", "require_usable"]


class Clients:
    """The HTTP clients of some endpoints: one for all that agree in proxy, certificates and time limits."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._clients: dict[tuple[ConnectionSettings, Timeouts], HttpClient] = {}

    def client(self, endpoint: EndpointSettings) -> HttpClient:
        """Return the client for `endpoint`, made on first use."""
        from llmdash.llms.transport.http import HttpClient

        wanted = (endpoint.connection, endpoint.timeouts or self._timeouts)
        if wanted not in self._clients:
            self._clients[wanted] = HttpClient(**client_arguments(*wanted))
        return self._clients[wanted]

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


def client_arguments(connection: ConnectionSettings, timeouts: Timeouts) -> dict[str, Any]:
    """Return the arguments of HttpClient for a connection; those that are not set are left out."""
    proxy = connection.proxy
    wanted = {
        "proxy": proxy.reveal() if isinstance(proxy, Secret) else proxy,
        "ca_file": connection.ca_file,
        "client_cert": connection.client_cert,
        "client_key": connection.client_key,
    }
    return {"timeouts": timeouts, **{name: value for name, value in wanted.items() if value is not None}}


def build_llm(
    endpoint: EndpointSettings,
    key: Secret | None,
    settings: Settings,
    client: HttpClient | None,
    optional: Mapping[str, Any] = _NO_OPTIONS,
) -> LLM[Any, Any]:
    """Return the model of `endpoint`, bound to `key`; its class is loaded now.

    Its options are those of the run with those of the endpoint over them; streaming and time limits are
    those of `settings`; `client` shares connections. The `optional` options are the widest, and left out
    where the server does not support them. A LangChain model takes no key. Raises ConfigError where a key is
    missing, and Failure where a LangChain model cannot be loaded.
    """
    entry = DIALECTS[endpoint.dialect]
    if endpoint.dialect == LANGCHAIN:
        named = endpoint.model if endpoint.model != endpoint.target else None
        options = merge_options(settings.run_options, endpoint.options)
        timeouts = endpoint.timeouts or settings.timeouts
        return entry.load()(endpoint.target, model=named, timeouts=timeouts, model_kwargs=options)
    if key is None and endpoint.needs_key:
        raise ConfigError(f"endpoint {endpoint.name}: has no keys; put API_KEY=... into .env")
    arguments = llm_arguments(endpoint, settings)
    if optional:
        narrower = arguments.get("model_kwargs") or {}
        arguments |= {"model_kwargs": {**optional, **narrower}, "optional": tuple(optional.keys() - narrower)}
    return entry.load()(endpoint.model, api_key=key, client=client, **arguments)


def require_usable(settings: Settings) -> None:
    """Raise ConfigError if an endpoint needs a key and has none, or its LangChain model cannot be loaded."""
    if missing := settings.without_keys:
        names = ", ".join(endpoint.name for endpoint in missing)
        variables = " or ".join(
            dict.fromkeys(DIALECTS[endpoint.dialect].key_variable for endpoint in missing)
        )
        raise ConfigError(
            f"no API key for {names}: put API_KEY=... into .env, or set {variables}, or add --simulate"
        )
    for endpoint in settings.endpoints:
        if endpoint.dialect == LANGCHAIN:
            try:
                DIALECTS[LANGCHAIN].load()(endpoint.target)
            except Failure as failure:
                raise ConfigError(f"endpoint {endpoint.name}: target {failure.message}") from None


def llm_arguments(endpoint: EndpointSettings, settings: Settings) -> dict[str, Any]:
    """Return the arguments of HttpLLM for an endpoint, but for model, key and client; those that are not set
    are left out.
    """
    options = dict(merge_options(settings.run_options, endpoint.options))
    stop = options.pop("stop", None)
    wanted: dict[str, Any] = {
        **DIALECTS[endpoint.dialect].arguments,
        **_reporting(endpoint),
        "stop": stop,
        "model_kwargs": options or None,
        "headers": endpoint.headers or None,
        "query": endpoint.query or None,
        "auth": endpoint.auth,
        "terminal_eof": endpoint.terminal_eof or None,
        "drop_unsupported": endpoint.drop_unsupported or None,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    timeouts = endpoint.timeouts or settings.timeouts
    return {"base_url": endpoint.base_url, "streaming": settings.stream, "timeouts": timeouts, **given}


def _reporting(endpoint: EndpointSettings) -> dict[str, Any]:
    """Return the constructor arguments for PromptLayer; empty where calls are not reported to it."""
    if not DIALECTS[endpoint.dialect].reports:
        return {}
    if endpoint.promptlayer_key is None:
        raise ConfigError(f"endpoint {endpoint.name}: has no key for PromptLayer; set PROMPTLAYER_API_KEY")
    return {
        "promptlayer_api_key": endpoint.promptlayer_key,
        "promptlayer_base_url": endpoint.promptlayer_base_url,
    }
