"""Faults of the answer itself: how it ends, what is empty in it, and what it is said to cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.simulator.answers import Completion
from llmdash.simulator.dialects.base import Reply, Spent
from llmdash.simulator.faults.base import (
    CHUNKED,
    EVERY,
    OPENAI,
    Asking,
    Compose,
    Fault,
    PlainAnswer,
    Reach,
    Rewrite,
    Served,
    StreamedAnswer,
    Variant,
)

__all__ = ["ANSWERS", "filtered"]

_replace = msgspec.structs.replace
_PART = 3  # chunks of an answer that ends too early
_THOUGHT = ("First", " I", " look", " at", " what", " is", " asked", ",", " and", " then")


def _answering(change: Callable[[Completion], Completion]) -> Callable[[Reply], Reply]:
    return lambda reply: _replace(reply, answers=tuple(map(change, reply.answers)))


def _cut(answer: Completion, reason: str) -> Completion:
    return Completion(answer.chunks[:_PART], finish_reason=reason)


def _ending(reason: str) -> Compose:
    return Compose(_answering(lambda answer: _cut(answer, reason)))


def filtered(reply: Reply) -> Reply:
    """Return the reply with nothing said, as a content filter leaves it."""
    return _replace(
        reply, answers=tuple(Completion((), finish_reason="content_filter") for _ in reply.answers)
    )


def _only_thought(reply: Reply) -> Reply:
    return _replace(reply, answers=tuple(Completion((), reasoning=_THOUGHT) for _ in reply.answers))


def _claiming(spent: Spent) -> Compose:
    return Compose(lambda reply: _replace(reply, claimed=spent))


def _error_finish(error: Mapping[str, Any] | None) -> Rewrite:
    """The answer up to its first words, then `error` for a finish reason, and beside it what happened."""

    def change(asking: Asking, served: Served) -> Served:
        if isinstance(served, PlainAnswer):
            return PlainAnswer(served.at, _failed(asking, served.content, error))
        frames = list(served.frames)
        place = next((place for place, frame in enumerate(frames) if _ends(frame.content())), None)
        if place is None:  # a server that gives no finish reasons
            return served
        content = frames[place].content() or {}
        last = frames[place].holding(_failed(asking, content, error))
        if asking.dialect == "responses":
            last = _replace(last, data=last.data.replace(b"response.completed", b"response.failed"))
        return StreamedAnswer((*frames[: max(_PART, place // 2)], last, *frames[place + 1 :]))

    return Rewrite(change)


def _ends(content: dict[str, Any] | None) -> bool:
    """Whether a chunk or event has the finish reason or, in Responses, the whole response."""
    if content is None:
        return False
    choices = content.get("choices") or [{}]
    return bool(choices[0].get("finish_reason")) or content.get("type") in (
        "response.completed",
        "response.incomplete",
    )


def _failed(asking: Asking, content: dict[str, Any], error: Mapping[str, Any] | None) -> dict[str, Any]:
    if asking.dialect == "responses":
        response = content.get("response", content)
        said = (error or {}).get("message", "The model failed.")
        failed = {
            **response,
            "status": "failed",
            "error": {"code": "server_error", "message": said},
            "output": [],
        }
        return {**content, "type": "response.failed", "response": failed} if "response" in content else failed
    choices = []
    for choice in content["choices"]:
        beside = {} if error is None else {"error": dict(error)}
        choices.append({**_shortened(choice), "finish_reason": "error", **beside})
    return {**content, "choices": choices}


def _shortened(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice with half of its text."""
    if "message" in choice:
        text = choice["message"].get("content") or ""
        return {**choice, "message": {**choice["message"], "content": text[: len(text) // 2]}}
    return {**choice, "text": choice["text"][: len(choice["text"]) // 2]} if "text" in choice else choice


def _without_choices(asking: Asking, served: Served) -> Served:
    """No choice, and the tokens of the prompt."""
    spent = {"prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12}
    if isinstance(served, PlainAnswer):
        return PlainAnswer(served.at, {**served.content, "choices": [], "usage": spent})
    first = next(frame for frame in served.frames if frame.content() is not None)
    only = first.holding({**(first.content() or {}), "choices": [], "usage": spent})
    return StreamedAnswer((only, _replace(first, data=b"data: [DONE]\n\n")))


def _without_output(asking: Asking, served: Served) -> Served:
    """A response that is completed and has no items."""
    if isinstance(served, PlainAnswer):
        return PlainAnswer(served.at, {**served.content, "output": []})
    found = [(frame, frame.content() or {}) for frame in served.frames]
    kept = [
        frame.holding({**content, "response": {**content["response"], "output": []}})
        for frame, content in found
        if "response" in content
    ]
    return StreamedAnswer(tuple(kept))


ANSWERS = (
    Fault(
        "odd-finish",
        "three chunks of an answer, then a finish reason that means trouble",
        Reach.REQUEST,
        {
            "insufficient_system_resource": Variant(_ending("insufficient_system_resource")),
            "abort": Variant(_ending("abort")),
        },
    ),
    Fault(
        "error-finish-plain",
        "the finish reason `error` after a part of the answer, with or without an error beside it",
        Reach.REQUEST,
        {
            "bare": Variant(_error_finish(None), OPENAI),
            "error": Variant(_error_finish({"code": 502, "message": "The upstream model failed."}), OPENAI),
            "bad-request": Variant(
                _error_finish({"code": 400, "message": "The upstream model refused the request."}),
                CHUNKED,
                reach=Reach.PROMPT,
                asked_only=True,
            ),
        },
    ),
    Fault(
        "no-choices",
        "`choices: []`, and the prompt is billed",
        Reach.PROMPT,
        {"blocked": Variant(Rewrite(_without_choices), CHUNKED)},
    ),
    Fault(
        "empty-completed",
        "a response that is completed, with `output: []`",
        Reach.EACH,
        {"empty": Variant(Rewrite(_without_output), frozenset({"responses"}))},
    ),
    Fault(
        "reasoning-only",
        "ten chunks of reasoning and no answer",
        Reach.EACH,
        {"thought": Variant(Compose(_only_thought), EVERY - {"completions"})},
    ),
    Fault(
        "usage-total",
        "a total with reasoning that the output tokens leave out",
        Reach.EACH,
        {"outside": Variant(_claiming(Spent(32, 9, reasoning=2000, total=2041)), OPENAI)},
        spoils=False,
    ),
    Fault(
        "cached-tokens",
        "1920 of 2000 input tokens are from the cache; Anthropic: 1500 read and 420 written",
        Reach.EACH,
        {
            "read": Variant(_claiming(Spent(2000, 9, cached=1920)), OPENAI),
            "read-and-written": Variant(_claiming(Spent(2000, 9, cached=1500, written=420)), EVERY - OPENAI),
        },
        spoils=False,
    ),
)
"""Answers that end oddly, say nothing, or are counted oddly."""
