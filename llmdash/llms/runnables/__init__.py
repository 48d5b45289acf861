"""The LLM classes as Runnables of LangChain: what `from llmdash.llms import ChatOpenAI` gives where it is
installed.

Each wraps the class of the same name, which makes the calls. Nothing of the program itself imports this
package: an endpoint is asked through the wrapped classes, with or without LangChain.
"""

from __future__ import annotations

from typing import Any

from llmdash.llms import anthropic, completions, openai, promptlayer
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.runnables.chat import RunnableChat
from llmdash.llms.runnables.plain import RunnablePlain

__all__ = [
    "Anthropic",
    "ChatAnthropic",
    "ChatOpenAI",
    "OpenAI",
    "PromptLayerChatOpenAI",
    "PromptLayerOpenAI",
]


def _wrapped(native: type[HttpLLM], base: type[RunnableChat] | type[RunnablePlain]) -> Any:
    """Return a class with the name of the one that it wraps: callbacks and traces show it."""
    about = f"`{native.__module__}.{native.__name__}` as a Runnable; its arguments, and those of LangChain."
    return type(native.__name__, (base,), {"native": native, "__module__": __name__, "__doc__": about})


OpenAI = _wrapped(completions.OpenAI, RunnablePlain)
Anthropic = _wrapped(anthropic.Anthropic, RunnablePlain)
PromptLayerOpenAI = _wrapped(promptlayer.PromptLayerOpenAI, RunnablePlain)
ChatOpenAI = _wrapped(openai.ChatOpenAI, RunnableChat)
ChatAnthropic = _wrapped(anthropic.ChatAnthropic, RunnableChat)
PromptLayerChatOpenAI = _wrapped(promptlayer.PromptLayerChatOpenAI, RunnableChat)
