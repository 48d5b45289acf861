"""Functions in processes that are forked from one that has loaded the simulator: that is most of a start."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from typing import Any

__all__ = ["CONTEXT", "forked"]

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["llmdash.simulator.server"])


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
