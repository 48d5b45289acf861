"""RunnablePlain: a model of this package that answers in text as a plain LLM of LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseLLM
from langchain_core.outputs import Generation as TextGeneration
from langchain_core.outputs import GenerationChunk, LLMResult

from llmdash.llms.call_config import refuse_text
from llmdash.llms.messages import Delta, Generation, Usage
from llmdash.llms.runnables.calls import all_answers, deltas
from llmdash.llms.runnables.convert import info_of
from llmdash.llms.runnables.wrapping import Wrapping
from llmdash.llms.sync_bridge import each, wait_for

__all__ = ["RunnablePlain"]


class RunnablePlain(Wrapping, BaseLLM):
    """A model that answers in text as a Runnable: `|`, `bind`, `with_retry`, callbacks.

    Arguments are those of the class it wraps, and those of LangChain's models (`callbacks`, `tags`,
    `metadata`, `name`, `cache`, ...). `llm` is the wrapped model.
    """

    def _result(self, found: list[list[Generation]], model: str) -> LLMResult:
        used = [one.usage or Usage(0, 0) for answer in found for one in answer]
        asked, said = sum(each.input_tokens for each in used), sum(each.output_tokens for each in used)
        tokens = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        return LLMResult(
            generations=[
                [TextGeneration(text=one.text, generation_info=one.generation_info) for one in answer]
                for answer in found
            ],
            llm_output={"model_name": model, "token_usage": tokens},
        )

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        options = self._options(kwargs)
        found = await all_answers(self.llm, prompts, stop, options)
        return self._result(found, options["model"])

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        options = self._options(kwargs)
        found = wait_for(all_answers(self.llm, prompts, stop, options))
        return self._result(found, options["model"])

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        options = self._options(kwargs)
        async for delta, last in deltas(self.llm, prompt, stop, options):
            chunk = self._chunk(delta, options["model"], last=last)
            if run_manager is not None:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        options = self._options(kwargs)
        for delta, last in each(lambda: deltas(self.llm, prompt, stop, options)):
            chunk = self._chunk(delta, options["model"], last=last)
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunk(self, delta: Delta, model: str, *, last: bool) -> GenerationChunk:
        return GenerationChunk(text=delta.text, generation_info=info_of(delta, model) if last else None)

    def generate(self, prompts: Any, *args: Any, **kwargs: Any) -> LLMResult:
        """Return the answers to a list of texts."""
        refuse_text(prompts, "generate")
        return super().generate(prompts, *args, **kwargs)

    async def agenerate(self, prompts: Any, *args: Any, **kwargs: Any) -> LLMResult:
        """Return the answers to a list of texts."""
        refuse_text(prompts, "agenerate")
        return await super().agenerate(prompts, *args, **kwargs)
