"""Every class that asks a server, made ready for a simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llmdash.llms import LLM, LangChainLLM
from llmdash.llms.anthropic import Anthropic, ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.promptlayer import PromptLayerChatOpenAI, PromptLayerOpenAI
from tests.simulated import Simulated

QUESTION = "What is 2 + 3 x 4?"
ANSWER = "2 + 3 x 4 = 14."


class Model(NamedTuple):
    """`make` takes a simulator and settings; a `plain` model gives `str`, a chat model objects."""

    make: Callable[..., LLM]
    plain: bool
    kind: type


def _remote(kind: Callable[..., LLM], *, plain: bool, **more: Any) -> Model:
    def make(simulated: Simulated, **settings: Any) -> LLM:
        reporting: dict[str, Any] = {}
        if kind in (PromptLayerOpenAI, PromptLayerChatOpenAI):
            reporting = {"promptlayer_api_key": "pl-key", "promptlayer_base_url": simulated.root}
        settings.setdefault("api_key", simulated.keys[0])
        return kind("sim-small", base_url=simulated.base_url, **more, **reporting, **settings)

    assert isinstance(kind, type)
    return Model(make, plain, kind)


def _langchain(simulated: Simulated, **settings: Any) -> LLM:
    from langchain_openai import ChatOpenAI as TheirChatOpenAI

    target = TheirChatOpenAI(
        model="sim-small",
        api_key=settings.get("api_key", simulated.keys[0]),
        base_url=simulated.base_url,
        disable_streaming=not settings.get("streaming", True),
        stream_usage=True,
        max_retries=0,
    )
    return LangChainLLM(target)


REMOTE = {
    "OpenAI": _remote(OpenAI, plain=True),
    "ChatOpenAI": _remote(ChatOpenAI, plain=False),
    "ChatOpenAI, Responses": _remote(ChatOpenAI, plain=False, use_responses_api=True),
    "Anthropic": _remote(Anthropic, plain=True),
    "ChatAnthropic": _remote(ChatAnthropic, plain=False),
    "PromptLayerOpenAI": _remote(PromptLayerOpenAI, plain=True),
    "PromptLayerChatOpenAI": _remote(PromptLayerChatOpenAI, plain=False),
}
MODELS = {**REMOTE, "LangChainLLM": Model(_langchain, False, LangChainLLM)}
