"""Wrapping: what both kinds of Runnable are, over the class that makes the calls."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncGenerator, Mapping
from typing import Any, ClassVar

from langchain_core.language_models import BaseLanguageModel
from pydantic import Field

from llmdash.llms.call_config import refuse_text
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, PromptLike, RequestPicture
from llmdash.llms.options import merge_options
from llmdash.llms.request_identity import RequestIdentity

__all__ = ["Wrapping"]

_OPTIONS = ("temperature", "max_tokens", "top_p")


class Wrapping(BaseLanguageModel[Any], ABC):
    """A model of LangChain that holds one of this package, `llm`, which makes the calls.

    The other fields are options of every call, over those of `llm`: they may be set, and configured
    (`configurable_fields`). None leaves an option to `llm`.
    """

    native: ClassVar[type[HttpLLM]]

    llm: HttpLLM = Field(exclude=True, repr=False)
    model_name: str
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None

    def __init__(self, model: str | None = None, *, llm: HttpLLM | None = None, **settings: Any) -> None:
        fields = type(self).model_fields
        if llm is None:
            ours = {name: value for name, value in settings.items() if name in _OPTIONS or name not in fields}
            llm = self.native(model or settings.get("model_name"), **ours)
        theirs = {name: value for name, value in settings.items() if name in fields}
        super().__init__(**{"model_name": llm.model, **theirs, "llm": llm})

    @property
    def model(self) -> str:
        """The server's name for the model."""
        return self.model_name

    @property
    def url(self) -> str:
        """Where requests are sent."""
        return self.llm.url

    def deltas(self, prompt: PromptLike, **options: Any) -> AsyncGenerator[Delta, None]:
        """Yield every Delta of one answer, without retries."""
        return self.llm.deltas(prompt, **self._options(options))

    def identity(self, prompt: PromptLike, **options: Any) -> RequestIdentity | None:
        """Return what tells a request from others."""
        return self.llm.identity(prompt, **self._options(options))

    def picture(self, prompt: PromptLike, **options: Any) -> RequestPicture | None:
        """Return the request of a call as it may be seen."""
        return self.llm.picture(prompt, **self._options(options))

    def longest_answer(self, options: Mapping[str, Any]) -> int | None:
        """Return the most tokens of an answer to a request with these options; None if there is no limit."""
        return self.llm.longest_answer(self._options(options))

    async def aclose(self) -> None:
        """Close the connections."""
        await self.llm.aclose()

    @property
    def _llm_type(self) -> str:
        return f"llmdash-{self.llm.dialect.wire}"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"url": self.llm.url, "given": self.llm.given(), **self._options({})}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        facts = self.llm.event_facts()
        return {**facts, **super()._get_ls_params(stop, **kwargs), "ls_provider": facts["ls_provider"]}

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a call: those given, over those of this model."""
        own = {name: getattr(self, name) for name in _OPTIONS}
        known = {name: value for name, value in own.items() if value is not None}
        return {"model": self.model_name, **merge_options(known, given)}

    def batch(self, inputs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the answers to a list of prompts."""
        refuse_text(inputs, "batch")
        return super().batch(inputs, *args, **kwargs)

    async def abatch(self, inputs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the answers to a list of prompts."""
        refuse_text(inputs, "abatch")
        return await super().abatch(inputs, *args, **kwargs)
