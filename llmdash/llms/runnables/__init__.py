"""The LLM classes as Runnables of LangChain: what `from llmdash.llms import ChatOpenAI` gives where it is
installed.

Each wraps the class of the same name, which makes the calls. Nothing of the program itself imports this
package: an endpoint is asked through the wrapped classes, with or without LangChain.
"""

from __future__ import annotations

from typing import ClassVar

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


class OpenAI(RunnablePlain):
    """`llmdash.llms.completions.OpenAI` as a Runnable; its arguments, and those of LangChain's models."""

    native: ClassVar[type[HttpLLM]] = completions.OpenAI


class Anthropic(RunnablePlain):
    """`llmdash.llms.anthropic.Anthropic` as a Runnable; its arguments, and those of LangChain's models."""

    native: ClassVar[type[HttpLLM]] = anthropic.Anthropic


class PromptLayerOpenAI(RunnablePlain):
    """`llmdash.llms.promptlayer.PromptLayerOpenAI` as a Runnable."""

    native: ClassVar[type[HttpLLM]] = promptlayer.PromptLayerOpenAI


class ChatOpenAI(RunnableChat):
    """`llmdash.llms.openai.ChatOpenAI` as a Runnable; its arguments, and those of LangChain's models."""

    native: ClassVar[type[HttpLLM]] = openai.ChatOpenAI


class ChatAnthropic(RunnableChat):
    """`llmdash.llms.anthropic.ChatAnthropic` as a Runnable."""

    native: ClassVar[type[HttpLLM]] = anthropic.ChatAnthropic


class PromptLayerChatOpenAI(RunnableChat):
    """`llmdash.llms.promptlayer.PromptLayerChatOpenAI` as a Runnable."""

    native: ClassVar[type[HttpLLM]] = promptlayer.PromptLayerChatOpenAI
