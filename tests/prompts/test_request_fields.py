"""The names of request fields are those that the providers' own SDKs publish."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsBase as BetaMessage
from anthropic.types.message_create_params import MessageCreateParamsBase as Message
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as Chat
from openai.types.completion_create_params import CompletionCreateParamsBase as Completion
from openai.types.responses.response_create_params import ResponseCreateParamsBase as Response

from llmdash.llms.dialects import DIALECTS
from llmdash.prompts.request_fields import PUBLISHED, TEXT_FIELDS, WIRES

TYPES: list[tuple[str, Any]] = [
    ("chat", Chat),
    ("completions", Completion),
    ("responses", Response),
    ("messages", Message),
    ("messages", BetaMessage),
]


@pytest.mark.parametrize(("wire", "kind"), TYPES, ids=[f"{wire}-{kind.__module__}" for wire, kind in TYPES])
def test_every_field_of_the_typed_request_is_published(wire: str, kind: Any) -> None:
    names: set[str] = set()
    for base in kind.__mro__:
        names |= set(getattr(base, "__annotations__", {}))
    assert names - PUBLISHED[wire] == set()


def test_fields_of_text_are_fields_of_requests() -> None:
    assert set().union(*PUBLISHED.values()) >= TEXT_FIELDS


def test_every_dialect_names_a_format_that_is_known() -> None:
    assert {entry.wire for entry in DIALECTS.values()} - {""} == set(WIRES)
