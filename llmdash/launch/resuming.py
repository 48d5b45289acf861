"""What decides a run, as its journal records it; and the settings of a resume, which restores that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llmdash import locations
from llmdash.config import ConfigError, EndpointSettings, Settings
from llmdash.config.telling import TELLING
from llmdash.config.toml import TABLES
from llmdash.config.values import shown
from llmdash.launch.inputs import earlier_run
from llmdash.launch.judgement import NO_JUDGEMENT
from llmdash.launch.run_input import Input
from llmdash.prompts.source import PromptSource
from llmdash.secrets import Secret
from llmdash.simulator.settings import SimulatorSettings

__all__ = [
    "ResumedFlags",
    "decision_notes",
    "last_limits",
    "practice_settings",
    "refuse_changes",
    "resumed_flags",
]

Flags = Mapping[str, Any]

_OF_ONE = ("base_url", "dialect", "model", "auth")
"""Settings of the only endpoint, where there is no table of it."""
_OF_RUN = ("temperature", "max_tokens", "stream", "options")
_SIMULATED = ("base_url", "name", "dialect", "auth", "headers", "query", "target")
"""What decides nothing where the simulator answers."""
_SWITCHES = {"repair": ("repair", "off", "on"), "empty_fails": ("empty", "done", "fail")}
"""What a switch is called on the command line, and its values, off and on, by the name of its fact."""
_SECRET_DIGITS = 8
_FILES = ("config", "ca_file")
_PAIRS = frozenset(("options", "headers", "query", "timeout"))
"""The flags that are given once for each name."""


def decision_notes(source: PromptSource, settings: Settings, asked: Flags) -> dict[str, Any]:
    """Return what the journal records of the settings: those that decide the answers, and those `asked` for
    on the command line. A secret is recorded by the start of its fingerprint.
    """
    decided = {
        "endpoints": [_endpoint(endpoint) for endpoint in settings.endpoints],
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "options": settings.options,
        "stream": settings.stream,
        "file": source.options,
        "tables": _tables_file(settings) if TABLES in settings.given else None,
    }
    given = {name: _plain(value) for name, value in _given(asked).items() if name not in TELLING}
    return {
        "decided": json.dumps(decided, default=str),
        "flags": json.dumps(given, default=str),
        "concurrency": settings.concurrency,
    }


def _tables_file(settings: Settings) -> str:
    """The file with the `[[endpoint]]`s: that of the folder, or another one."""
    paths = (file.path for file in settings.trustable if file.path.suffix == ".toml")
    return str(next(paths, "llmdash.toml"))


def _endpoint(endpoint: EndpointSettings) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "dialect": endpoint.dialect,
        "base_url": endpoint.base_url,
        "model": endpoint.model,
        "models": list(endpoint.models),
        "options": endpoint.options,
        "headers": {name: _recorded(value) for name, value in endpoint.headers.items()},
        "query": {name: _recorded(value) for name, value in endpoint.query.items()},
        "auth": endpoint.auth,
        "target": endpoint.target,
    }


def _recorded(value: str | Secret) -> str:
    return f"secret {value.fingerprint[:_SECRET_DIGITS]}" if isinstance(value, Secret) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return locations.recorded(value)
    return list(value) if isinstance(value, tuple) else value


class ResumedFlags(NamedTuple):
    """The `flags` with which the settings of an earlier run are loaded again, those that were `asked` for on
    the command line, then or now, and whether a simulator answered.
    """

    flags: Flags
    asked: Flags
    is_simulated: bool


def resumed_flags(
    given: Input, folder: Path | None, flags: Flags, load: Callable[[Flags], Settings]
) -> ResumedFlags:
    """Return what an earlier run was begun with, and what is given now.

    What is given now in another place, and differs, is left as it is: `refuse_changes` names it. Raises
    JournalError where there is nothing to resume, ConfigError where the endpoints are not known here.
    """
    _, _, facts = earlier_run(folder, given)
    earlier = _object(facts.get("flags"))
    earlier |= {name: locations.from_record(earlier[name]) for name in _FILES if name in earlier}
    decided = _object(facts.get("decided"))
    asked, is_simulated = _with(earlier, flags), bool(facts.get("simulator"))
    if not decided:
        return ResumedFlags(flags, flags, is_simulated)  # begun by a version that recorded nothing
    now = load(flags)
    if not (now.given & {TABLES, "base_url"} or "config" in asked or is_simulated):
        _refuse_without_tables(decided.get("tables"))
    restored = {
        name: value
        for name, value in _restorable(decided)
        if name in earlier or name not in now.given or value == _now(now, name)
    }
    return ResumedFlags(_with({**flags, **earlier, **restored}, flags), asked, is_simulated)


def _refuse_without_tables(path: object) -> None:
    """Raise ConfigError if the endpoints are in a file that is not read here."""
    if isinstance(path, str):
        raise ConfigError(
            f"this run was begun with the [[endpoint]]s of {path}: resume it in that folder, or add "
            f"--config {path}; keys of a .env are read from the folder you are in"
        )


def _given(flags: Flags) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value not in (None, (), [])}


def _with(earlier: Flags, flags: Flags) -> dict[str, Any]:
    """The earlier flags with those of now in their place; of lists of NAME=VALUE, entry by entry."""
    now = _given(flags)
    for name in _PAIRS & now.keys() & _given(earlier).keys():
        replaced = {_name_in(pair) for pair in now[name]}
        now[name] = [*(pair for pair in earlier[name] if _name_in(pair) not in replaced), *now[name]]
    return {**earlier, **now}


def _name_in(pair: str) -> str:
    return pair.partition("=")[0].strip().lower()


def _restorable(decided: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings on record, as flags have them."""
    if not decided.get("tables"):
        for name in _OF_ONE:
            yield name, decided["endpoints"][0].get(name)
    yield "temperature", _as_text(decided.get("temperature"))
    yield "max_tokens", _as_text(decided.get("max_tokens"))
    yield "stream", decided.get("stream")
    options = decided.get("options") or {}
    yield "options", [f"{name}={json.dumps(value)}" for name, value in options.items()]


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


def _now(settings: Settings, name: str) -> Any:
    """A setting of now, as `_restorable` has it."""
    if name == "options":
        return [f"{option}={json.dumps(value)}" for option, value in settings.options.items()]
    if name == "auth":
        return settings.endpoints[0].auth
    value = getattr(settings, name)
    return value if isinstance(value, bool) or name in _OF_ONE else _as_text(value)


def refuse_changes(facts: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
    """Raise ConfigError for settings that differ from those of the earlier run: the rest of the answers would
    be others, or scored otherwise.
    """
    before, now = _object(facts.get("decided")), _object(notes["decided"])
    if not before:
        return  # begun by a version that recorded nothing
    changes = [
        *_changes(before, now, simulated=bool(facts.get("simulator"))),
        *_judged_otherwise(facts, notes),
    ]
    if changes:
        raise ConfigError(
            f"this run was begun with other settings: {'; '.join(changes)}. Put them back, begin a new run, "
            "or go on with them: --changed ok"
        )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], *, simulated: bool) -> Iterator[str]:
    for name in ("temperature", "max_tokens", "options", "stream", "file"):
        if before.get(name) != now.get(name):
            yield _change("options of the file" if name == "file" else name, before.get(name), now.get(name))
    then = {each["name"]: each for each in before["endpoints"]}
    there = {each["name"]: each for each in now["endpoints"]}
    if simulated or len(then) == len(there) == 1:  # the only endpoint is named by its address
        then, there = {"": before["endpoints"][0]}, {"": now["endpoints"][0]}
    for name in dict.fromkeys((*then, *there)):
        if name not in there or name not in then:
            yield f"endpoint {name} is {'gone' if name in then else 'new'}"
            continue
        for field, value in then[name].items():
            ignored = field == "name" or (simulated and field in _SIMULATED)
            if not ignored and value != there[name].get(field):
                label = f"{field} of {name}" if name else field
                yield _change(label, value, there[name].get(field))


def _judged_otherwise(facts: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[str]:
    then = NO_JUDGEMENT.or_as_in(facts).notes()
    if facts.get("check") != notes["check"]:
        yield _change("check", facts.get("check"), notes["check"])
    before, now = _object(facts.get("schema")), _object(notes["schema"])
    if before != now:
        yield _change("schema", before, now)
    for name, (option, *values) in _SWITCHES.items():
        was, is_now = bool(then[name]), bool(notes[name])
        if was != is_now:
            yield _change(option, values[was], values[is_now])


def _change(name: str, before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        parts = [key for key in dict.fromkeys((*before, *now)) if before.get(key) != now.get(key)]
        return ", ".join(_change(f"{name}.{key}", before.get(key), now.get(key)) for key in parts)
    return f"{name} was {_said(before)} and is {_said(now)}"


def _said(value: Any) -> str:
    return "not set" if value in (None, {}, []) else shown(value)


def last_limits(facts: Mapping[str, Any], settings: Settings, flags: Flags) -> dict[str, Any]:
    """Return rate, auto, concurrency and budget as last set, those given now on the command line apart.

    A run that never had a budget has that of the settings, if any; one whose budget was lifted has none.
    """
    found: dict[str, Any] = {}
    if flags.get("rate") is None and facts.get("rate") is not None:
        found["rate"] = json.loads(facts["rate"])
    if flags.get("auto") is None and isinstance(facts.get("auto"), int):
        found["auto"] = bool(facts["auto"])
    if flags.get("budget") is None and facts.get("budget") is not None:
        found["budget"] = json.loads(facts["budget"])
    if flags.get("concurrency") is None and isinstance(facts.get("concurrency"), int):
        found["concurrency"] = facts["concurrency"]
    return found


def practice_settings(facts: Mapping[str, Any]) -> SimulatorSettings | None:
    """Return the settings of the simulator that an earlier run used, if any."""
    stored = facts.get("simulator")
    if not stored:
        return None
    values = json.loads(stored)
    return SimulatorSettings(**{**values, "keys": tuple(values["keys"])})


def _object(text: Any) -> dict[str, Any]:
    """A fact of JSON; empty where it is missing or damaged."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
