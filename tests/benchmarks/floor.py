"""The engine's floor: what a job costs where attempts are answered at once and nobody speaks HTTP.

`floor.py COUNT` is run by the interpreter of any environment with llmdash in it, of this commit or an earlier
one; it prints JSON. Journal, pool and limiter are those of a real run.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

__all__ = ["answered_at_once", "floor"]

KEYS = 3
IN_FLIGHT = 64
WARM_UP = 200
ANSWER = '{"expression": "1 + 1", "result": 2}'

_MODULES = {
    "Delta": ("llmdash.llms.messages",),
    "Endpoint": ("llmdash.engine.pool.member", "llmdash.engine.member"),
    "LocalSession": ("llmdash.engine.session",),
    "Member": ("llmdash.engine.pool.member", "llmdash.engine.member"),
    "Prompt": ("llmdash.prompts.source",),
    "PromptList": ("llmdash.prompts.source",),
    "RunFacts": ("llmdash.engine.plan", "llmdash.engine.frames.builder", "llmdash.engine.picture"),
    "RunPlan": ("llmdash.engine.plan", "llmdash.engine.session"),
    "Usage": ("llmdash.llms.messages",),
}


def _find(name: str) -> Any:
    """What is called `name`, in whichever module: one script serves commits between which modules moved."""
    for module in _MODULES[name]:
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise ImportError(f"this llmdash has {name} in none of: {', '.join(_MODULES[name])}")


class _AtOnce:
    """A model that answers at once, with a text, a finish reason and a usage."""

    model = "floor"

    def __init__(self) -> None:
        self.asked = 0
        self._delta = _find("Delta")(text=ANSWER, finish_reason="stop", usage=_find("Usage")(50, 15))

    def identity(self, _messages: object, **_options: object) -> None:
        """Return None: no request is made."""

    async def deltas(self, _messages: object, **_options: object) -> AsyncIterator[Any]:
        self.asked += 1
        yield self._delta


def floor(count: int) -> dict[str, float]:
    """Microseconds a job over `count` jobs, of processor time and of the clock.

    Raises what a run broke on.
    """
    _run(WARM_UP)
    cpu_s, wall_s = _run(count)
    return {"cpu_us": cpu_s / count * 1e6, "wall_us": wall_s / count * 1e6}


def answered_at_once(count: int, folder: Path) -> Any:
    """Return the plan of a run of `count` jobs that are answered at once, over prompts in memory."""
    return _plan(_AtOnce(), count, folder)


def _run(count: int) -> tuple[float, float]:
    """Seconds from start to end of a run: of processor time, all threads together, and of the clock."""
    llm = _AtOnce()
    with tempfile.TemporaryDirectory() as folder:
        session = _find("LocalSession")(_plan(llm, count, Path(folder)))
        cpu, wall = time.process_time(), time.perf_counter()
        session.start()
        session.join()
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    if session.crash is not None:
        raise session.crash
    if llm.asked != count:
        raise RuntimeError(f"{llm.asked} attempts for {count} jobs")
    return cpu_s, wall_s


def _plan(llm: _AtOnce, count: int, folder: Path) -> Any:
    """A run over prompts in memory, so that making them costs it nothing."""
    make_member, endpoint = _find("Member"), _find("Endpoint")("nowhere")

    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Any]]:
        yield [make_member(llm, f"key-{number}", endpoint) for number in range(KEYS)]

    make_prompt = _find("Prompt")
    prompts = [make_prompt(f"{n}", (("user", f"Work out {n} + 1."),)) for n in range(count)]
    return _find("RunPlan")(
        source=_find("PromptList")("floor", "f" * 64, prompts),
        connect=connect,
        folder=folder,
        facts=_find("RunFacts")("floor", llm.model, endpoint.name, KEYS),
        rate=None,
        concurrency=IN_FLIGHT,
    )


if __name__ == "__main__":
    print(json.dumps(floor(int(sys.argv[1]))))
