"""Input: where the prompts of a run come from; quick to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.lean_dataclass import dataclass

__all__ = ["Input", "input_of"]


@dataclass(frozen=True, slots=True)
class Input:
    """The source of prompts: a file, or arithmetic generated from `seed`; at most `limit` prompts.

    `template`, `prompt_column`, `expected_column`, `system`, `send`, `carry` and `data` say how the file is
    read, as `open_source` has them. `allow_bad_lines` is True if a run may leave lines out and count as
    complete.
    """

    path: Path | None = None
    limit: int | None = None
    seed: int | None = None
    template: str | None = None
    prompt_column: str | None = None
    expected_column: str | None = None
    system: str | None = None
    send: tuple[str, ...] = ()
    carry: tuple[str, ...] = ()
    data: Path | None = None
    allow_bad_lines: bool = False
    is_spooled: bool = False
    """True if the file is a copy of standard input."""

    def notes(self) -> dict[str, Any]:
        """Return what the journal records of the input; `input_of` makes the same input of it."""
        return {
            "path": locations.recorded(self.path) if self.path is not None else None,
            "limit": self.limit,
            "seed": self.seed,
            "template": self.template,
            "prompt_column": self.prompt_column,
            "expected_column": self.expected_column,
            "system": self.system,
            "send": json.dumps(self.send) if self.send else None,
            "carry": json.dumps(self.carry) if self.carry else None,
            "data": locations.recorded(self.data) if self.data is not None else None,
            "allow_bad_lines": int(self.allow_bad_lines) or None,
            "spooled": int(self.is_spooled) or None,
        }


def input_of(facts: Mapping[str, Any]) -> Input:
    """Return the input of an earlier run from what its journal records."""
    path, data = facts.get("path"), facts.get("data")
    return Input(
        path=locations.from_record(path) if path else None,
        limit=facts.get("limit"),
        seed=facts.get("seed"),
        template=facts.get("template"),
        prompt_column=facts.get("prompt_column"),
        expected_column=facts.get("expected_column"),
        system=facts.get("system"),
        send=tuple(json.loads(facts.get("send") or "[]")),
        carry=tuple(json.loads(facts.get("carry") or "[]")),
        data=locations.from_record(data) if data else None,
        allow_bad_lines=bool(facts.get("allow_bad_lines")),
        is_spooled=bool(facts.get("spooled")),
    )
