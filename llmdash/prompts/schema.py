"""AnswerSchema: a JSON schema that answers are asked for by, and validated against."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmdash.prompts.answers import first_json
from llmdash.prompts.source import InputError
from llmdash.prompts.template import one_line

__all__ = ["AnswerSchema", "open_schema"]

_LARGEST = 4 * 1024 * 1024
_LONGEST_REASON = 200


class AnswerSchema:
    """A schema of answers, in JSON Schema (draft 2020-12 unless it says another).

    `document` is the schema itself. References to other documents are not followed.
    """

    def __init__(self, document: Mapping[str, Any], shown: str = "the schema") -> None:
        validators = _jsonschema(shown)
        kind = validators.validators.validator_for(document, validators.Draft202012Validator)
        try:
            kind.check_schema(document)
        except validators.SchemaError as error:
            raise InputError(f"{shown}: not a JSON schema: {one_line(error.message, 200)}") from None
        registry = importlib.import_module("referencing").Registry()  # without one, it would fetch
        self.document = document
        self._validator = kind(document, registry=registry)

    def problem(self, text: str) -> str | None:
        """Return what is wrong with an answer, in a line; None if it is valid."""
        found = first_json(text)
        if found is None:
            return "no JSON in the answer"
        try:
            wrong = next(iter(self._validator.iter_errors(found[0])), None)
        except RecursionError:
            return "nested too deeply"
        except Exception as error:  # noqa: BLE001 - a reference that leads nowhere has many kinds of error
            return f"the schema cannot be used: {type(error).__name__}"
        return f"{wrong.json_path}: {one_line(wrong.message, _LONGEST_REASON)}" if wrong is not None else None

    def response_format(self) -> dict[str, Any]:
        """Return the request option that asks for answers of this schema, as chat completions have it."""
        title = self.document.get("title")
        letters = (sign if sign.isascii() and sign.isalnum() else "_" for sign in str(title or "answer"))
        named = {"name": "".join(letters)[:64], "schema": dict(self.document)}
        return {"type": "json_schema", "json_schema": named}


def open_schema(path: Path) -> AnswerSchema:
    """Return the schema in a file. Raises InputError that names file and fix."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > _LARGEST:
        raise InputError(f"{path}: more than 4 MB; a schema is smaller")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f'{path}: not a JSON schema; write an object such as {{"type": "object"}}')
    return AnswerSchema(document, str(path))


def _jsonschema(shown: str) -> Any:
    try:
        return importlib.import_module("jsonschema")
    except ImportError:
        raise InputError(f"{shown}: a schema needs jsonschema; pip install 'llmdash[schema]'") from None
