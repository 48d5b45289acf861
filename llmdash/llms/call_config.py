"""The `config` that a call may bring, by LangChain's names: tags, metadata, names, concurrency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CONFIG_NAMES", "Config", "config_of", "configs_of", "refuse_text"]

Config = Mapping[str, Any] | None
"""`tags`, `metadata`, `run_name`, `run_id` and `max_concurrency`, each of which may be left out."""

CONFIG_NAMES = ("tags", "metadata", "run_name", "run_id", "max_concurrency")
_OF_LANGCHAIN = ("callbacks", "configurable", "recursion_limit")


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
            f"{method} got {len(config)} configs for {prompts} prompts; give one, or one for each"
        )
    return [config_of(each, method) for each in config]


def refuse_text(prompts: object, method: str) -> None:
    """Raise TypeError for one text in place of a list: each of its letters would be sent, and paid for."""
    if isinstance(prompts, str | bytes):
        raise TypeError(f"{method} takes a list of prompts, and this is one text; write {method}([...])")
