"""The request of a job as it may be seen, with what the server said of the limits of its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.model.frame import RequestPart
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.options import merge_options
from llmdash.prompts.source import Prompt

__all__ = ["RequestParts"]


class RequestParts:
    """Makes the request of any job anew, from its prompt and the options of the run."""

    def __init__(self, pool: KeyPool, options: Mapping[str, Any]) -> None:
        self._pool = pool
        self._options = options

    def part(self, prompt: Prompt, label: str | None) -> RequestPart | None:
        """Return the request with the key of that label, or of the first one without; None where code of
        others makes it.
        """
        members = self._pool.members
        member = next((each for each in members if each.label == label), members[0])
        picture = member.llm.picture(as_asked(prompt), **merge_options(self._options, prompt.options))
        if picture is None:
            return None
        hints = member.reported
        limits = {} if hints is None else {name: getattr(hints, name) for name in hints.__struct_fields__}
        return RequestPart(picture.url, picture.headers, picture.body, **limits)
