"""Puts the parts of a run together: empty, or as its journal has them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from llmdash.engine.batches.desk import BatchDesk
from llmdash.engine.dispatch.earlier_sends import seed_rate
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.quotes import Quotes
from llmdash.engine.dispatch.reservations import Reservations
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.reuse import Reuse
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.dispatch.spent import sizes_in, uncertain_in
from llmdash.engine.dispatch.uncertain import UNCERTAIN, Uncertain
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import KeyState, Severity
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.health_records import restore_health
from llmdash.engine.pool.limit_records import restore_limits
from llmdash.engine.pool.member import Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.resume import fresh_store, load_times, load_totals, resumed_store
from llmdash.engine.store.history import restore_history
from llmdash.engine.store.hosts import known_hosts
from llmdash.engine.store.restored_errors import restore_errors, seconds_at_work
from llmdash.engine.store.store import Store

__all__ = ["Start", "build_batches", "build_parts", "start_of"]

_BATCH_RUN = "batch_run"
"""The fact with the name of the run in the ids of its batches' requests."""


class Start(NamedTuple):
    """What a run starts from. `again` are the jobs that had failed and are asked again; `last_sample_at` is
    the time of the last sample on record, in Unix seconds, 0 without one.
    """

    store: Store
    pool: KeyPool
    limiter: RateLimiter
    again: Sequence[int] = ()
    last_sample_at: float = 0.0


def start_of(plan: RunPlan, members: Sequence[Member], clock: Callable[[], float]) -> Start:
    """Return what a run starts from: nothing, or what an earlier start has left on record."""
    first = plan.trial.jobs() if plan.trial is not None else ()
    pool, limiter = KeyPool(members, clock), RateLimiter(plan.rate)
    pool.set_auto(plan.auto)
    if not plan.resume:
        store = fresh_store(plan.source, clock, first)
        store.is_streamed = plan.facts.is_streamed
        return Start(store, pool, limiter)
    store, again = resumed_store(
        plan.folder,
        len(plan.source),
        clock,
        retry_failed=plan.retry_failed,
        first=first,
        is_streamed=plan.facts.is_streamed,
    )
    return _restored(Start(store, pool, limiter, again), JournalReader(plan.folder))


def _restored(start: Start, reader: JournalReader) -> Start:
    """Restore the counts, the time series and the health of the keys."""
    store, members, facts, samples = start.store, start.pool.members, reader.facts(), reader.samples()
    load_totals(store, members, reader.sums.key_totals())
    for label, model, tokens, long in reader.sums.spent():
        start.pool.spending.restore(label, model, Tokens(*tokens), long)
    for label, model, tokens, long in reader.sums.spent(in_batches=True):
        start.pool.batch_spending.restore(label, model, Tokens(*tokens), long)
    seed_rate(start.limiter, members, reader.sums, time.time())
    restore_health(members, reader.health(), time.time())
    restore_limits(start.pool, facts.get("key_limits"))
    restore_history(store, facts, samples, reader)
    load_times(store, facts)
    restore_errors(
        store,
        reader.failures.tries(),
        reader.failures.results(),
        seconds_at_work(samples, store.wall.began_at),
    )
    store.lost_by.update(reader.sums.lost_by())
    store.hosts.update(known_hosts(facts))
    for member in members:
        if member.state is KeyState.DISABLED:
            store.apply(Noticed(Severity.WARNING, f"Key {member.label} is off, as it was left"))
    return start._replace(last_sample_at=samples[-1].at if samples else 0.0)


def build_parts(
    plan: RunPlan,
    start: Start,
    journal: JournalWriter,
    kill_switch: KillSwitch,
    clock: Callable[[], float],
) -> RunnerParts:
    """Return the parts that carry out `plan`; `clock` is monotonic, in seconds."""
    budget = RetryBudget(clock, plan.policy.budget_share, plan.policy.budget_floor)
    queue = JobQueue(start.store.columns.pending, budget)
    return RunnerParts(
        plan.source,
        start.pool,
        start.limiter,
        journal,
        start.store,
        queue,
        budget,
        kill_switch,
        plan.options,
        plan.policy,
        plan.rules,
        clock=clock,
        asker=plan.asker,
        wider_options=plan.wider_options,
        reuse=_reuse(plan, start.pool, queue),
        reservations=_reservations(plan, journal),
        spends=plan.facts.spends,
    )


def build_batches(plan: RunPlan, parts: RunnerParts, runner: BatchRunner, reader: JournalReader) -> BatchDesk:
    """Return the batches of the run, with those on record."""
    name = reader.facts().get(_BATCH_RUN)
    if name is None:
        name = secrets.token_hex(5)
        parts.journal.facts({_BATCH_RUN: name})
    desk = BatchDesk(parts, runner, plan.batch, plan.folder, str(name))
    if plan.resume:
        desk.restore(reader)
    return desk


def _reuse(plan: RunPlan, pool: KeyPool, queue: JobQueue) -> Reuse | None:
    return None if plan.reuse is None else Reuse(plan.reuse, plan.source, pool, queue, plan.options)


def _reservations(plan: RunPlan, journal: JournalWriter) -> Reservations:
    """Return reservations that count what earlier starts have paid for, or may have."""
    reader = JournalReader(plan.folder)
    facts = reader.facts()
    uncertain = Uncertain(
        uncertain_in(facts),
        reader.sums.without_outcome(),
        lambda dollars: journal.facts({UNCERTAIN: dollars}),
    )
    prices = plan.facts.cost_of, plan.facts.batch_cost_of
    return Reservations(Quotes(prices[0], plan.options, sizes_in(facts), prices[1]), uncertain)
