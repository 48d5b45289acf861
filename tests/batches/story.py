"""One run that is killed again and again while something goes wrong at the provider, to its end."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmdash.exit_codes import ExitCode
from tests.batches.ledger import Ledger, ledger_of
from tests.batches.scenarios import Scenario, Shape
from tests.batches.starts import Ended, start
from tests.cli.command import environment
from tests.simulated import Simulated
from tests.simulator.batches.asking import requests_of
from tests.waiting import wait_for

__all__ = ["SPEED", "Story", "Told", "tell"]

SPEED = 3_600.0
"""A batch takes 0.17 s by that, and a day of the provider 24 s."""

_KEYS = ("sim-kill-key-0001-aaaa", "sim-kill-key-0002-bbbb")
_PATHS: Mapping[Shape, str] = {
    "openai": "/v1",
    "anthropic": "",
    "together": "/together/v1",
    "gemini": "/v1beta/openai",
}
_LONGEST_S = 90.0
_TO_STEPS = 28
"""Resumed starts are killed at one of so many steps."""


@dataclass(frozen=True)
class Story:
    """A run of `jobs` in batches of `size`. Its first start is killed at the step `first_kill`, those after
    it, until there were `kills`, at steps that `seed` decides.
    """

    shape: Shape
    scenario: Scenario
    jobs: int
    size: int
    kills: int
    first_kill: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.shape}: {self.scenario.name} (first kill {self.first_kill}, seed {self.seed})"


@dataclass
class Told:
    """What came of a story: at which steps it was killed, and the accounts in the end."""

    story: Story
    kills: list[str] = field(default_factory=list)
    steps: int = 0
    """The steps of its first start, as far as it came."""
    ledger: Ledger = field(default_factory=lambda: Ledger(0))
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def tell(story: Story, folder: Path) -> Told:
    """Run a story in an empty folder."""
    told, began = Told(story), time.monotonic()
    with closing(Simulated(batch_speed=SPEED, keys=_KEYS, seed=story.seed)) as simulator:
        prompts = _written(story, folder)
        foreign = _foreign(story, simulator) if story.scenario.foreign else []
        simulator.order_batches(**story.scenario.orders)
        ended = _killed_and_resumed(story, folder, simulator, told)
        if ended is not None:
            _at_rest(simulator)
            told.ledger = ledger_of(folder, prompts, simulator.executions(), simulator.batches(), foreign)
            told.problems += told.ledger.problems
            if not story.scenario.is_unclear:
                told.problems += told.ledger.unclear
    told.seconds = time.monotonic() - began
    return told


def _killed_and_resumed(story: Story, folder: Path, simulator: Simulated, told: Told) -> Ended | None:
    """Start and kill, then resume until all is done; None if it does not come to that."""
    rng = random.Random(story.seed)
    ended: Ended | None = None
    for number in range(story.kills + 2):
        kill_at = 0 if number >= story.kills else rng.randint(1, _TO_STEPS) if number else story.first_kill
        ended = start(
            _arguments(story, folder),
            folder,
            _environment(story, folder, simulator),
            kill_at=kill_at,
            longest_s=_LONGEST_S,
        )
        if not number:
            told.steps = len(ended.steps)
        if ended.was_killed:
            told.kills.append(ended.steps[-1].label)
        elif ended.code != ExitCode.BATCHED:
            break
    assert ended is not None
    if ended.code != 0:
        said = ended.err[-1500:] or ended.out[-1500:]
        told.problems.append(f"ended with {ended.code} after kills at {told.kills}: {said}")
        return None
    return ended


def _arguments(story: Story, folder: Path) -> Sequence[object]:
    run = ("run", "prompts.jsonl", "--headless", "--json", "--run-dir", "kept", "--out", "results.jsonl")
    how = ("--rate", "unlimited", "--check", "number", "--model", "sim-small", "--batch-size", story.size)
    deadline = story.scenario.deadline_s
    shape = ("--dialect", "anthropic") if story.shape == "anthropic" else ()
    if (folder / "kept" / "journal.sqlite").exists():
        return (*run, *how, *shape, "--resume")
    late = () if deadline is None else ("--batch-deadline", f"{deadline}s")
    return (*run, *how, *shape, "--batch", *late, *story.scenario.flags)


def _environment(story: Story, folder: Path, simulator: Simulated) -> dict[str, str]:
    name = "ANTHROPIC" if story.shape == "anthropic" else "OPENAI"
    base = simulator.root + _PATHS[story.shape]
    return environment(folder, None, **{f"{name}_API_KEY": ",".join(_KEYS), f"{name}_BASE_URL": base})


def _written(story: Story, folder: Path) -> list[str]:
    """The prompts of a story, in its file."""
    prompts = [f"What is {number} + {story.seed % 1_000} + 1?" for number in range(story.jobs)]
    rows = [
        {"prompt": prompt, "expected": str(number + story.seed % 1_000 + 1)}
        for number, prompt in enumerate(prompts)
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prompts


def _foreign(story: Story, simulator: Simulated) -> list[str]:
    """The ids of somebody else's batches, of every size that those of the run may have. They take longer."""
    ids = [_created(size, simulator) for size in (story.size, story.size - 1, story.size - 2)]
    for each in ids:
        simulator.order_batches(batch=each, slow=6.0)
    return ids


def _created(size: int, simulator: Simulated) -> str:
    requests = requests_of([f"Somebody else asks {number} of {size}" for number in range(size)])
    headers = {"x-api-key": _KEYS[0], "anthropic-version": "2023-06-01"}
    reply = simulator.fetch("/v1/messages/batches", {"requests": requests}, headers=headers)
    assert reply.status == 200, reply
    found: str = reply.json["id"]
    return found


def _at_rest(simulator: Simulated) -> None:
    """Wait until no batch goes on any more: what it executes counts."""

    def ended() -> bool:
        held: list[dict[str, Any]] = simulator.batches()["batches"]
        return all(_has_ended(each) for each in held)

    wait_for(ended)


def _has_ended(batch: dict[str, Any]) -> bool:
    word = batch.get("status") or batch.get("processing_status")
    return word in ("completed", "failed", "expired", "cancelled", "ended")
