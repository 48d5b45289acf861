"""A LangChain chain that ends in a parser: its text, and what the parser makes of it.

A parser that streams guesses at half a document, and says nothing of one that it cannot read. So the text is
gathered first, and parsed once it is whole.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import msgspec

from llmdash.llms.messages import Delta

__all__ = ["Chain", "as_text", "chain_of", "parsed"]

_MESSAGE_LIMIT = 300


class Chain(NamedTuple):
    """A Runnable that answers in text or messages, and the parser behind it, if there is one."""

    head: Any
    parser: Any = None


def chain_of(runnable: Any) -> Chain:
    """Return a Runnable as a chain. A parser whose output is text counts as part of the model."""
    steps = getattr(runnable, "steps", None)
    if not isinstance(steps, list) or len(steps) < 2:
        return Chain(runnable)
    last = steps[-1]
    if not hasattr(last, "parse_result") or getattr(last, "OutputType", None) is str:
        return Chain(runnable)
    return Chain(reduce(operator.or_, steps[:-1]), last)


async def parsed(parser: Any, raw: Any, end: Delta, text: str) -> Delta:
    """Return the last Delta of an answer: what the parser makes of it, as text; or the raw text, flagged
    `invalid` with the `problem`, if it can make nothing of it.
    """
    try:
        value = await parser.ainvoke(raw if raw is not None else text)
    except Exception as error:  # noqa: BLE001 - the parser is the user's: whatever it raises, the answer is invalid
        problem = " ".join(str(error).split())[:_MESSAGE_LIMIT] or type(error).__name__
        flags = (*end.flags, "invalid")
        return msgspec.structs.replace(end, text=text, flags=flags, info={"problem": problem})
    return msgspec.structs.replace(end, text=as_text(value))


def as_text(value: Any) -> str:
    """Return what a Runnable returns as text: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    return dict(value) if isinstance(value, Mapping) else str(value)
