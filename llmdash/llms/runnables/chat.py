"""RunnableChat: a chat model of this package as a chat model of LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable

from llmdash.llms.call_config import refuse_text
from llmdash.llms.messages import PromptLike
from llmdash.llms.runnables.calls import answers, deltas
from llmdash.llms.runnables.convert import ai_chunk, ai_message
from llmdash.llms.runnables.structured import Method, structured, written_format
from llmdash.llms.runnables.tools import Choice, Tool, written_choice, written_tool
from llmdash.llms.runnables.wrapping import Wrapping
from llmdash.llms.sync_bridge import each, wait_for

__all__ = ["RunnableChat"]


class RunnableChat(Wrapping, BaseChatModel):
    """A chat model as a Runnable: `|`, `bind_tools`, `with_structured_output`, `with_retry`, callbacks.

    Arguments are those of the class it wraps, and those of LangChain's chat models (`callbacks`, `tags`,
    `metadata`, `name`, `cache`, `rate_limiter`, ...). `llm` is the wrapped model.
    """

    def _result(self, found: list[Any], model: str) -> ChatResult:
        generations = [
            ChatGeneration(message=ai_message(answer, model), generation_info=answer.generation_info)
            for answer in found
        ]
        return ChatResult(generations=generations, llm_output={"model_name": model})

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = self._options(kwargs)
        found = await answers(self.llm, cast("PromptLike", messages), stop, options)
        return self._result(found, options["model"])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = self._options(kwargs)
        found = wait_for(answers(self.llm, cast("PromptLike", messages), stop, options))
        return self._result(found, options["model"])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        options = self._options(kwargs)
        async for delta, last in deltas(self.llm, cast("PromptLike", messages), stop, options):
            chunk = ChatGenerationChunk(message=ai_chunk(delta, options["model"], last=last))
            if run_manager is not None:
                await run_manager.on_llm_new_token(delta.text, chunk=chunk)
            yield chunk

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        options = self._options(kwargs)
        for delta, last in each(lambda: deltas(self.llm, cast("PromptLike", messages), stop, options)):
            chunk = ChatGenerationChunk(message=ai_chunk(delta, options["model"], last=last))
            if run_manager is not None:
                run_manager.on_llm_new_token(delta.text, chunk=chunk)
            yield chunk

    def generate(self, messages: Any, *args: Any, **kwargs: Any) -> LLMResult:
        """Return the answers to a list of prompts: texts, messages, or lists of messages."""
        refuse_text(messages, "generate")
        return super().generate(self._conversations(messages), *args, **kwargs)

    async def agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> LLMResult:
        """Return the answers to a list of prompts: texts, messages, or lists of messages."""
        refuse_text(messages, "agenerate")
        return await super().agenerate(self._conversations(messages), *args, **kwargs)

    def _conversations(self, prompts: Sequence[LanguageModelInput]) -> list[list[BaseMessage]]:
        single = [[one] if isinstance(one, BaseMessage) else one for one in prompts]
        return [self._convert_input(one).to_messages() for one in single]

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: Choice = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools: functions, pydantic classes, tools of LangChain, schemas, or a
        provider's own tools as they are.

        `tool_choice` is the name of one, `any`, `auto`, `none`, or what the server takes; with `strict` the
        arguments follow the schema.
        """
        kwargs.pop("ls_structured_output_format", None)
        wire = self.llm.dialect.wire
        asked = {
            "tools": [written_tool(tool, wire, strict=strict) for tool in tools],
            **written_choice(tool_choice, wire, is_parallel=parallel_tool_calls),
        }
        return cast("Runnable[LanguageModelInput, AIMessage]", self.bind(**asked, **kwargs))

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return the model with answers that are objects of `schema`, read from the call of a tool, or from
        the text of an answer in JSON (`json_schema`, `json_mode`).

        Raises ValueError for another method, or one that the API does not have.
        """
        wire = self.llm.dialect.wire
        if method == "function_calling":
            asked = self.bind_tools([schema], tool_choice="any", strict=strict, **kwargs)
        else:
            asked = self.bind(**written_format(schema, method, wire, strict=strict), **kwargs)
        return structured(asked, schema, method, include_raw=include_raw)
