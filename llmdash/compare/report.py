"""The figures of experiments side by side: as JSON for scripts, as a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Percentiles, RunPart
from llmdash.lean_dataclass import dataclass
from llmdash.reports.wording import duration, money, share
from llmdash.sanitize import clean_line

__all__ = ["Comparison", "Row"]

_LEAST_S = 1e-6
"""Times shorter than this give no meaningful ratio."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one experiment. `run` holds those of its last frame.

    `slowest_s` and `calls_s` are the longest latency of a call and the sum of all, in seconds; `cost` is in
    dollars, None where no price is known. `tuned` says that the user changed rate or concurrency, or paused.
    """

    name: str
    what: str
    concurrency: int
    rate: float | None
    run: RunPart
    slowest_s: float | None = None
    calls_s: float = 0.0
    cost: float | None = None
    tuned: bool = False
    folder: Path | None = None
    """Where its answers are kept."""

    @property
    def wall_s(self) -> float:
        """Seconds from the start until every job had ended."""
        return self.run.elapsed_s

    @property
    def whole(self) -> bool:
        """True if every job is done or failed; only then can its time be compared."""
        return bool(self.run.jobs) and self.run.done + self.run.failed == self.run.jobs

    @property
    def accuracy(self) -> float | None:
        """Right answers over all jobs, 0 to 1; None if nothing was scored."""
        return None if self.run.score is None or not self.run.jobs else self.run.score.right / self.run.jobs


@dataclass(frozen=True, slots=True)
class Comparison:
    """The experiments in order; `base` names the one that speed-ups are relative to."""

    name: str
    rows: tuple[Row, ...] = ()
    base: str | None = None

    def speed_up(self, row: Row) -> float | None:
        """Return the base's wall time over the row's; None without a base, or if either is not whole."""
        base = next((each for each in self.rows if each.name == self.base), None)
        if base is None or not (base.whole and row.whole) or row.wall_s < _LEAST_S:
            return None
        return base.wall_s / row.wall_s

    def record(self, row: Row) -> dict[str, Any]:
        """Return a row for scripts. Times in seconds, None if unknown; `whole` is False if jobs are left."""
        run, speed_up = row.run, self.speed_up(row)
        return {
            "type": "row",
            "name": clean_line(row.name),
            "what": clean_line(row.what),
            "model": clean_line(run.model),
            "keys": run.keys,
            "concurrency": row.concurrency,
            "rate": row.rate,
            "jobs": run.jobs,
            "done": run.done,
            "failed": run.failed,
            "whole": row.whole,
            "tuned": row.tuned,
            "wall": duration(row.wall_s),
            "wall_s": round(row.wall_s, 3),
            "speed_up": _rounded(speed_up),
            "accuracy": _rounded(row.accuracy),
            "right": None if run.score is None else run.score.right,
            "ttft_s": _percentiles(run.ttft),
            "latency_s": _percentiles(run.latency),
            "slowest_s": _rounded(row.slowest_s),
            "calls_s": _rounded(row.calls_s),
            "input_tokens": run.input_tokens,
            "output_tokens": run.output_tokens,
            "tokens_estimated": run.tokens_estimated,
            "cost": row.cost,
            "run_dir": None if row.folder is None else clean_line(str(row.folder)),
        }

    def summary(self) -> dict[str, Any]:
        """Return the summary for scripts: the fastest row, and its speed-up."""
        best = self._fastest()
        return {
            "type": "summary",
            "run": clean_line(self.name),
            "rows": len(self.rows),
            "failed": sum(row.run.failed for row in self.rows),
            "fastest": None if best is None else clean_line(best.name),
            "speed_up": None if best is None else _rounded(self.speed_up(best)),
            "to_slowest_call": None if best is None else _rounded(_to_slowest_call(best)),
            "cost": _sum([row.cost for row in self.rows]),
        }

    def verdict(self) -> str:
        """Return the result in a sentence; empty while fewer than two rows can be compared."""
        best = self._fastest()
        if best is None:
            return ""
        if self.base is None:
            return self._superlatives(best)
        speed_up, to_slowest = self.speed_up(best), _to_slowest_call(best)
        said = f"{clean_line(best.what)}: {counted(best.run.jobs, 'prompt')} in {duration(best.wall_s)}"
        if speed_up is not None:
            base = next(row for row in self.rows if row.name == self.base)
            said += f", {speed_up:.1f} times as fast as {clean_line(base.what)} ({duration(base.wall_s)})"
        if to_slowest is not None:
            said += f", {to_slowest:.2f} times its slowest call"
        return f"{said}."

    def _superlatives(self, fastest: Row) -> str:
        """Of rows that none is the measure of: which is the fastest, has most right, and costs least."""
        prompts = counted(fastest.run.jobs, "prompt")
        said = [f"Fastest: {clean_line(fastest.what)}, {prompts} in {duration(fastest.wall_s)}"]
        scored = {row.what: row.accuracy for row in self.rows if row.accuracy is not None}
        if scored:
            most = max(scored.values())
            said.append(f"most right: {_names(scored, most)}, {share(most)}")
        costs = {row.what: row.cost for row in self.rows if row.cost is not None}
        if len(costs) == len(self.rows):
            least = min(costs.values())
            said.append(f"cheapest: {_names(costs, least)}, {money(least)}")
        return f"{'; '.join(said)}."

    def _fastest(self) -> Row | None:
        whole = [row for row in self.rows if row.whole]
        return min(whole, key=lambda row: row.wall_s) if len(whole) > 1 else None


def _percentiles(times: Percentiles) -> dict[str, float | None]:
    return {name: _rounded(getattr(times, name)) for name in ("p50", "p90", "p95", "p99")}


def _names(figures: Mapping[str, float], figure: float) -> str:
    """Return who has that figure, in words."""
    return " and ".join(clean_line(what) for what, each in figures.items() if each == figure)


def _to_slowest_call(row: Row) -> float | None:
    """Return wall time over the latency of the slowest call; at least 1."""
    return row.wall_s / row.slowest_s if row.slowest_s is not None and row.slowest_s >= _LEAST_S else None


def _sum(costs: Sequence[float | None]) -> float | None:
    """Return the sum; None if there is nothing to add, or any cost is unknown."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
