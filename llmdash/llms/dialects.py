"""The registry of dialects: the name, the class and the provider's variables of each.

Settings, the model factory, the model classes and the simulator's tests read it. A new dialect needs a
class, its wire format in `llms.wire`, an entry here, and support in the simulator.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from llmdash.lean_dataclass import dataclass
from llmdash.llms.wire.dialect import Provider

if TYPE_CHECKING:
    from llmdash.llms.base import LLM

__all__ = ["ANTHROPIC", "DEFAULT_DIALECT", "DIALECTS", "LANGCHAIN", "OPENAI", "PROMPTLAYER", "DialectEntry"]

DEFAULT_DIALECT = "openai-chat"
LANGCHAIN = "langchain"

OPENAI = Provider(
    name="openai",
    key_variables=("OPENAI_API_KEY",),
    base_url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    base_url="https://api.openai.com/v1",
)
ANTHROPIC = Provider(
    name="anthropic",
    key_variables=("ANTHROPIC_API_KEY",),
    base_url_variables=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"),
    base_url="https://api.anthropic.com",
)
PROMPTLAYER = Provider(
    name="promptlayer",
    key_variables=("PROMPTLAYER_API_KEY",),
    base_url_variables=("PROMPTLAYER_BASE_URL",),
    base_url="https://api.promptlayer.com",
)
_NOBODY = Provider("", (), (), "")
_CHAT_MODEL = "gpt-4o-mini"
_COMPLETION_MODEL = "gpt-3.5-turbo-instruct"


@dataclass(frozen=True, slots=True)
class DialectEntry:
    """One dialect: its class as `module:Class`, its provider, and its default model.

    `wire` is the name of its wire format, empty where the class has one of its own. `arguments` are extra
    constructor arguments. `reports` is True if calls are reported to PromptLayer, which
    needs its own key. A dialect without a provider brings its own keys and address.
    """

    target: str
    provider: Provider = OPENAI
    model: str = _CHAT_MODEL
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reports: bool = False
    wire: str = "chat"

    @property
    def base_url(self) -> str:
        """The provider's public base URL; empty without a provider."""
        return self.provider.base_url

    @property
    def key_variable(self) -> str:
        """The variable for the provider's keys; empty without a provider."""
        return next(iter(self.provider.key_variables), "")

    @property
    def variables(self) -> Mapping[str, str]:
        """The setting of each of the provider's own variables; a later entry goes before an earlier one."""
        keys = dict.fromkeys(reversed(self.provider.key_variables), "api_key")
        return keys | dict.fromkeys(reversed(self.provider.base_url_variables), "base_url")

    def load(self) -> Callable[..., LLM[Any, Any]]:
        """Load and return the class."""
        module, _, name = self.target.partition(":")
        found: Callable[..., LLM[Any, Any]] = getattr(importlib.import_module(module), name)
        return found


DIALECTS: Mapping[str, DialectEntry] = {
    DEFAULT_DIALECT: DialectEntry("llmdash.llms.openai:ChatOpenAI"),
    "openai-completions": DialectEntry(
        "llmdash.llms.completions:OpenAI", model=_COMPLETION_MODEL, wire="completions"
    ),
    "openai-responses": DialectEntry(
        "llmdash.llms.openai:ChatOpenAI", arguments={"use_responses_api": True}, wire="responses"
    ),
    "anthropic": DialectEntry(
        "llmdash.llms.anthropic:ChatAnthropic", provider=ANTHROPIC, model="claude-haiku-4-5", wire="messages"
    ),
    "promptlayer-openai": DialectEntry(
        "llmdash.llms.promptlayer:PromptLayerOpenAI",
        model=_COMPLETION_MODEL,
        reports=True,
        wire="completions",
    ),
    "promptlayer-chat-openai": DialectEntry("llmdash.llms.promptlayer:PromptLayerChatOpenAI", reports=True),
    LANGCHAIN: DialectEntry("llmdash.llms.langchain:LangChainLLM", provider=_NOBODY, model="", wire=""),
}
"""Every dialect by name."""
