"""What holds a run, in words, and its budget, as a frame shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from typing import Final

from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.model.amounts import dollars, share, span
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import ForecastPart, Hold, HoldKind, Range
from llmdash.engine.model.frame import Alert, RunPart
from llmdash.engine.model.states import AlertKind, Severity
from llmdash.engine.pool.budget import BudgetStatistics
from llmdash.engine.pool.costs import projected
from llmdash.lean_dataclass import dataclass

__all__ = ["Bounds", "hold_alerts", "no_bounds", "with_bounds"]


_ALERTS: Final = {
    HoldKind.TRIAL: AlertKind.TRIAL,
    HoldKind.BUDGET: AlertKind.BUDGET,
    HoldKind.BATCHES: AlertKind.NO_BATCH,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The budget of a run, the dollars that the cheapest job without room may cost, and the forecast of the
    rest while a trial is held.
    """

    budget: BudgetStatistics = field(default_factory=BudgetStatistics)
    needed: float | None = None
    forecast: ForecastPart | None = None


def no_bounds() -> Bounds:
    """Return the bounds of a run without any."""
    return Bounds()


def with_bounds(run: RunPart, status: RunStatus, bounds: Bounds) -> RunPart:
    """Return the run with its budget, and what holds it.

    With a budget the run costs what the budget counts: requests of unknown outcome at what was reserved.
    """
    budget = bounds.budget
    if budget.limit is not None and budget.gone:
        priced = run.done + run.invalid + run.failed
        whole = projected(budget.gone, priced, run.jobs, budget.unknown)
        run = replace(run, cost=budget.gone, cost_uncertain=budget.unknown, cost_projected=whole)
    hold = _hold(run, status.held, bounds) if run.ended < run.jobs else None
    if hold is not None and not status.stays:
        hold = replace(hold, fix="")
    if hold is None and budget.limit is None:
        return run
    return replace(run, budget=budget.limit, reserved=budget.reserved, hold=hold)


def _hold(run: RunPart, held: HoldKind | None, bounds: Bounds) -> Hold | None:
    if held is HoldKind.TRIAL:
        return _trial_hold(run, bounds.forecast)
    if held is HoldKind.BATCHES:
        said = f"no batch took {counted(run.jobs - run.ended, 'job')}"
        return Hold(HoldKind.BATCHES, said, fix="u releases, B sends in batches, q stops")
    return _budget_hold(run, bounds.budget, bounds.needed) if held is HoldKind.BUDGET else None


def hold_alerts(run: RunPart) -> Iterator[Alert]:
    """Yield the alert of a run that is held."""
    if run.hold is not None:
        yield Alert(_ALERTS[run.hold.kind], run.hold.text, run.hold.fix, severity=Severity.INFORMATION)


def _trial_hold(run: RunPart, forecast: ForecastPart | None) -> Hold:
    said = [f"{run.ended:,} of {run.jobs:,} done"]
    if run.score is not None and run.score.accuracy is not None:
        said.append(f"{share(run.score.accuracy)} right")
    if run.failed + run.invalid:
        said.append(f"{run.failed + run.invalid:,} failed")
    if run.cost is not None:
        said.append(dollars(run.cost))
    return Hold(HoldKind.TRIAL, ", ".join(said), _rest(forecast), "u releases, -+ rate, q stops")


def _rest(forecast: ForecastPart | None) -> str:
    if forecast is None:
        return ""
    parts = []
    if forecast.cost is not None:
        parts.append(f"about {dollars(forecast.cost.expected)} ({_amounts(forecast.cost)})")
    elif forecast.output_tokens is not None:
        parts.append(f"about {_roughly(forecast.output_tokens.expected)} tokens out")
    if forecast.seconds is not None:
        parts.append(_time(forecast.seconds))
    return f"the rest {', '.join(parts)}" if parts else ""


def _time(seconds: Range) -> str:
    return f"at least {span(seconds.low)}" if seconds.is_open else f"about {span(seconds.expected)}"


def _roughly(number: float) -> str:
    """Return a number with the digits that an estimate has."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _amounts(cost: Range) -> str:
    return f"{dollars(cost.low)} to {dollars(cost.high)}"


def _budget_hold(run: RunPart, budget: BudgetStatistics, needed: float | None) -> Hold:
    said = f"{dollars(budget.gone)} of {dollars(budget.limit)} spent"
    if budget.unknown:
        said += f", {dollars(budget.unknown)} of it on requests of unknown outcome"
    beside = f"{run.in_flight:,} in flight may add {dollars(budget.reserved)}" if budget.reserved else ""
    left = run.jobs - run.ended
    rest = f"{left:,} left"
    if run.cost is not None and run.ended:
        rest += f", about {dollars((run.cost - run.cost_uncertain) / run.ended * left)}"
    if needed is not None:
        rest += f"; the next may cost {dollars(needed)}"
    return Hold(HoldKind.BUDGET, said, rest, "b raises it, q stops", beside)
