"""Which answers a run takes that are known: of kept runs, and of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.config import ConfigError, EndpointSettings, Settings
from llmdash.config.reuse import ReuseSettings
from llmdash.engine.dispatch.reuse import ReuseRules, Which
from llmdash.engine.journal.keeping import Keep
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.prompts.source import Prompt, PromptSource
from llmdash.runs.catalogue import find_run, run_folders
from llmdash.runs.kept_answers import KeptAnswers

__all__ = ["reuse_notes", "reuse_rules", "with_folders"]

_NAMES = ("reuse", "dedupe")


def with_folders(settings: Settings, facts: Mapping[str, Any], flags: Mapping[str, Any]) -> Settings:
    """Return settings that name the kept runs by their folders.

    They are those of an earlier start, as its `facts` say, but for what the command line of now says: what
    `last` was then is another run now. Raises UnknownRunError.
    """
    then = {name: _recorded(facts.get(name)) for name in _NAMES if not flags.get(name)}
    return replace(
        settings,
        reuse=then.get("reuse") or _found(settings.reuse),
        dedupe=then.get("dedupe") or settings.dedupe,
    )


def _found(asked: ReuseSettings | None) -> ReuseSettings | None:
    if asked is None:
        return None
    return replace(asked, runs=tuple(str(find_run(name).absolute()) for name in asked.runs))


def _recorded(text: Any) -> ReuseSettings | None:
    """A fact that `reuse_notes` has written; None where it is missing or damaged."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
        runs = () if found is None else tuple(str(locations.from_record(run)) for run in found["runs"])
        return None if found is None else ReuseSettings(runs, bool(found["sampled"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def reuse_notes(settings: Settings) -> dict[str, str]:
    """Return what the journal records of it."""
    asked = ((name, getattr(settings, name)) for name in _NAMES)
    return {
        name: json.dumps(
            {"runs": [locations.recorded(Path(run)) for run in each.runs], "sampled": each.sampled}
        )
        for name, each in asked
        if each is not None
    }


def reuse_rules(
    settings: Settings, source: PromptSource, options: Mapping[str, Any], folder: Path
) -> ReuseRules | None:
    """Return which requests of a run over `source`, kept in `folder`, take an answer that is known; None if
    each is sent. `options` go with each request.

    Raises ConfigError where an answer might have been another, unless such are asked for; or where requests
    are made by code of others.
    """
    if settings.reuse is None and settings.dedupe is None:
        return None
    if settings.dedupe is not None and settings.kept.keep == Keep.NONE.value:
        raise ConfigError("dedupe takes answers that the run keeps; leave out one of it and --keep none")
    for name in _NAMES:
        asked: ReuseSettings | None = getattr(settings, name)
        if asked is not None:
            _check(name, asked, settings, source, options)
    runs = () if settings.reuse is None else settings.reuse.runs
    kept = () if settings.reuse is None else tuple(map(Path, runs)) or tuple(run_folders())
    others = [run for run in kept if run.resolve() != folder.resolve()]
    known = KeptAnswers(others, folder if settings.dedupe is not None else None)
    return ReuseRules(known, _which(settings.reuse), _which(settings.dedupe))


def _which(asked: ReuseSettings | None) -> Which:
    if asked is None:
        return Which.NONE
    return Which.ANY if asked.sampled else Which.EXACT


def _check(
    name: str, asked: ReuseSettings, settings: Settings, source: PromptSource, options: Mapping[str, Any]
) -> None:
    if all(endpoint.dialect == LANGCHAIN for endpoint in settings.endpoints):
        raise ConfigError(f"{name}: requests of LangChain's models are not known; leave it out")
    if asked.sampled or not len(source):
        return
    for found in _temperatures(settings, source.prompt(0), options):
        if found != 0:
            how = "not set" if found is None else found
            raise ConfigError(
                f"{name}: temperature is {how}, so the same request has many answers; set it to 0, or take "
                f"any of them: --{name}=any"
            )


def _temperatures(settings: Settings, prompt: Prompt, options: Mapping[str, Any]) -> Iterator[Any]:
    """The temperature of a prompt's request at each endpoint; None where it is not set."""
    for endpoint in settings.endpoints:
        levels = (*_own(prompt, endpoint), options, endpoint.options, settings.run_options)
        yield next((level["temperature"] for level in levels if "temperature" in level), None)


def _own(prompt: Prompt, endpoint: EndpointSettings) -> Iterator[Mapping[str, Any]]:
    if prompt.body is not None and prompt.body.wire == DIALECTS[endpoint.dialect].wire:
        yield prompt.body.fields
    yield prompt.options
