"""Builds the model for an endpoint of the settings and one of its keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llmdash.config.values import ConfigError
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.wire.failures import Failure

if TYPE_CHECKING:
    from llmdash.config import EndpointSettings, Settings
    from llmdash.llms.base import LLM
    from llmdash.llms.transport.http import HttpClient
    from llmdash.secrets import Secret

__all__ = ["build_llm", "require_targets"]


def build_llm(
    endpoint: EndpointSettings, key: Secret | None, settings: Settings, client: HttpClient | None
) -> LLM[Any, Any]:
    """Return the model of `endpoint`, bound to `key`; its class is loaded now.

    Temperature, longest answer, streaming and timeouts are those of `settings`; `client` shares connections.
    A LangChain model takes no key. Raises ConfigError where a key is missing, and Failure where a LangChain
    model cannot be loaded.
    """
    if endpoint.dialect == LANGCHAIN:
        return _langchain(endpoint, settings)
    if key is None:
        raise ConfigError(f"endpoint {endpoint.name}: has no keys; put API_KEY=... into .env")
    entry = DIALECTS[endpoint.dialect]
    more = {**entry.arguments, **_reporting(endpoint)}
    if endpoint.terminal_eof:
        more["terminal_eof"] = True
    return entry.load()(
        endpoint.model,
        api_key=key,
        base_url=endpoint.base_url,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        streaming=settings.stream,
        timeouts=settings.timeouts,
        client=client,
        **more,
    )


def require_targets(endpoints: Iterable[EndpointSettings]) -> None:
    """Raise ConfigError, which names the endpoint, if the LangChain model of one cannot be loaded."""
    for endpoint in endpoints:
        if endpoint.dialect == LANGCHAIN:
            try:
                DIALECTS[LANGCHAIN].load()(endpoint.target)
            except Failure as failure:
                raise ConfigError(f"endpoint {endpoint.name}: target {failure.message}") from None


def _langchain(endpoint: EndpointSettings, settings: Settings) -> LLM[Any, Any]:
    named = endpoint.model if endpoint.model != endpoint.target else None
    return DIALECTS[LANGCHAIN].load()(endpoint.target, model=named, timeouts=settings.timeouts)


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
