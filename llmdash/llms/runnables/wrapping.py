"""Wrapping: what both kinds of Runnable are, over the class that makes the calls."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncGenerator, Mapping
from typing import Any, ClassVar

from langchain_core.language_models import BaseLanguageModel
from pydantic import PrivateAttr

from llmdash.llms.call_config import refuse_text
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, PromptLike

__all__ = ["Wrapping"]


class Wrapping(BaseLanguageModel[Any], ABC):
    """A model of LangChain that holds one of this package, which makes the calls."""

    native: ClassVar[type[HttpLLM]]
    _llm: HttpLLM = PrivateAttr()

    def __init__(self, model: str | None = None, **settings: Any) -> None:
        fields = type(self).model_fields
        theirs = {name: value for name, value in settings.items() if name in fields}
        ours = {name: value for name, value in settings.items() if name not in fields}
        super().__init__(**theirs)
        self._llm = self.native(model, **ours)

    @property
    def llm(self) -> HttpLLM:
        """The model that makes the calls."""
        return self._llm

    @property
    def model(self) -> str:
        """The server's name for the model."""
        return self._llm.model

    @property
    def url(self) -> str:
        """Where requests are sent."""
        return self._llm.url

    def deltas(self, prompt: PromptLike, **options: Any) -> AsyncGenerator[Delta, None]:
        """Yield every Delta of one answer, without retries."""
        return self._llm.deltas(prompt, **options)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._llm.aclose()

    @property
    def _llm_type(self) -> str:
        return f"llmdash-{self._llm.dialect.wire}"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self._llm.model, "url": self._llm.url, **self._llm.event_facts()}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {**super()._get_ls_params(stop, **kwargs), **self._llm.event_facts()}

    def batch(self, inputs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the answers to a list of prompts."""
        refuse_text(inputs, "batch")
        return super().batch(inputs, *args, **kwargs)

    async def abatch(self, inputs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the answers to a list of prompts."""
        refuse_text(inputs, "abatch")
        return await super().abatch(inputs, *args, **kwargs)
