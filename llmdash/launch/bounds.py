"""The bounds of a run before it starts: its trial, and a budget that every endpoint has prices for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmdash.config import ConfigError
from llmdash.config.prices import way_to_price
from llmdash.engine.dispatch.holds import trial_fact
from llmdash.engine.dispatch.trial_forecast import TrialPlan
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.costs import CostOf, Tokens
from llmdash.launch.pool_builder import PoolPlan
from llmdash.sanitize import clean_line

__all__ = ["has_trial", "require_prices", "with_trial"]


def require_prices(pool: PoolPlan, cost_of: CostOf) -> None:
    """Raise ConfigError if an endpoint has a model without a price: no budget could hold."""
    for each in pool.keys:
        for model in (each.endpoint.model, *each.endpoint.models):
            if cost_of(each.label, model, Tokens(1_000, 1_000)) is None:
                name, place = clean_line(model), clean_line(each.endpoint.name)
                raise ConfigError(
                    f"budget: no price is known for {name} at {place}; {way_to_price(name)}; or leave the "
                    "budget out"
                )


def with_trial(plan: RunPlan, size: int | None, facts: Mapping[str, Any], *, release: bool) -> RunPlan:
    """Return the plan with a trial of `size` jobs, or that of the `facts` of an earlier start unless it is
    released, then or with `release`. A trial of all jobs is none.
    """
    trial, released = _trial_in(facts)
    if trial is None:
        trial = None if size is None or size >= len(plan.source) else TrialPlan(size, len(plan.source))
        released = False
    if trial is None:
        return plan
    fact = trial_fact(trial, released=released or release)
    held = None if released or release else trial
    return replace(plan, trial=held, notes={**plan.notes, **fact})


def has_trial(facts: Mapping[str, Any]) -> bool:
    """Return True if the facts of an earlier start have a trial that holds the run."""
    trial, released = _trial_in(facts)
    return trial is not None and not released


def _trial_in(facts: Mapping[str, Any]) -> tuple[TrialPlan | None, bool]:
    """The trial on record and whether it is released; none where that is damaged."""
    try:
        found = json.loads(facts.get("trial") or "null")
        return TrialPlan(int(found["size"]), int(found["of"])), bool(found["released"])
    except (ValueError, KeyError, TypeError):
        return None, False
