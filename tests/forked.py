"""Parts of the program in processes that are forked from one that has loaded it, which saves most of a start.

Each is a process as any other, with a folder, an environment and standard streams of its own, and signals as
a shell leaves them. Only its command line, as others see it, is that of the process that it was forked from.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

__all__ = ["CONTEXT", "as_started", "forked", "is_forkable"]

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "llmdash.cli",
        "llmdash.engine.session",
        "llmdash.launch.compare",
        "llmdash.launch.compared_runs",
        "llmdash.launch.doctor",
        "llmdash.launch.headless",
        "llmdash.launch.plan_builder",
        "llmdash.launch.preparing",
        "llmdash.launch.refusals",
        "llmdash.launch.run_folders",
        "llmdash.llms.openai",
        "llmdash.llms.transport.http",
        "llmdash.runs.details",
        "llmdash.simulator.server",
    ]
)
_READ_AT_START = ("PYTHON", "LC_", "LANG")
"""How variables begin that an interpreter reads as it starts: a forked one has done so."""


def is_forkable(environment: Mapping[str, str]) -> bool:
    """True unless an interpreter would start otherwise in this environment than it did in ours."""
    return all(
        os.environ.get(name) == environment[name] for name in environment if name.startswith(_READ_AT_START)
    )


@contextmanager
def forked(target: Callable[..., None], *arguments: Any) -> Iterator[ForkServerProcess]:
    """A process that calls `target` and ends; it is killed at the end of the `with` if it still runs."""
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


@contextmanager
def as_started(folder: Path, environment: Mapping[str, str], *streams: int) -> Iterator[None]:
    """Make a forked process one that was started there, with these to read from and to write to.

    At its end it does what an interpreter does at its own.
    """
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    _use_streams(*streams)
    try:
        yield
    finally:
        atexit._run_exitfuncs()


def _use_streams(*streams: int) -> None:
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    for number, source in enumerate(streams):
        os.dup2(source, number)
        os.close(source)
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115 - a descriptor, as below
    sys.stdout = open(1, "w", encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding, "backslashreplace", closefd=False)  # noqa: SIM115
