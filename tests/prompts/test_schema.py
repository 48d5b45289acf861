"""Answers validated against a JSON schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.schema import AnswerSchema, open_schema
from llmdash.prompts.source import InputError

PERSON: dict[str, Any] = {
    "title": "a person!",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"name": "Ann", "age": 3}', None),
        ('```json\n{"name": "Ann"}\n```', None),
        ('{"age": 3}', "$: 'name' is a required property"),
        ('{"name": "Ann", "age": -1}', "$.age: -1 is less than the minimum of 0"),
        ("Ann, aged 3", "no JSON in the answer"),
        ("", "no JSON in the answer"),
    ],
)
def test_an_invalid_answer_is_told_with_its_place(text: str, problem: str | None) -> None:
    assert AnswerSchema(PERSON).problem(text) == problem


@given(st.text())
def test_no_answer_breaks_the_validation(text: str) -> None:
    problem = AnswerSchema(PERSON).problem(text)
    assert problem is not None
    assert problem.isprintable()


def test_what_an_answer_says_is_shown_on_one_line() -> None:
    told = AnswerSchema({"type": "number"}).problem(json.dumps("\x1b[2J\n" + "x" * 900))
    assert told is not None
    assert told.isprintable()
    assert len(told) < 300


def test_the_schema_is_asked_for_under_a_name_that_servers_take() -> None:
    asked = AnswerSchema(PERSON).response_format()
    assert asked == {"type": "json_schema", "json_schema": {"name": "a_person_", "schema": PERSON}}


def test_nothing_is_fetched_for_a_reference_elsewhere() -> None:
    told = AnswerSchema({"$ref": "http://127.0.0.1:9/schema.json"}).problem("{}")
    assert told is not None
    assert told.startswith("the schema cannot be used")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON schema"),
        ('{"type": "nonsense"}', "not a JSON schema"),
        ("\xff", "not JSON"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_by_name(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=rf"s\.json: {told}"):
        open_schema(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        open_schema(tmp_path / "none.json")


def test_a_schema_in_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(PERSON))
    assert open_schema(tmp_path / "s.json").document == PERSON
