"""The experiments of a comparison: which there are, the plan of each, and its figures afterwards."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from llmdash.compare.report import Row
from llmdash.config import Settings
from llmdash.config.prices import Prices
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import ResultRow
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Member
from llmdash.launch import plan_builder as plans
from llmdash.prompts.source import Prompt, PromptSource
from llmdash.prompts.verdict import Verdict
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["AT_ONCE", "RATE", "Bench", "Experiment", "Trial", "models_of", "practice", "ways"]

RATE = 15.0
"""Requests a second of the limited way where none is given: that of the write-up."""

AT_ONCE = 500
"""The most requests in flight where no concurrency is given; below it all prompts go at once."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One way to run the prompts. `keys` is how many of the pool's are used, None for all."""

    name: str
    what: str
    concurrency: int
    rate: float | None = None
    keys: int | None = None
    model: str | None = None


def ways(jobs: int, keys: int, settings: Settings, *, skip: Iterable[str] = ()) -> list[Experiment]:
    """The four ways of the write-up: one after the other, at once with one key, at once with all, and at
    once below a rate.

    With one key the third is the second over again and left out, as is a rate that is no limit.
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
    """The same prompts for each of `models`, at once with all keys."""
    rate = settings.rate if settings.rate_given else None
    at_once = _at_once(jobs, settings)
    return [Experiment(model, model, at_once, rate, model=model) for model in models]


def _at_once(jobs: int, settings: Settings) -> int:
    return settings.concurrency if settings.concurrency_given else max(1, min(jobs, AT_ONCE))


def practice(latency: float) -> SimulatorSettings:
    """The simulator to compare on: three keys without a limit, no faults, `latency` seconds on average."""
    return replace(plans.PRACTICE, rpm=0.0, error_rate=0.0, latency=latency)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a key asks: the model, and the address if it has one."""

    model: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment that can be run: its plan, and `asked`, which fills as the keys connect."""

    experiment: Experiment
    plan: RunPlan
    asked: dict[str, Asked]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the experiments share. Each gets a folder of its own in `folder`; with `practice` also a simulator
    of its own, so that all of them meet the same answers and delays.
    """

    source: PromptSource
    given: plans.Input
    settings: Settings
    folder: Path
    prices: Prices
    practice: SimulatorSettings | None = None

    def simulator(self) -> SimulatorProcess | None:
        """A simulator for one experiment, to be closed after it; None where an endpoint is asked."""
        return SimulatorProcess(self.practice) if self.practice is not None else None

    def trial(self, experiment: Experiment, title: str, simulator: SimulatorProcess | None) -> Trial:
        """The experiment as a run that the screen calls `title`."""
        settings = replace(self.settings, rate=experiment.rate, concurrency=experiment.concurrency)
        source = self.source
        if experiment.model is not None:
            settings, source = replace(settings, model=experiment.model), _ForOneModel(source)
        folder = plans.run_folder(self.folder / _folder_name(experiment.name), title)
        plan = plans.make_plan(source, self.given, settings, folder, simulator)
        options = dict(plan.options)
        if experiment.model is not None:
            options["model"] = experiment.model  # over those that endpoints have of their own
        asked: dict[str, Asked] = {}
        facts = plan.facts
        keys = facts.keys if experiment.keys is None else min(facts.keys, experiment.keys)
        return Trial(
            experiment,
            replace(
                plan,
                connect=_with_keys(plan.connect, experiment.keys, asked),
                facts=replace(facts, name=title, keys=keys, model=experiment.model or facts.model),
                options=options,
            ),
            asked,
        )

    def row(self, trial: Trial, frame: Frame, *, tuned: bool) -> Row:
        """The figures of a trial that has ended with `frame`."""
        experiment = trial.experiment
        calls = _Calls(trial)
        return Row(
            name=experiment.name,
            what=experiment.what,
            concurrency=experiment.concurrency,
            rate=experiment.rate,
            run=frame.run,
            slowest_s=max(calls.latencies, default=None),
            calls_s=sum(calls.latencies),
            cost=calls.cost(self.prices),
            tuned=tuned,
        )


def _folder_name(name: str) -> str:
    """The name of an experiment, which may be that of a model, as the name of a folder of its own."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return stem if stem == name else f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _with_keys(
    connect: Callable[[], AbstractAsyncContextManager[Sequence[Member]]],
    keys: int | None,
    asked: dict[str, Asked],
) -> Callable[[], AbstractAsyncContextManager[Sequence[Member]]]:
    """`connect` with the first `keys` of its keys; what each of them asks is put into `asked`."""

    @asynccontextmanager
    async def connected() -> AsyncIterator[Sequence[Member]]:
        async with connect() as members:
            chosen = members[:keys]
            asked.update(
                {member.label: Asked(member.llm.model, getattr(member.llm, "url", None)) for member in chosen}
            )
            yield chosen

    return connected


class _ForOneModel:
    """A PromptSource whose prompts do not say which model they are for."""

    def __init__(self, source: PromptSource) -> None:
        self._source = source
        self.name = source.name
        self.fingerprint = source.fingerprint
        self.problems = source.problems
        self.options = {name: value for name, value in source.options.items() if name != "model"}

    def __len__(self) -> int:
        return len(self._source)

    def id(self, index: int) -> str:
        return self._source.id(index)

    def prompt(self, index: int) -> Prompt:
        prompt = self._source.prompt(index)
        if "model" not in prompt.options:
            return prompt
        return replace(
            prompt, options={name: value for name, value in prompt.options.items() if name != "model"}
        )

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return self._source.score(prompt, text)


class _Calls:
    """What the journal of a trial holds: the latency of each answered call, and tokens by whom they were
    asked of.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._reader = JournalReader(trial.plan.folder)
        self.latencies: list[float] = []
        self._input: Counter[Asked] = Counter()
        self._output: Counter[Asked] = Counter()
        for row in self._reader.ended():
            if row.state == "done" and row.latency_s is not None:
                self.latencies.append(row.latency_s)
            self._count(row)

    def _count(self, row: ResultRow) -> None:
        """Add the tokens of a job, those of its earlier attempts too: they were paid as well."""
        for attempt in self._reader.attempts(row.job) if row.attempts != 1 else (row,):
            who = self._trial.asked.get(attempt.key or "")
            if who is not None:
                model = self._trial.plan.source.prompt(row.job).options.get("model", who.model)
                who = Asked(model, who.url)
                self._input[who] += attempt.input_tokens or 0
                self._output[who] += attempt.output_tokens or 0

    def cost(self, prices: Prices) -> float | None:
        """Dollars for everything; None if any of it has no price, or nothing is known to have been used."""
        used = [who for who in self._input if self._input[who] or self._output[who]]
        costs = [prices.cost(who.model, self._input[who], self._output[who], who.url) for who in used]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None
