"""Requests of kept runs, made anew as they may be seen: from what is on record, with no key."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.model.frame import RequestPart
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.options import merge_options
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.prompts.source import Prompt
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.llms.base import LLM

__all__ = ["kept_requests"]

_KEY: Final = Secret("a-key-that-is-not-on-record")
"""In place of each secret: shown as a variable of a shell."""
_SIMULATOR_URL: Final = "http://127.0.0.1:8000/v1"
"""Where `llmdash simulate --port 8000` is: the port of a simulator of then is gone with it."""


def kept_requests(facts: Mapping[str, Any]) -> Callable[[Prompt, str | None], RequestPart | None]:
    """Return what makes the request of a prompt to the endpoint of that name, or to the first one.

    It returns None where the endpoints are not on record, or code of others made the request.
    """
    return _KeptRequests(facts).part


@dataclass
class _KeptRequests:
    """Makes each endpoint's model once, without connections."""

    facts: Mapping[str, Any]
    _models: dict[str, LLM[Any, Any] | None] = field(default_factory=dict)

    @cached_property
    def _decided(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.facts.get("decided") or "{}")
        except (ValueError, TypeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def part(self, prompt: Prompt, endpoint: str | None) -> RequestPart | None:
        try:
            model = self._model(endpoint or "")
            picture = model and model.picture(
                as_asked(prompt), **merge_options(self._options, prompt.options)
            )
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ):  # a damaged record, or one of other versions
            return None
        return RequestPart(picture.url, picture.headers, picture.body) if picture else None

    @property
    def _options(self) -> Mapping[str, Any]:
        plain = {name: self._decided.get(name) for name in ("temperature", "max_tokens")}
        known = {name: value for name, value in plain.items() if value is not None}
        return merge_options(known, self._decided.get("options") or {})

    def _model(self, name: str) -> LLM[Any, Any] | None:
        if name not in self._models:
            endpoints = self._decided["endpoints"]
            found = next((each for each in endpoints if each["name"] == name), endpoints[0])
            self._models[name] = self._made(found)
        return self._models[name]

    def _made(self, endpoint: Mapping[str, Any]) -> LLM[Any, Any] | None:
        dialect = DIALECTS[endpoint["dialect"]]
        if endpoint["dialect"] == LANGCHAIN:
            return None
        arguments = {
            **dialect.arguments,
            "base_url": _SIMULATOR_URL if self.facts.get("simulator") else endpoint["base_url"],
            "model_kwargs": endpoint.get("options"),
            "headers": _with_secrets(endpoint.get("headers")),
            "query": _with_secrets(endpoint.get("query")),
            "auth": endpoint.get("auth"),
            "streaming": self._decided.get("stream"),
            "promptlayer_api_key": _KEY if dialect.reports else None,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        return ModelRecipe(endpoint["dialect"], endpoint["model"], Timeouts(), given, key=_KEY).build(None)


def _with_secrets(fields: Mapping[str, str] | None) -> dict[str, str | Secret]:
    """Return headers or parameters, those that are on record by a fingerprint only as secrets."""
    known = fields or {}
    return {name: _KEY if value.startswith("secret ") else value for name, value in known.items()}
