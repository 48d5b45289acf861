"""What becomes of the fields of a file, in one line: what is sent, what is carried, what is only read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmdash.prompts.data_rows import OPTION, PLAIN_NAMES
from llmdash.prompts.records import Recipe
from llmdash.prompts.source import InputError, Prompt
from llmdash.prompts.template import name_list, one_line

__all__ = ["Reading"]

_MOST_NAMES = 1_000  # names that are kept; a file may have new ones in every row
_ONLY_READ = frozenset(("id", "expected", "check"))
_SINGLE = re.compile(r"\{([^{}]+)\}")
_BODIES = frozenset(("body", "params"))


class Reading:
    """Notes what becomes of each field while a file is indexed. `taken` says what the file was taken for."""

    def __init__(self, recipe: Recipe, taken: str) -> None:
        self._recipe = recipe
        self._taken = taken
        self._seen: set[str] = set()
        self._sent: dict[str, None] = {}
        self._carried: dict[str, None] = {}
        self._read: dict[str, None] = {}

    def add(self, fields: Mapping[str, Any], prompt: Prompt) -> None:
        """Note a record and the prompt that was made of it, with all that it carries."""
        if fields.keys() <= self._seen and prompt.carried.keys() <= self._carried.keys():
            return
        if len(self._seen) > _MOST_NAMES:
            return
        self._seen |= fields.keys()
        for name in fields:
            if name in prompt.carried:
                self._carried[name] = None
            elif _is_sent(name, fields, prompt):
                self._sent[name] = None
            else:
                self._read[name] = None

    @property
    def noted(self) -> frozenset[str]:
        """The fields that a data row may have without a new thing to note of it."""
        return frozenset(self._seen & (self._carried.keys() | PLAIN_NAMES))

    def check(self) -> None:
        """Raise InputError for a field that is named, and no record has: a slip of the pen."""
        if len(self._seen) > _MOST_NAMES:
            return
        recipe = self._recipe
        expected = frozenset(filter(None, (recipe.expected_column,)))
        asked = {"--send": recipe.send, "--carry": recipe.carry, "--expected-column": expected}
        for option, names in asked.items():
            if strange := sorted(names - self._seen):
                known = name_list(sorted(self._seen))
                raise InputError(f"{option} {one_line(strange[0])}: no such field; fields here: {known}")

    def check_template(self) -> None:
        """Raise InputError for a template whose only field is in single braces: a slip of the pen."""
        template = self._recipe.template
        if template is None or template.fields:
            return
        for name in _SINGLE.findall(template.text):
            if name in self._seen:
                raise InputError(
                    f"{template.origin} has no {{{{field}}}}: write {{{{{name}}}}} for {{{name}}}"
                )

    @property
    def carries(self) -> bool:
        """True if a field is carried, or left out of the results because nothing is to be."""
        return bool(self._carried)

    def text(self) -> str:
        """Return the line: `JSON lines; sent: prompt; carried: row_id; read: id`."""
        template = self._recipe.template
        if template is None:
            sent = name_list(self._sent)
        elif template.fields:
            sent = f"the template with {name_list(template.fields)}"
        else:
            sent = "the template, which has no {{field}}: the same each time"
        carried = name_list(self._carried)
        if not self._recipe.carries and self._carried.keys() - self._recipe.carry:
            left = self._carried.keys() - self._recipe.carry
            carried = f"{name_list(sorted(self._recipe.carry))} (left out: {name_list(sorted(left))})"
        parts = [self._taken, f"sent: {sent}", f"carried: {carried}"]
        if self._read:
            parts.append(f"read: {name_list(self._read)}")
        return "; ".join(part for part in parts if part)


def _is_sent(name: str, fields: Mapping[str, Any], prompt: Prompt) -> bool:
    if prompt.body is None:
        return name not in _ONLY_READ
    if "custom_id" in fields and _BODIES & fields.keys():
        return name in _BODIES
    return name in prompt.body.fields or name == "system" or name == "options" or name.startswith(OPTION)
