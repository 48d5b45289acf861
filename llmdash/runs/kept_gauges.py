"""The gauges of a run on record: keys, endpoints and limits as they stood at its end."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any

from llmdash.engine.batches.costs import batch_costs
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.journal.attempt_sums import KeyTotals
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.metrics.windows import RollingCounter
from llmdash.engine.model.frame import AutoPart, BatchRow, EndpointRow, KeyRow, SharedLimitRow, WorkerRow
from llmdash.engine.model.records import MomentRow
from llmdash.engine.model.rows import SPARK_SPAN_S, SPARK_SPANS
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool.costs import CostOf, Spending, Tokens, no_price
from llmdash.lean_dataclass import dataclass
from llmdash.runs.facts import auto_of, key_labels, rate_of

__all__ = ["KeptGauges", "endpoint_names", "last_words", "load_gauges"]


@dataclass(frozen=True, slots=True)
class KeptGauges:
    """The last figures of a run that is not at work: nothing is in flight, and nothing waits."""

    key_rows: tuple[KeyRow, ...] = ()
    endpoint_rows: tuple[EndpointRow, ...] = ()
    rate: float | None = None
    concurrency: int = 1
    spending: Spending = field(default_factory=Spending)
    cluster: str = ""
    in_flight: int = 0
    waits_for_rate: bool = False
    permit_at: float | None = None
    waits_for_auto: bool = False
    waits_for_share: bool = False
    retries_held: bool = False
    auto: AutoPart = field(default_factory=AutoPart)
    batch_spending: Spending = field(default_factory=Spending)
    batch_rows: tuple[BatchRow, ...] = ()

    def keys(self) -> tuple[KeyRow, ...]:
        return self.key_rows

    def endpoints(self) -> tuple[EndpointRow, ...]:
        return self.endpoint_rows

    def limits(self) -> tuple[SharedLimitRow, ...]:
        return ()

    def batches(self) -> tuple[BatchRow, ...]:
        return self.batch_rows

    def workers(self) -> Sequence[WorkerRow]:
        return ()

    def watch(self, jobs: Collection[int]) -> None:
        """Do nothing: no answer is in the making."""

    def due_at(self, job: int) -> float | None:
        """Return None: no job is in backoff."""


def load_gauges(
    reader: JournalReader,
    facts: Mapping[str, Any],
    moments: Sequence[MomentRow],
    places: Mapping[str, str],
    totals: Mapping[str, KeyTotals],
    batch_cost_of: CostOf = no_price,
) -> KeptGauges:
    """Return the gauges of a run with these facts; `places` has the endpoint of each key, as far as known,
    `totals` its counts. `batch_cost_of` has the prices of batches.
    """
    spending = Spending()
    for label, model, tokens, long in reader.sums.spent():
        spending.restore(label, model, Tokens(*tokens), long)
    in_batches = Spending()
    for label, model, tokens, long in reader.sums.spent(in_batches=True):
        in_batches.restore(label, model, Tokens(*tokens), long)
    endpoints = endpoint_names(facts, moments, places)
    keys = _key_rows(reader, facts, moments, places, totals, endpoints)
    return KeptGauges(
        keys,
        tuple(_endpoint_row(name, moments) for name in endpoints),
        rate_of(facts.get("rate")),
        facts["concurrency"] if isinstance(facts.get("concurrency"), int) else 1,
        spending,
        auto=auto_of(facts.get("auto")),
        batch_spending=in_batches,
        batch_rows=_batch_rows(reader, [key.label for key in keys], batch_cost_of),
    )


def _batch_rows(reader: JournalReader, labels: Collection[str], cost_of: CostOf) -> tuple[BatchRow, ...]:
    """Return the batches as they were left; those that are out go on without the run."""
    costs = batch_costs(reader, labels, cost_of)
    left = {batch: len(jobs) for batch, jobs in reader.batches.jobs().items()}
    now = time.time()
    return tuple(
        batch_row(each, now, left=left.get(each.batch, 0), cost=costs.get(each.batch))
        for each in reader.batches.records()
    )


def endpoint_names(
    facts: Mapping[str, Any], moments: Sequence[MomentRow], places: Mapping[str, str]
) -> list[str]:
    """Return the names of the endpoints of a run, each once."""
    named = [moment.subject for moment in moments if moment.kind == "endpoint" and moment.subject is not None]
    found = list(dict.fromkeys((*named, *sorted(set(places.values())))))
    return found or [str(facts.get("endpoint") or "")]


def last_words(moments: Sequence[MomentRow], kind: str) -> Mapping[str | None, tuple[str, str]]:
    """Return the last state of each subject of `kind`, and why it is in it."""
    last = {moment.subject: moment.value or "" for moment in moments if moment.kind == kind}
    return {subject: (value.partition(" ")[0], value.partition(" ")[2]) for subject, value in last.items()}


def _key_rows(
    reader: JournalReader,
    facts: Mapping[str, Any],
    moments: Sequence[MomentRow],
    places: Mapping[str, str],
    totals: Mapping[str, KeyTotals],
    endpoints: Sequence[str],
) -> tuple[KeyRow, ...]:
    states = {each.key: (each.state, each.detail) for each in reader.health()}
    states |= {label: said for label, said in last_words(moments, "key").items() if label is not None}
    paces = _paces(reader, moments)
    rows = []
    for label in key_labels(facts, totals):
        state, detail = states.get(label, ("healthy", ""))
        row = KeyRow(
            label, places.get(label, endpoints[0]), KeyState.__members__.get(state.upper(), KeyState.HEALTHY)
        )
        counts: dict[str, Any] = totals[label]._asdict() if label in totals else {}
        pace: Mapping[str, Any] = paces.get(label, {})
        fields = {**counts, **pace, "detail": "" if row.state is KeyState.HEALTHY else detail}
        rows.append(KeyRow(row.label, row.endpoint, row.state, **fields))
    return tuple(rows)


def _paces(reader: JournalReader, moments: Sequence[MomentRow]) -> Mapping[str, Mapping[str, Any]]:
    """Return what each key had sent in the last minutes of the run."""
    end = max((moment.at for moment in moments if moment.kind == "ended"), default=None)
    if end is None:
        return {}
    calls: dict[str, RollingCounter] = {}
    tokens: dict[str, RollingCounter] = {}
    spans: dict[str, RollingCounter] = {}
    for label, sent_at, used in reader.sums.sends_since(end - SPARK_SPANS * SPARK_SPAN_S):
        calls.setdefault(label, RollingCounter()).add(sent_at)
        tokens.setdefault(label, RollingCounter()).add(sent_at, used)
        spans.setdefault(label, RollingCounter(SPARK_SPANS)).add(sent_at / SPARK_SPAN_S)
    return {
        label: {
            "rpm": each.total(end),
            "tpm": tokens[label].total(end),
            "spark": spans[label].series(end / SPARK_SPAN_S, SPARK_SPANS),
        }
        for label, each in calls.items()
    }


def _endpoint_row(name: str, moments: Sequence[MomentRow]) -> EndpointRow:
    state, detail = last_words(moments, "endpoint").get(name, ("up", ""))
    known = EndpointState.__members__.get(state.upper(), EndpointState.UP)
    return EndpointRow(name, known, detail="" if known is EndpointState.UP else detail)
