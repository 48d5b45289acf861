"""Makes a prompt of one record: a batch envelope, a request row or a data row, whatever it is.

| record | what is sent |
|---|---|
| envelope: `custom_id` with `body` or `params` | the body as it stands |
| request row: `messages`, no `prompt` | the published request fields |
| data row: `prompt`, or a template, or a shape of data sets | the prompt, `system`, `options` |

Nothing is ignored: what is not sent is read (`id`, `expected`, `check`) or carried into the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmdash.prompts.batch_files import envelope, is_envelope
from llmdash.prompts.data_rows import data_row, plain_row
from llmdash.prompts.records import EXPECTED, Recipe
from llmdash.prompts.request_rows import is_request_row, request_row
from llmdash.prompts.source import Prompt

__all__ = ["build_prompt"]


def build_prompt(fields: Mapping[str, Any], default_id: str, recipe: Recipe) -> Prompt:
    """Return the prompt of a record, with `default_id` if it has no id. Raises RecordError."""
    if recipe.asks_nothing and fields.get("prompt") is not None and "custom_id" not in fields:
        return plain_row(fields, default_id, recipe)  # nearly every row
    if recipe.expected_column is not None:
        fields = {**fields, EXPECTED: fields.get(recipe.expected_column)}
    if not recipe.is_data:
        if is_envelope(fields):
            return envelope(fields, recipe)
        if is_request_row(fields):
            return request_row(fields, default_id, recipe)
    return data_row(fields, default_id, recipe)
