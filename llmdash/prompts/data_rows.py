"""Data rows: a prompt and what belongs to it. Every other field is carried, whatever its name.

A prompt is `prompt` (text, or a list of messages), what a template or `--prompt-column` says, or stands in a
shape of data sets: ShareGPT's `conversations`, Alpaca's `instruction` and `input`, or `input` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from llmdash.prompts.conversations import share_gpt, text_or_conversation
from llmdash.prompts.options import OptionError, read_options
from llmdash.prompts.records import (
    KEPT_NAMES,
    Recipe,
    RecordError,
    carried_of,
    check_of,
    expected_of,
    id_of,
    parsed,
    value_of,
    with_system,
)
from llmdash.prompts.source import NO_FIELDS, NO_OPTIONS, InputError, Prompt, Said
from llmdash.prompts.template import name_list, one_line

__all__ = ["OPTION", "PLAIN_NAMES", "PROMPT_FIELDS", "data_row", "is_plain", "options_of", "plain_row"]

OPTION = "options."
"""How the name of a column begins that holds one model option."""

PROMPT_FIELDS = ("prompt", "messages", "conversations", "instruction", "input")
"""The fields that a prompt may be in, without a word from the user."""

PLAIN_NAMES = KEPT_NAMES | {"prompt"}
"""The fields of a row that is a prompt and nothing else."""
_READ = frozenset(("system", "check", "options"))
_NOTHING: frozenset[str] = frozenset()
_PROMPT = frozenset(("prompt",))

_Asked = tuple[tuple[Said, ...], frozenset[str], Mapping[str, Any]]
"""The messages, the fields they were made of, and what of these is carried all the same."""


def data_row(fields: Mapping[str, Any], default_id: str, recipe: Recipe) -> Prompt:
    """Return the prompt of a data row. Raises RecordError."""
    messages, taken, unasked = _asked(fields, recipe)
    identity = id_of(fields.get("id"), default_id)
    expected = expected_of(fields.get("expected"))
    rest = fields.keys() - taken - KEPT_NAMES
    found = _Rest(recipe)
    for name, value in fields.items():
        if name in rest:
            found.add(name, value)
        elif name in recipe.carry:
            found.carried[name] = value
    found.carried.update(unasked)
    try:
        options = read_options(found.options) if found.options else NO_OPTIONS
    except OptionError as error:
        raise RecordError(f"`options`: {error}") from None
    return Prompt(
        identity,
        with_system(messages, found.system or recipe.system),
        expected,
        options or NO_OPTIONS,
        carried=carried_of(found.carried, recipe) or NO_FIELDS,
        check=found.check,
    )


def plain_row(fields: Mapping[str, Any], default_id: str, recipe: Recipe) -> Prompt:
    """As `data_row`, faster: for a row with `prompt`, of which a recipe that asks nothing wants nothing."""
    rest = fields.keys() - PLAIN_NAMES
    if rest and not is_plain(rest):
        return data_row(fields, default_id, recipe)
    messages = text_or_conversation("prompt", fields["prompt"])
    identity, expected = id_of(fields.get("id"), default_id), expected_of(fields.get("expected"))
    if not rest:
        return Prompt(identity, messages, expected)
    carried = {name: value for name, value in fields.items() if name in rest}
    return Prompt(identity, messages, expected, carried=carried)


def is_plain(names: Set[str]) -> bool:
    """True if the fields of a data row decide nothing, but for `prompt`, `id` and `expected`."""
    return names.isdisjoint(_READ) and OPTION not in " ".join(names)


class _Rest:
    """What is in the fields beside the prompt."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._inserted = recipe.inserted
        self.system: str | None = None
        self.check: str | None = None
        self.options: dict[str, Any] = {}
        self.carried: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> None:
        recipe = self._recipe
        if name in recipe.carry or name in self._inserted:
            self.carried[name] = value
        elif name == "system" and isinstance(value, str):
            self.system = value if value.strip() else None
        elif name == "check" and isinstance(value, str):
            self.check = check_of(value)
        elif (own := options_of(name, value, recipe)) is not None:
            self.options = {**own, **self.options} if name == "options" else {**self.options, **own}
        elif name in recipe.send:
            self.options[name] = value_of(name, value, recipe)
        else:
            self.carried[name] = value


def options_of(name: str, value: Any, recipe: Recipe) -> Mapping[str, Any] | None:
    """Return the model options in a field: `options` that is an object, or one of `options.*`.

    None for any other field: choices of a question may be called `options` too.
    """
    if name.startswith(OPTION) and name != OPTION:
        return {} if value == "" else {name[len(OPTION) :]: value_of(name[len(OPTION) :], value, recipe)}
    if name == "options":
        found = parsed(value) if recipe.from_text else value
        return found if isinstance(found, dict) else None
    return None


def _asked(fields: Mapping[str, Any], recipe: Recipe) -> _Asked:
    if recipe.template is not None:
        try:
            text = recipe.template.render(fields)
        except InputError as error:
            raise RecordError(str(error)) from None
        return text_or_conversation("prompt", text), _NOTHING, NO_FIELDS
    column = recipe.prompt_column
    if column is not None:
        if column not in fields:
            raise RecordError(f"no field {one_line(column, 80)!r}; fields here: {name_list(fields)}")
        return text_or_conversation(column, fields[column]), frozenset((column,)), NO_FIELDS
    if fields.get("prompt") is not None:
        return text_or_conversation("prompt", fields["prompt"]), _PROMPT, NO_FIELDS
    return _shaped(fields)


def _shaped(fields: Mapping[str, Any]) -> _Asked:
    """The prompt of a record in one of the shapes of data sets."""
    if fields.get("conversations") is not None:
        messages, unasked = share_gpt(fields["conversations"])
        left = {"conversations": unasked} if unasked else NO_FIELDS
        return messages, frozenset(("conversations",)), left
    if isinstance(fields.get("instruction"), str):
        texts = [fields["instruction"], fields.get("input")]
        if not all(text is None or isinstance(text, str) for text in texts):
            raise RecordError("`input` beside `instruction` must be text")
        text = "\n\n".join(text for text in texts if text)
        return text_or_conversation("instruction", text), frozenset(("instruction", "input")), NO_FIELDS
    if fields.get("input") is not None:
        return text_or_conversation("input", fields["input"]), frozenset(("input",)), NO_FIELDS
    raise _no_prompt(fields)


def _no_prompt(fields: Mapping[str, Any]) -> RecordError:
    found = name_list(fields)
    fix = "add one, or name its field with --prompt-column or --template"
    return RecordError(f"no `prompt` and no `messages` (found: {found}); {fix}")
