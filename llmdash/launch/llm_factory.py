"""An endpoint of the settings and one of its keys become a model that answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from llmdash.config.dialects import DIALECTS, LANGCHAIN
from llmdash.config.values import ConfigError

if TYPE_CHECKING:
    from llmdash.config import EndpointSettings, Settings
    from llmdash.llms.base import LLM
    from llmdash.llms.transport.http import HttpClient
    from llmdash.secrets import Secret

__all__ = ["build_llm"]


class _Home(NamedTuple):
    """Where the class of a dialect is, and what else its constructor is told."""

    module: str
    name: str
    more: Mapping[str, Any] = MappingProxyType({})


_HOMES = {
    "openai-chat": _Home("openai", "ChatOpenAI"),
    "openai-completions": _Home("completions", "OpenAI"),
    "openai-responses": _Home("openai", "ChatOpenAI", {"use_responses_api": True}),
    "anthropic": _Home("anthropic", "ChatAnthropic"),
    "promptlayer-openai": _Home("promptlayer", "PromptLayerOpenAI"),
    "promptlayer-chat-openai": _Home("promptlayer", "PromptLayerChatOpenAI"),
    LANGCHAIN: _Home("langchain", "LangChainLLM"),
}


def build_llm(
    endpoint: EndpointSettings, key: Secret | None, settings: Settings, client: HttpClient | None
) -> LLM[Any, Any]:
    """The model behind `endpoint`, bound to `key`; its class is loaded now.

    Temperature, longest answer, streaming and timeouts are those of `settings`; `client` shares connections.
    A LangChain model takes no key. Raises ConfigError where a key is missing, and Failure where a LangChain
    model cannot be loaded.
    """
    if endpoint.dialect == LANGCHAIN:
        return _langchain(endpoint, settings)
    if key is None:
        raise ConfigError(f"endpoint {endpoint.name}: has no keys; put API_KEY=... into .env")
    more = {**_HOMES[endpoint.dialect].more, **_reporting(endpoint)}
    if endpoint.terminal_eof:
        more["terminal_eof"] = True
    return _class(endpoint.dialect)(
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


def _class(dialect: str) -> Callable[..., LLM[Any, Any]]:
    home = _HOMES[dialect]
    found: Callable[..., LLM[Any, Any]] = getattr(
        importlib.import_module(f"llmdash.llms.{home.module}"), home.name
    )
    return found


def _langchain(endpoint: EndpointSettings, settings: Settings) -> LLM[Any, Any]:
    named = endpoint.model if endpoint.model != endpoint.target else None
    return _class(LANGCHAIN)(endpoint.target, model=named, timeouts=settings.timeouts)


def _reporting(endpoint: EndpointSettings) -> dict[str, Any]:
    """What the constructor is told of PromptLayer; nothing where calls are not reported to it."""
    if not DIALECTS[endpoint.dialect].reports:
        return {}
    if endpoint.promptlayer_key is None:
        raise ConfigError(f"endpoint {endpoint.name}: has no key for PromptLayer; set PROMPTLAYER_API_KEY")
    return {
        "promptlayer_api_key": endpoint.promptlayer_key,
        "promptlayer_base_url": endpoint.promptlayer_base_url,
    }
