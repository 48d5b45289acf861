"""What the journal of a run keeps of texts: what that asks of the run, and of its resume."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.config import ConfigError
from llmdash.config.kept import KeptSettings
from llmdash.engine.journal.keeping import Keep
from llmdash.engine.plan import LiveOutput
from llmdash.launch.results import export
from llmdash.launch.run_input import Input
from llmdash.reports.export.at_end import ResultsAtEnd
from llmdash.reports.export.draft import is_stream
from llmdash.reports.export.live import LiveResults, can_be_live
from llmdash.reports.export.sole import SoleResults

__all__ = ["as_begun", "check_keeping", "keeping_notes", "live_output"]

_TEXTS = ("system", "template")
"""Parts of prompts that are given on the command line."""


def check_keeping(kept: KeptSettings, given: Input, out: Path | None) -> None:
    """Raise ConfigError where a run is to keep no texts, and would keep some, or lose them."""
    if Keep(kept.keep) is not Keep.NONE:
        return
    if out is None or not can_be_live(out):
        raise ConfigError(
            "--keep none keeps the answers nowhere but in the file of results: add --out FILE.jsonl, which "
            "takes them as they arrive"
        )
    if str(given.path) == "-":
        raise ConfigError("--keep none: standard input would be copied for a resume; name a file of prompts")


def keeping_notes(kept: KeptSettings, given: Input) -> dict[str, Any]:
    """Return what the journal records of it. Texts of the command line are not recorded, but their names."""
    if Keep(kept.keep) is not Keep.NONE:
        return {"keep": kept.keep}
    left_out = [name for name in _TEXTS if getattr(given, name) is not None]
    return {
        "keep": kept.keep,
        **dict.fromkeys(_TEXTS),
        "not_kept": json.dumps(left_out) if left_out else None,
    }


def as_begun(
    kept: KeptSettings, facts: Mapping[str, Any], given: Input, asked: str | None, out: Path | None
) -> KeptSettings:
    """Return what a resume keeps: what the run was begun with.

    Raises ConfigError if something else is `asked` for now, or if what was not kept is not given again: the
    file of results, which alone has the answers, and texts of the command line.
    """
    began = facts.get("keep")
    keep = began if began in {each.value for each in Keep} else Keep.ANSWERS.value
    if asked is not None and asked != keep:
        raise ConfigError(f"this run was begun with --keep {keep}; leave the option out, or begin a new run")
    if keep == Keep.NONE.value:
        _check_resume(facts, given, out)
    return replace(kept, keep=keep)


def _check_resume(facts: Mapping[str, Any], given: Input, out: Path | None) -> None:
    before = facts.get("out")
    if out is not None and isinstance(before, str):
        first = locations.from_record(before)
        if out.absolute() != first.absolute():
            raise ConfigError(
                f"this run keeps no texts: its answers so far are in {first}; go on with that file"
            )
    lacking = [name for name in _names(facts.get("not_kept")) if getattr(given, name, None) is None]
    if lacking:
        options = " and ".join(f"--{name}" for name in lacking)
        raise ConfigError(f"this run keeps no texts: give {options} again, as at its start")


def _names(stored: object) -> list[str]:
    try:
        found = json.loads(stored) if isinstance(stored, str) else []
    except ValueError:
        return []
    return [name for name in found if name in _TEXTS] if isinstance(found, list) else []


def live_output(keep: Keep, out: Path | None, folder: Path, *, reasoning: bool) -> LiveOutput | None:
    """Return what writes results to `out` as they arrive, or at the end where its format does not allow that;
    None where there is no such file.

    Raises ConfigError for a run that keeps no texts, and has no such file.
    """
    if out is None or not can_be_live(out):
        if keep is Keep.NONE:
            raise ConfigError("--keep none needs a run with --out FILE.jsonl; leave the setting out here")
        return None if out is None or is_stream(out) else ResultsAtEnd(out, _export(folder, out, reasoning))
    kind = SoleResults if keep is Keep.NONE else LiveResults
    return kind(out, folder, reasoning=reasoning)


def _export(folder: Path, out: Path, reasoning: bool) -> Callable[[], int]:
    return lambda: export(folder, out, reasoning=reasoning)
