"""The model and the request options of a prompt file, against those of the settings and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmdash.config import ConfigError, Settings
from llmdash.config.values import shown
from llmdash.llms.options import merge_options
from llmdash.prompts.source import Prompt, PromptSource
from llmdash.prompts.wrapped import WrappedSource

__all__ = ["WithModel", "asked_options", "options_of", "with_model", "with_model_of"]

_ASKED = ("temperature", "max_tokens")


def with_model_of(
    source: PromptSource, settings: Settings, asked: Mapping[str, Any], *, simulated: bool = False
) -> tuple[PromptSource, Settings]:
    """Return `source` and `settings` with the model that the prompt file names, unless one is in `asked`.

    One endpoint, or the simulator, is asked for it; with several it is as if each prompt named it. Raises
    ConfigError where none of them serves it.
    """
    model = source.options.get("model")
    if not isinstance(model, str) or asked.get("model") is not None:
        return source, settings
    if simulated or len(settings.endpoints) == 1:
        return source, with_model(settings, model)
    if not any(model in (each.model, *each.models) for each in settings.endpoints):
        raise ConfigError(
            f"{source.name}: model {shown(model)} is at no endpoint; name it there: models = [...]"
        )
    return WithModel(source, model), settings


def with_model(settings: Settings, model: str) -> Settings:
    """Return `settings` with `model` for every endpoint."""
    endpoints = tuple(replace(endpoint, model=model) for endpoint in settings.endpoints)
    return replace(settings, model=model, endpoints=endpoints)


def options_of(source: PromptSource, settings: Settings, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that go with each request: those of the prompt file, with `temperature` and
    `max_tokens` of the settings in their place where these are `asked` for.
    """
    own = {name: value for name, value in source.options.items() if name != "model"}
    return merge_options(own, asked_options(settings, asked))


def asked_options(settings: Settings, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `temperature` and `max_tokens` of the settings as far as they are `asked` for on the command
    line: they go before those of any file.
    """
    said = {name: getattr(settings, name) for name in _ASKED if asked.get(name) is not None}
    return {name: value for name, value in said.items() if value is not None}


class WithModel(WrappedSource):
    """A source whose prompts ask for a model, those that name one apart."""

    def __init__(self, source: PromptSource, model: str) -> None:
        super().__init__(source)
        self._model = model

    @property
    def options(self) -> Mapping[str, Any]:
        return {name: value for name, value in self.source.options.items() if name != "model"}

    def prompt(self, index: int) -> Prompt:
        prompt = self.source.prompt(index)
        return replace(prompt, options={"model": self._model, **prompt.options})
