"""Builds the plan of a run, the same way for the command line, the home screen, the demo, a resume and a
comparison.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.config import Settings
from llmdash.config.prices import load_prices
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.keeping import Keep
from llmdash.engine.plan import RunPlan
from llmdash.launch.batching import batch_notes, paced
from llmdash.launch.bounds import require_prices
from llmdash.launch.earlier_batches import EarlierBatches
from llmdash.launch.keeping import keeping_notes, live_output
from llmdash.launch.limits import shared_rates
from llmdash.launch.pool_builder import PoolBuilder, PoolPlan, pool_plan
from llmdash.launch.request_options import options_of
from llmdash.launch.resuming import decision_notes
from llmdash.launch.reusing import reuse_notes, reuse_rules
from llmdash.launch.run_order import RunOrder
from llmdash.launch.workers import Workforce, workforce
from llmdash.prompts.source import PromptSource
from llmdash.sanitize import storable
from llmdash.simulator.process import SimulatorProcess

__all__ = ["make_plan"]


def make_plan(
    source: PromptSource,
    order: RunOrder,
    settings: Settings,
    folder: Path,
    simulator: SimulatorProcess | None,
    *,
    options: Mapping[str, Any] | None = None,
) -> RunPlan:
    """Return the plan of a run over `source`, whose `options` go with each request; by default its own.

    The order has what a resume restores, too; the journal records the settings `asked` for in it. With a
    `simulator` its keys are used, else those of the settings, and those added to `.env` meanwhile. Results
    are appended to the order's `out` as they arrive, if its format can be appended to, else written at the
    end.
    """
    pool = pool_plan(settings, simulator)
    hired = workforce(order.workers, settings)
    builder = _members(pool, settings, order, source.name, hired)
    own = options_of(source, settings, {}) if options is None else options
    keep = Keep(settings.kept.keep)
    live = live_output(keep, order.out, folder, reasoning=order.reasoning)
    plan = RunPlan(
        source=order.judgement.over(source),
        connect=builder.connect,
        more_keys=builder.more,
        key_notes=builder.notes,
        folder=folder,
        facts=_facts(source, settings, pool, builder),
        allow_bad_lines=order.given.allow_bad_lines,
        rate=settings.rate,
        auto=settings.auto,
        budget=settings.budget,
        concurrency=settings.concurrency,
        options=own,
        rules=order.judgement.rules(),
        wider_options=settings.run_options,
        notes={**_notes(source, order, settings, pool), **builder.notes()},
        resume=order.resume,
        retry_failed=order.retry_failed,
        stay=order.stay,
        live=live,
        keep=keep,
        earlier_batches=EarlierBatches(folder, _places(pool)),
        batch=paced(order.batch, settings.endpoints, simulated=simulator is not None),
        reuse=reuse_rules(settings, source, own, folder),
    )
    if hired is None:
        return plan
    return hired.put_to_work(plan, builder.recipes.__getitem__, practice=simulator is not None)


def _places(pool: PoolPlan) -> Mapping[str, str]:
    """The base URL of each endpoint; none where a simulator answers: it is of this run alone."""
    return {} if pool.simulator is not None else {each.name: each.base_url for each in pool.endpoints}


def _members(
    pool: PoolPlan, settings: Settings, order: RunOrder, run_name: str, hired: Workforce | None
) -> PoolBuilder:
    """What makes the members of the pool. Raises ConfigError for a budget without a price."""
    leases = hired.leases if hired is not None else None
    shares = shared_rates(pool.endpoints, settings.limits, run_name, leases)
    builder = PoolBuilder(pool, settings, load_prices(), order.judgement.options, shares)
    if settings.budget is not None:
        require_prices(pool, builder.cost)
    return builder


def _facts(source: PromptSource, settings: Settings, pool: PoolPlan, builder: PoolBuilder) -> RunFacts:
    return RunFacts(
        source.name,
        pool.model,
        pool.name,
        len(builder),
        builder.cost,
        builder.batch_cost,
        builder.has_batch_price,
        source.left_out,
        spends=pool.simulator is None,
        check=source.check or "",
        is_streamed=settings.stream,
    )


def _notes(source: PromptSource, order: RunOrder, settings: Settings, pool: PoolPlan) -> dict[str, Any]:
    """What the journal records of how the run was started, but for its keys."""
    practice = pool.simulator.settings if pool.simulator is not None else None
    return {
        **order.given.notes(),
        "out": locations.recorded(order.out) if order.out is not None else None,
        "reasoning": int(order.reasoning) or None,
        "name": storable(source.name),
        "endpoint": pool.name,
        "rate": json.dumps(settings.rate),
        "auto": int(settings.auto) or None,
        "budget": None if settings.budget is None else json.dumps(settings.budget),
        "simulator": json.dumps(dataclasses.asdict(practice)) if practice is not None else None,
        "begun_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        **decision_notes(source, settings, order.asked),
        **order.judgement.notes(),
        "scored_by": source.check or order.judgement.check,
        **keeping_notes(settings.kept, order.given),
        **reuse_notes(settings),
        **batch_notes(order.batch),
    }
