"""The dialects an endpoint may have, and the defaults of each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from llmdash.config.values import ConfigError, shown

__all__ = ["DEFAULT_DIALECT", "DIALECTS", "LANGCHAIN", "Dialect", "parse_dialect"]

DEFAULT_DIALECT = "openai-chat"
LANGCHAIN = "langchain"

_OPENAI = "https://api.openai.com/v1"
_CHAT_MODEL = "gpt-4o-mini"
_COMPLETION_MODEL = "gpt-3.5-turbo-instruct"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The defaults of an endpoint of this dialect, and the environment variables of its provider.

    `reports` is True where calls are reported to PromptLayer, which takes a key of its own. A dialect without
    `base_url` brings its own keys and address.
    """

    base_url: str = _OPENAI
    model: str = _CHAT_MODEL
    key_variable: str = "OPENAI_API_KEY"
    base_url_variable: str = "OPENAI_BASE_URL"
    reports: bool = False

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the settings that the provider's own variables set, by variable."""
        names = {self.key_variable: "api_key", self.base_url_variable: "base_url"}
        return {name: setting for name, setting in names.items() if name}


DIALECTS: Mapping[str, Dialect] = {
    DEFAULT_DIALECT: Dialect(),
    "openai-completions": Dialect(model=_COMPLETION_MODEL),
    "openai-responses": Dialect(),
    "anthropic": Dialect(
        base_url="https://api.anthropic.com",
        model="claude-haiku-4-5",
        key_variable="ANTHROPIC_API_KEY",
        base_url_variable="ANTHROPIC_BASE_URL",
    ),
    "promptlayer-openai": Dialect(model=_COMPLETION_MODEL, reports=True),
    "promptlayer-chat-openai": Dialect(reports=True),
    LANGCHAIN: Dialect(base_url="", model="", key_variable="", base_url_variable=""),
}
"""Every dialect by name."""


def parse_dialect(value: object) -> str:
    """Return the name of a dialect. Raises ConfigError, with the nearest name, for anything else."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in DIALECTS:
        return text
    near = difflib.get_close_matches(text, DIALECTS, 1, 0.5)
    fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(DIALECTS)}"
    raise ConfigError(f"{shown(value)} is not a dialect; {fix}")
