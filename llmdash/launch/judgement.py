"""Judgement: what an answer has to be, as it is asked for, recorded, and restored by a resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmdash.config.values import ConfigError
from llmdash.lean_dataclass import dataclass

if TYPE_CHECKING:
    from llmdash.engine.dispatch.answer_rules import AnswerRules
    from llmdash.prompts.schema import AnswerSchema
    from llmdash.prompts.source import PromptSource

__all__ = ["NO_JUDGEMENT", "Judgement", "judgement_of"]


@dataclass(frozen=True)
class Judgement:
    """How answers are compared (`check`), the `schema` they have to match (a document), whether one that does
    not is asked for again (`repair`), and whether an empty one is a failure; None where nothing is said.
    """

    check: str | None = None
    schema: Mapping[str, Any] | None = None
    repair: bool | None = None
    empty_fails: bool | None = None

    def notes(self) -> dict[str, Any]:
        """Return what the journal records of it."""
        return {
            "check": self.check,
            "schema": None if self.schema is None else json.dumps(self.schema),
            "repair": None if self.repair is None else int(self.repair),
            "empty_fails": None if self.empty_fails is None else int(self.empty_fails),
        }

    def or_as_in(self, facts: Mapping[str, Any]) -> Judgement:
        """Return this one, with what the facts of an earlier start say where it says nothing."""
        stored = facts.get("schema")
        schema = self.schema if self.schema is not None else json.loads(stored) if stored else None
        return Judgement(
            check=self.check or facts.get("check"),
            schema=schema,
            repair=_said(self.repair, facts.get("repair") if schema is not None else None),
            empty_fails=_said(self.empty_fails, facts.get("empty_fails")),
        )

    def check_complete(self) -> None:
        """Raise ConfigError for a repair without a schema, which says what a valid answer is."""
        if self.repair and self.schema is None:
            raise ConfigError("--repair needs --schema, which says what a valid answer is")

    @cached_property
    def _answers(self) -> AnswerSchema | None:
        if self.schema is None:
            return None
        from llmdash.prompts.schema import AnswerSchema

        return AnswerSchema(self.schema)

    def over(self, source: PromptSource) -> PromptSource:
        """Return the source with its answers compared by the check."""
        if self.check is None:
            return source
        from llmdash.prompts.checked import Checked

        return Checked(source, self.check)

    def options(self, wire: str) -> dict[str, Any]:
        """Return the request options that ask for answers of the schema, in the words of a wire format; none
        where it has no words for that.
        """
        if self._answers is None:
            return {}
        asked = self._answers.response_format()
        if wire == "chat":
            return {"response_format": asked}
        if wire == "responses":
            return {"text": {"format": {"type": asked["type"], **asked["json_schema"]}}}
        return {}

    def rules(self) -> AnswerRules:
        """Return what the engine holds answers to."""
        from llmdash.engine.dispatch.answer_rules import AnswerRules

        return AnswerRules(self._answers, bool(self.repair), bool(self.empty_fails))


def _said(now: bool | None, then: object) -> bool | None:
    return now if now is not None or then is None else bool(then)


NO_JUDGEMENT = Judgement()


def judgement_of(
    check: str | None, schema: Path | None, *, repair: bool | None = None, empty_fails: bool | None = None
) -> Judgement:
    """Return what is asked for. Raises CheckError, or InputError for a file that is no schema."""
    from llmdash.prompts.checks import parse_check
    from llmdash.prompts.schema import open_schema

    document = None if schema is None else open_schema(schema).document
    name = None if check is None else parse_check(check)
    return Judgement(name, document, repair, empty_fails)
