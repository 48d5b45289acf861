"""The events of one call in the form of LangChain's `astream_events` (versions v1 and v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from llmdash.llms.messages import Generation
from llmdash.llms.shapes import PLAIN, Shape

__all__ = ["VERSIONS", "EventMaker"]

VERSIONS = ("v1", "v2")


class EventMaker:
    """Makes the events of one run: dictionaries with `event`, `name`, `run_id`, `tags`, `metadata`, `data`
    and `parent_ids` (empty: a call has no parents).

    Events are `on_llm_...` for plain models and `on_chat_model_...` for chat models, in both versions the
    same; `data` holds `input` at the start, `chunk` while it streams, `output` at the end. In v2 `metadata`
    also names the model, and a plain model's output is its result written out; in v1 it is the text.

    Raises NotImplementedError for any other version.
    """

    def __init__(
        self,
        version: str,
        shape: Shape[Any, Any],
        name: str,
        *,
        config: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> None:
        if version not in VERSIONS:
            raise NotImplementedError(f"version {version!r} of the events is unknown; known are v1 and v2")
        self._version = version
        self._shape = shape
        self._name = str(config.get("run_name") or name)
        self._run_id = str(config.get("run_id") or uuid4())
        self._tags: Sequence[str] = list(config.get("tags") or ())
        more = {**facts, "ls_model_type": "chat" if shape is not PLAIN else "llm"} if version == "v2" else {}
        self._metadata = {**(config.get("metadata") or {}), **more}

    def start(self, prompt: Any) -> dict[str, Any]:
        """Return the event at the start of the call."""
        return self._event("start", input=prompt)

    def stream(self, piece: Any) -> dict[str, Any]:
        """Return the event for one piece of the answer."""
        return self._event("stream", chunk=piece)

    def end(self, answer: Generation) -> dict[str, Any]:
        """Return the event with the whole answer."""
        if self._version == "v2" and self._shape is PLAIN:
            written = {"text": answer.text, "generation_info": answer.generation_info, "type": "Generation"}
            return self._event("end", output={"generations": [[written]], "llm_output": None})
        return self._event("end", output=self._shape.whole(answer))

    def _event(self, stage: str, **data: Any) -> dict[str, Any]:
        return {
            "event": f"on_{self._shape.kind}_{stage}",
            "data": data,
            "name": self._name,
            "tags": list(self._tags),
            "run_id": self._run_id,
            "metadata": dict(self._metadata),
            "parent_ids": [],
        }
