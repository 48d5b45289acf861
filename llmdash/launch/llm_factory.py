"""What the model for an endpoint of the settings and one of its keys is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmdash.config.values import ConfigError
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.options import merge_options
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.wire.failures import Failure
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.config import EndpointSettings, Settings
    from llmdash.config.connection import ConnectionSettings

_NO_OPTIONS: Mapping[str, Any] = {}

__all__ = ["client_arguments", "llm_arguments", "recipe_of", "require_usable"]


def recipe_of(
    endpoint: EndpointSettings,
    key: Secret | None,
    settings: Settings,
    optional: Mapping[str, Any] = _NO_OPTIONS,
) -> ModelRecipe:
    """Return what the model of `endpoint`, bound to `key`, is made of.

    Its options are those of the run with those of the endpoint over them; streaming and time limits are
    those of `settings`. The `optional` options are the widest, and left out where the server does not
    support them. A LangChain model takes no key. Raises ConfigError where a key is missing.
    """
    timeouts = endpoint.timeouts or settings.timeouts
    if endpoint.dialect == LANGCHAIN:
        named = endpoint.model if endpoint.model != endpoint.target else None
        options = merge_options(settings.run_options, endpoint.options)
        return ModelRecipe(
            LANGCHAIN, endpoint.target or "", timeouts, {"model": named, "model_kwargs": options}
        )
    if key is None and endpoint.needs_key:
        raise ConfigError(f"endpoint {endpoint.name}: has no keys; put API_KEY=... into .env")
    arguments = llm_arguments(endpoint, settings)
    if optional:
        narrower = arguments.get("model_kwargs") or {}
        arguments |= {"model_kwargs": {**optional, **narrower}, "optional": tuple(optional.keys() - narrower)}
    connection = client_arguments(endpoint.connection)
    return ModelRecipe(endpoint.dialect, endpoint.model, timeouts, arguments, connection, key)


def client_arguments(connection: ConnectionSettings) -> dict[str, Any]:
    """Return the arguments of HttpClient for a connection; those that are not set are left out."""
    wanted = {
        "proxy": connection.proxy,
        "ca_file": connection.ca_file,
        "client_cert": connection.client_cert,
        "client_key": connection.client_key,
    }
    return {name: value for name, value in wanted.items() if value is not None}


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
    """Return the arguments of HttpLLM for an endpoint, but for model, key, client and time limits; those that
    are not set are left out.
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
    return {"base_url": endpoint.base_url, "streaming": settings.stream, **given}


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
