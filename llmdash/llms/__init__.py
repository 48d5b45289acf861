"""What one call is: the LLM classes, usable on their own: `from llmdash.llms import ChatOpenAI`.

The engine and everything above it may import it; it imports only `secrets` and `sanitize`. It never knows of
a batch, a pool or a screen. Each class is loaded on first use; where `langchain-core` is installed, the model
classes taken from here are Runnables that wrap those in the modules of this package.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmdash.llms.anthropic import Anthropic, ChatAnthropic
    from llmdash.llms.base import LLM
    from llmdash.llms.completions import OpenAI
    from llmdash.llms.langchain import LangChainLLM
    from llmdash.llms.messages import Delta, Generation, Hints, LLMResult, Message, Usage
    from llmdash.llms.openai import ChatOpenAI
    from llmdash.llms.promptlayer import PromptLayerChatOpenAI, PromptLayerOpenAI
    from llmdash.llms.transport.timeouts import Timeouts
    from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = [
    "LLM",
    "Anthropic",
    "ChatAnthropic",
    "ChatOpenAI",
    "Delta",
    "Failure",
    "FailureKind",
    "Generation",
    "Hints",
    "LLMResult",
    "LangChainLLM",
    "Message",
    "OpenAI",
    "PromptLayerChatOpenAI",
    "PromptLayerOpenAI",
    "Timeouts",
    "Usage",
]

_HOMES = {
    "LLM": "base",
    "Anthropic": "anthropic",
    "ChatAnthropic": "anthropic",
    "ChatOpenAI": "openai",
    "Delta": "messages",
    "Failure": "wire.failures",
    "FailureKind": "wire.failures",
    "Generation": "messages",
    "Hints": "messages",
    "LLMResult": "messages",
    "LangChainLLM": "langchain",
    "Message": "messages",
    "OpenAI": "completions",
    "PromptLayerChatOpenAI": "promptlayer",
    "PromptLayerOpenAI": "promptlayer",
    "Timeouts": "transport.timeouts",
    "Usage": "messages",
}

_RUNNABLES = frozenset(
    ("Anthropic", "ChatAnthropic", "ChatOpenAI", "OpenAI", "PromptLayerChatOpenAI", "PromptLayerOpenAI")
)
"""The classes that are Runnables where LangChain is installed."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    wrapped = name in _RUNNABLES and importlib.util.find_spec("langchain_core") is not None
    home = "runnables" if wrapped else _HOMES[name]
    return getattr(importlib.import_module(f"llmdash.llms.{home}"), name)
