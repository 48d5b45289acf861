"""RunnableChat: a chat model of this package as a chat model of LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from llmdash.llms.call_config import refuse_text
from llmdash.llms.messages import PromptLike
from llmdash.llms.runnables.calls import answers, deltas
from llmdash.llms.runnables.convert import ai_chunk, ai_message
from llmdash.llms.runnables.wrapping import Wrapping
from llmdash.llms.sync_bridge import each, wait_for

__all__ = ["RunnableChat"]

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool


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
        self, tools: Sequence[Tool], *, tool_choice: str | bool | dict[str, Any] | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools: functions, pydantic classes, tools of LangChain, or schemas.

        `tool_choice` is the name of one, `any`, `auto`, `none`, or what the server takes.
        """
        kwargs.pop("ls_structured_output_format", None)
        write = _WRITERS[self.llm.dialect.wire]
        asked, choice = write([convert_to_openai_tool(tool) for tool in tools], tool_choice)
        chosen = {} if choice is None else {"tool_choice": choice}
        return cast("Runnable[LanguageModelInput, AIMessage]", self.bind(tools=asked, **chosen, **kwargs))


Choice = str | bool | dict[str, Any] | None
Written = tuple[list[dict[str, Any]], str | dict[str, Any] | None]
_WORDS = ("auto", "none", "required")


def _choice(choice: Choice) -> str | dict[str, Any] | None:
    """A choice as `required`, `auto`, `none`, the name of a tool, or what the caller wrote."""
    if choice is True or choice == "any":
        return "required"
    return choice or None


def _chat_tools(tools: list[dict[str, Any]], choice: Choice) -> Written:
    named = _choice(choice)
    if isinstance(named, str) and named not in _WORDS:
        named = {"type": "function", "function": {"name": named}}
    return tools, named


def _responses_tools(tools: list[dict[str, Any]], choice: Choice) -> Written:
    named = _choice(choice)
    if isinstance(named, str) and named not in _WORDS:
        named = {"type": "function", "name": named}
    return [{"type": "function", **tool["function"]} for tool in tools], named


def _message_tools(tools: list[dict[str, Any]], choice: Choice) -> Written:
    written = [
        {
            "name": tool["function"]["name"],
            "description": tool["function"].get("description", ""),
            "input_schema": tool["function"].get("parameters") or {"type": "object"},
        }
        for tool in tools
    ]
    named = _choice(choice)
    if isinstance(named, str):
        named = (
            {"type": "any" if named == "required" else named}
            if named in _WORDS
            else {"type": "tool", "name": named}
        )
    return written, named


_WRITERS: Mapping[str, Callable[[list[dict[str, Any]], Choice], Written]] = {
    "chat": _chat_tools,
    "responses": _responses_tools,
    "messages": _message_tools,
}
