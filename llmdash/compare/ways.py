"""The experiments of a comparison: the ways to run the same prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmdash.config import Settings
from llmdash.lean_dataclass import dataclass

__all__ = ["AT_ONCE", "RATE", "Experiment", "models_of", "ways"]

RATE = 15.0
"""The default rate of the limited way, in requests a second."""

AT_ONCE = 500
"""The default limit of requests in flight; with fewer prompts all go at once."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One way to run the prompts. `keys` is the number of keys used, None for all."""

    name: str
    what: str
    concurrency: int
    rate: float | None = None
    keys: int | None = None
    model: str | None = None


def ways(jobs: int, keys: int, settings: Settings, *, skip: Iterable[str] = ()) -> list[Experiment]:
    """Return the four ways: one after the other, at once with one key, at once with all keys, at once below a
    rate.

    With one key the third way equals the second and is left out; so is the fourth without a rate limit.
    """
    rate = settings.rate if settings.rate_given else RATE
    at_once = _at_once(jobs, settings)
    experiments = [
        Experiment("serial", "serial, one key", 1, keys=1),
        Experiment("one-key", "concurrent, one key", at_once, keys=1),
        Experiment("all-keys", "concurrent, all keys", at_once),
        Experiment("limited", f"concurrent, all keys, at most {rate or 0:g}/s", at_once, rate),
    ]
    idle = {"all-keys" if keys == 1 else "", "limited" if rate is None else "", *skip}
    return [experiment for experiment in experiments if experiment.name not in idle]


def models_of(models: Sequence[str], jobs: int, settings: Settings) -> list[Experiment]:
    """Return an experiment for each of `models`, at once with all keys."""
    rate = settings.rate if settings.rate_given else None
    at_once = _at_once(jobs, settings)
    return [Experiment(model, model, at_once, rate, model=model) for model in models]


def _at_once(jobs: int, settings: Settings) -> int:
    return settings.concurrency if settings.concurrency_given else max(1, min(jobs, AT_ONCE))
