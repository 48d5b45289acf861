"""The `config` that a call may bring, by LangChain's names: tags, metadata, names, concurrency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "Config",
    "OwnArguments",
    "config_of",
    "configs_of",
    "first_of",
    "merged_config",
    "own_arguments",
    "refuse_text",
]

Config = Mapping[str, Any] | None
"""`tags`, `metadata`, `run_name`, `run_id` and `max_concurrency`, each of which may be left out."""

_OF_LANGCHAIN = ("callbacks", "configurable", "recursion_limit")
_ONLY_THERE = (
    *("callbacks", "callback_manager", "cache", "rate_limiter", "custom_get_token_ids", "disable_streaming"),
    *("output_version", "profile", "http_client", "http_async_client", "tiktoken_model_name"),
)
_HEADERS = {
    "organization": "OpenAI-Organization",
    "openai_organization": "OpenAI-Organization",
    "project": "OpenAI-Project",
}


def config_of(config: Config, method: str) -> Mapping[str, Any]:
    """Return a config, an empty one for None. Raises TypeError for what it is not, or cannot do here."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise TypeError(f"the config of {method} is a {type(config).__name__}; give a dict, or leave it out")
    for name in _OF_LANGCHAIN:
        if config.get(name):
            raise TypeError(f"config[{name!r}] needs LangChain: pip install 'llmdash[langchain]'")
    return config


def configs_of(config: Config | Sequence[Config], prompts: int, method: str) -> list[Mapping[str, Any]]:
    """Return a config for each prompt: the one for all of them, or those of a list.

    Raises TypeError, or ValueError if a list has another length.
    """
    if config is None or isinstance(config, Mapping):
        return [config_of(config, method)] * prompts
    if len(config) != prompts:
        raise ValueError(
            f"{method}: configs: {len(config)}, prompts: {prompts}; give one config, or one for each prompt"
        )
    return [config_of(each, method) for each in config]


def refuse_text(prompts: object, method: str) -> None:
    """Raise TypeError for one text in place of a list: each of its letters would be sent, and paid for."""
    if isinstance(prompts, str | bytes):
        raise TypeError(f"{method} takes a list of prompts, and this is one text; write {method}([...])")


class OwnArguments(NamedTuple):
    """Arguments of a constructor that are no options of the request: headers, more of the body, a config."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]
    config: Mapping[str, Any]


def own_arguments(kind: str, options: dict[str, Any]) -> OwnArguments:
    """Take the arguments that the SDKs and LangChain have, and that are no options, out of `options`.

    Raises TypeError, which names the argument, for what only LangChain can do.
    """
    for name in _ONLY_THERE:
        if options.pop(name, None) is not None:
            raise TypeError(f"{kind}: {name} needs LangChain: pip install 'llmdash[langchain]'")
    headers = {header: options.pop(name) for name, header in _HEADERS.items() if name in options}
    config = {"run_name": options.pop("name", None), "tags": options.pop("tags", None)}
    options.pop("verbose", None)
    if isinstance(options.get("metadata"), Mapping) and not _is_text_only(options["metadata"]):
        config["metadata"] = options.pop("metadata")  # the API takes texts only; this is meant for the events
    body = dict(options.pop("extra_body", None) or {})
    return OwnArguments(
        {name: value for name, value in headers.items() if value},
        body,
        {name: value for name, value in config.items() if value},
    )


def _is_text_only(values: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in values.values())


def merged_config(own: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of a call over that of the instance: tags and metadata of both."""
    merged = {**own, **given}
    if own.get("tags") and given.get("tags"):
        merged["tags"] = [*own["tags"], *given["tags"]]
    if own.get("metadata") and given.get("metadata"):
        merged["metadata"] = {**own["metadata"], **given["metadata"]}
    return merged


def first_of(given: Any, options: dict[str, Any], *names: str) -> Any:
    """Return `given`, or else the first of these options that is; all of them are taken out."""
    others = [options.pop(name, None) for name in names]
    return next((value for value in (given, *others) if value is not None), None)
