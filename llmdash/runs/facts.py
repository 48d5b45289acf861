"""What the facts of a journal say of its run as a whole; damaged ones count as missing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.frame import AutoPart
from llmdash.engine.model.payment import spends
from llmdash.engine.model.records import MomentRow
from llmdash.runs.reading import ENDS, begun_at

__all__ = ["auto_of", "jobs_of", "key_labels", "key_models", "rate_of", "run_facts", "when"]


def run_facts(facts: Mapping[str, Any]) -> RunFacts:
    """Return the name, model and endpoint of a run, and whether it costs money."""
    models = list(dict.fromkeys(key_models(facts).values()))
    return RunFacts(
        name=str(facts.get("title") or facts.get("name") or ""),
        model=models[0] if len(models) == 1 else f"{len(models)} models" if models else "",
        endpoint=str(facts.get("endpoint") or ""),
        keys=len(key_labels(facts, ())),
        spends=spends(facts),
        check=str(facts.get("check") or ""),
        is_streamed=_object(facts.get("decided")).get("stream") is not False,
    )


def jobs_of(facts: Mapping[str, Any], folder: Path) -> int:
    """Return how many jobs the run in `folder` has. Raises JournalError if that is not on record."""
    jobs = facts.get("jobs")
    if not isinstance(jobs, int) or not 0 <= jobs < 2**32:
        raise JournalError(f"{folder}: the journal does not say how many jobs there are; see llmdash doctor")
    return jobs


def key_labels(facts: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return the labels of the keys of a run: those in its facts, then others that are `known`."""
    return list(dict.fromkeys((*key_models(facts), *sorted(known))))


def key_models(facts: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the model of each key, by its label."""
    return {label: str(model) for label, model in _object(facts.get("models")).items()}


def when(facts: Mapping[str, Any], moments: Sequence[MomentRow]) -> tuple[float | None, float | None]:
    """Return when a run was begun and when it ended, in Unix seconds; None where that is not on record."""
    begun = next((row.at for row in moments if row.kind == "begun"), None)
    ended = next((row.at for row in reversed(moments) if row.kind == "ended"), None)
    totals = totals_in(facts)
    if ended is not None and totals is not None and totals.state in ENDS:
        ended = min(ended, totals.at)  # a run that was watched after its end was closed later
    return begun_at(facts) if begun is None else begun, ended


def auto_of(said: object) -> AutoPart:
    """Return whether the rate was found by itself, which is all that is on record."""
    return AutoPart(on=said in (1, "on"))


def rate_of(text: object) -> float | None:
    """Return a rate on record, None for no limit or a damaged one."""
    try:
        rate = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    return float(rate) if isinstance(rate, int | float) and not isinstance(rate, bool) else None


def _object(text: object) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
