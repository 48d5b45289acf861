"""A bench for scripts, and as a curve and settings to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from llmdash.bench.figures import StepFigures
from llmdash.bench.verdict import BenchResult, Stop
from llmdash.reports.wording import count, per_second, seconds

__all__ = ["bench_record", "bench_report", "settings_lines", "step_line", "step_record"]

_BAR = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def step_record(step: StepFigures) -> dict[str, Any]:
    """Return a step for scripts."""
    return {"type": "step", **{name: _rounded(value) for name, value in asdict(step).items()}}


def bench_record(bench: BenchResult, *, attempts: int, cost: float | None) -> dict[str, Any]:
    """Return what came of a bench for scripts: the settings to keep, None where none could be found."""
    best = bench.best
    return {
        "type": "summary",
        "stop": bench.stop.name.lower(),
        "harm": bench.stop.is_harm,
        "rate": bench.rate,
        "concurrency": best.concurrency if best is not None else None,
        "auto": bench.needs_auto,
        "attempts": attempts,
        "cost": cost,
    }


def bench_report(bench: BenchResult) -> str:
    """Return the curve, why it stops, and the settings to keep."""
    return "\n".join([*_curve(bench), "", *_last_words(bench)])


def step_line(step: StepFigures) -> str:
    """Return a step on one line, as it is shown when it has ended."""
    return (
        f"{step.concurrency} in flight: {per_second(step.throughput)}, p95 {seconds(step.p95)}{_marks(step)}"
    )


def settings_lines(bench: BenchResult) -> list[str]:
    """Return the settings to keep, as lines of an `llmdash.toml`."""
    if bench.best is None:
        return []
    lines = [f'rate = "{bench.rate:g}/s"', f"concurrency = {bench.best.concurrency}"]
    return [*lines, "auto = true"] if bench.needs_auto else lines


def _curve(bench: BenchResult) -> Iterator[str]:
    """A line for each step: throughput and p95 as bars over the concurrency."""
    most = max((step.throughput or 0.0 for step in bench.steps), default=0.0)
    longest = max((step.p95 or 0.0 for step in bench.steps), default=0.0)
    yield f"{'in flight':>9}  {'throughput':<{_BAR + 10}}  p95 latency"
    for step in bench.steps:
        done = f"{per_second(step.throughput):>9} {_bar(step.throughput, most)}"
        waits = f"{seconds(step.p95):>8} {_bar(step.p95, longest)}"
        yield f"{step.concurrency:>9}  {done}  {waits}{_marks(step)}".rstrip()


def _marks(step: StepFigures) -> str:
    words = [f"{count(step.refused)} x 429"] if step.refused else []
    words += [f"{count(step.errors)} failed"] if step.errors else []
    return f"  {', '.join(words)}" if words else ""


def _bar(value: float | None, most: float) -> str:
    eighths = round(8 * _BAR * value / most) if value and most else 0
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


def _last_words(bench: BenchResult) -> Iterator[str]:
    last = bench.steps[-1] if bench.steps else None
    where = f" at {last.concurrency} in flight" if last is not None and bench.stop.is_harm else ""
    yield f"stopped{where}: {bench.stop.value}"
    if bench.best is None:
        yield "no settings to keep: too few requests were answered before that"
        return
    if bench.stop.is_harm:
        yield "keep, in llmdash.toml:"
    else:
        yield f"no limit was met; {_more(bench.stop)}"
        yield "what did no harm so far, in llmdash.toml; the endpoint may take more:"
    yield from (f"  {line}" for line in settings_lines(bench))
    if bench.needs_auto:
        yield "auto keeps within limits of a minute, which a bench is too short to see; rate is the most"


def _more(stop: Stop) -> str:
    more = {
        Stop.CONCURRENCY: "a higher --concurrency tries more",
        Stop.BUDGET: "a higher --budget tries more",
    }
    return more.get(stop, "a higher --max-requests tries more")


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else value
