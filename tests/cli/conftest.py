"""Fixtures for runs of the program on workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.arrivals import Arrivals, arrivals
from tests.cli.clusters import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A folder for runs; all processes that are started there end with the test."""
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Arrivals]]:
    """Starts servers that answer after so many seconds, and know when each request arrived."""
    with ExitStack() as stack:
        yield lambda *how: stack.enter_context(arrivals(*how))
