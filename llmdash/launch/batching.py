"""How a run uses batches: as the command line says it, as its journal has it, and as a resume goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from llmdash.config import ConfigError, EndpointSettings
from llmdash.config.values import is_on_this_machine
from llmdash.engine.model.batch_terms import BatchPace, BatchTerms
from llmdash.engine.model.moments import moment_of

__all__ = ["batch_notes", "deadline_of", "is_batch_only", "paced", "restored_terms"]

_FACT = "batch"
_DEADLINE = "batch_deadline"
_ONLY = "batch_only"
_NEAR = BatchPace(
    first_look=1.0,
    longest_look=15.0,
    search=(0.5, 1.5, 3.0),
    fresh=10.0,
    cancelling=30.0,
    again=0.2,
    full=1.0,
)
"""For a service on this machine: it is in nobody's way."""


def deadline_of(text: str, now: datetime) -> float:
    """Return the time that a text means, in Unix seconds: a span from now (`6h`, `45m`) or a time of day
    (`18:30`), today or, where that is over, tomorrow. Raises ConfigError.
    """
    try:
        return moment_of(text, now)
    except ValueError as problem:
        raise ConfigError(f"--batch-deadline: {problem}") from None


def paced(terms: BatchTerms, endpoints: Iterable[EndpointSettings], *, simulated: bool) -> BatchTerms:
    """Return the terms with the patience that the services need."""
    near = simulated or all(is_on_this_machine(each.base_url or "") for each in endpoints)
    return replace(terms, pace=_NEAR) if near else terms


def is_batch_only(facts: Mapping[str, Any]) -> bool:
    """Return True if the facts of an earlier start say that what no batch takes waits."""
    return bool(facts.get(_ONLY))


def batch_notes(terms: BatchTerms) -> Mapping[str, Any]:
    """Return what the journal records of the terms, so that a resume has them."""
    if not terms.all_pending:
        return {_FACT: "null", _ONLY: False}  # also what a release has ended
    kept = {
        "most_jobs": terms.most_jobs,
        "most_tokens": terms.most_tokens,
        "keeps": terms.keeps,
        "abandons": terms.abandons,
    }
    return {_FACT: json.dumps(kept), _DEADLINE: terms.deadline, _ONLY: terms.only}


def restored_terms(terms: BatchTerms, facts: Mapping[str, Any], *, releases: bool = False) -> BatchTerms:
    """Return the terms of a resume: those of the run, and over them what is asked for now. With `releases`
    what is left of a run that goes in batches only is sent one by one, unless they are asked for now.
    """
    deadline = facts.get(_DEADLINE)
    if terms.deadline is None and isinstance(deadline, int | float):
        terms = replace(terms, deadline=float(deadline))
    try:
        kept = json.loads(facts.get(_FACT) or "null")
    except ValueError:
        return terms
    if not isinstance(kept, dict):
        return terms
    return replace(
        terms,
        all_pending=terms.all_pending or not (releases and is_batch_only(facts)),
        most_jobs=terms.most_jobs or kept.get("most_jobs"),
        most_tokens=terms.most_tokens or kept.get("most_tokens"),
        keeps=terms.keeps or bool(kept.get("keeps")),
        abandons=terms.abandons or bool(kept.get("abandons")),
        only=not releases and (terms.only or is_batch_only(facts)),
    )
