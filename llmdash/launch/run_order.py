"""RunOrder: what to run, as the command line and the home screen say it; quick to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.launch.judgement import Judgement
from llmdash.launch.run_input import Input
from llmdash.launch.workers import NO_WORKERS, WorkersOrder
from llmdash.lean_dataclass import dataclass
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["DEMO_RATE", "PRACTICE", "RunOrder"]

PRACTICE = SimulatorSettings(
    keys=("sim-practice-key-0001-7c41", "sim-practice-key-0002-a9e3", "sim-practice-key-0003-2fd8"),
    rpm=600,
    latency=1.2,
    error_rate=0.01,
    wrong_rate=0.03,
)
"""The simulator to practise on: three keys of 600 requests a minute each, with realistic faults."""

DEMO_RATE = 20.0


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What to run.

    `asked` holds the settings given on the command line: they go before those of the prompt file. Without
    `overwrite` a file at `out` that holds something else than results of this run is refused. A resume with
    other settings than those of the run is refused unless `changed`; rate and concurrency are as they were
    last set, but for those in `flags`, the command line of now. With `reasoning` the results have what the
    models thought. A `trial` of that many jobs holds the run afterwards, until a resume with `release`. With
    `stdin` the input `-` is standard input; with `strict` bad lines in it are refused.

    It is plain data, as another process may be given it.
    """

    given: Input
    asked: Mapping[str, Any] = field(default_factory=dict)
    run_dir: Path | None = None
    resume: bool = False
    retry_failed: bool = False
    changed: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    practice: SimulatorSettings | None = None
    stay: bool = False
    out: Path | None = None
    overwrite: bool = False
    reasoning: bool = False
    judgement: Judgement = field(default_factory=Judgement)
    stdin: bool = False
    strict: bool = False
    workers: WorkersOrder = NO_WORKERS
    trial: int | None = None
    release: bool = False
    batch: BatchTerms = field(default_factory=BatchTerms)
    """How it uses batches."""
