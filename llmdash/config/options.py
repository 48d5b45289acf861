"""Options of the requests: `--set name=value`, `[options]` and `[endpoint.options]`, checked and merged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmdash.config.sources import Entry
from llmdash.config.values import ConfigError, shown
from llmdash.llms.options import merge_options

__all__ = ["NO_OPTIONS", "merged_options", "options_in"]

NO_OPTIONS: Mapping[str, Any] = {}

_NAME = re.compile(r"[A-Za-z_$][\w$-]{0,99}", re.ASCII)
_ELSEWHERE = {
    "stream": "is set by --no-stream, or stream = false",
    "stream_options": "is set by the program; leave it out",
    "model": "is set by --model, or model = 'NAME'",
    **dict.fromkeys(("messages", "prompt", "input", "instructions", "system"), "belongs to the prompts"),
}
_COUNTS = frozenset({"n", "best_of"})
_COMMON = {"stop_sequences": "stop", "max_output_tokens": "max_tokens"}
"""The names of single dialects for what others have too; the dialect puts its own back."""
_KEYS = frozenset({"api_key", "apikey", "api-key", "key", "authorization"})
_LIKE_JSON = ("{", "[", '"')


def merged_options(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """Return the options of all entries, which go from strong to weak, name by name.

    `null` takes out what a weaker entry sets. Raises ConfigError.
    """
    merged: Mapping[str, Any] = {}
    for entry in reversed(entries):
        merged = merge_options(merged, options_in(entry))
    return {name: value for name, value in merged.items() if value is not None}


def options_in(entry: Entry) -> Mapping[str, Any]:
    """Return the options of a table, of texts `name=value`, or of a JSON object as text.

    The values can be written as JSON. None is kept: it takes out what a wider level sets. Raises ConfigError
    for an option that is set in another way, or that asks for what cannot be run.
    """
    value, place = entry.value, entry.place
    if isinstance(value, list | tuple):
        value = _assigned(map(str, value), place)
    elif isinstance(value, str):
        value = _decoded(value, place)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place}: is not a table of options; write lines such as: top_p = 0.9")
    return _checked(value, place)


def _assigned(texts: Iterable[str], place: str) -> dict[str, Any]:
    """The options of `name=value` texts; a dot in a name makes an object: `reasoning.effort=low`."""
    found: dict[str, Any] = {}
    for text in texts:
        name, mark, value = text.partition("=")
        path = [part.strip() for part in name.split(".")]
        if not mark or not all(path):
            raise ConfigError(f"{place}: {shown(name)} is no option; write it as name=value: top_p=0.9")
        table = found
        for part in path[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{place}: {shown(name)} is set as a value and as an object; keep one")
            table = inner
        table[path[-1]] = _value(value.strip(), f"{place} {shown(name)[1:-1]}")
    return found


def _value(text: str, place: str) -> Any:
    """The value of JSON; any other text is meant as it stands."""
    import msgspec  # few settings are JSON

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if text.startswith(_LIKE_JSON):
            raise ConfigError(
                f"{place}: begins as JSON and is none; on a command line put it into single quotes"
            ) from None
        return text


def _decoded(text: str, place: str) -> Any:
    import msgspec  # few settings are JSON

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ConfigError(f'{place}: is not JSON; write an object such as {{"top_p": 0.9}}') from None


def _checked(options: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    for name, value in options.items():
        label = shown(name)[1:-1]
        if name.lower() in _KEYS:
            raise ConfigError(f"{place}: {label}: keys do not belong here; put them in .env")
        if name in _ELSEWHERE:
            raise ConfigError(f"{place}: {label}: {_ELSEWHERE[name]}")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{place}: {shown(name)} is not the name of an option; write one such as top_p")
        _refuse_no_json(value, f"{place}: {label}")
        if name in _COUNTS and value not in (None, 1):
            raise ConfigError(f"{place}: {label}: a prompt has one answer here; leave it out")
    return {
        _COMMON.get(name, name): _common(name, value, place)
        for name, value in options.items()
        if name not in _COUNTS
    }


def _common(name: str, value: Any, place: str) -> Any:
    """A value in the form that all dialects share: stop sequences are a list of texts."""
    if _COMMON.get(name, name) != "stop" or value is None:
        return value
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise ConfigError(f"{place}: {name}: is neither a text nor a list of texts")
    return stops


def _refuse_no_json(value: Any, place: str) -> None:
    import json

    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            f"{place}: cannot be sent as JSON; write dates as text, and numbers finite"
        ) from None
