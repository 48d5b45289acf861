"""Fixtures for runs of the program on workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.arrivals import Arrivals, arrivals
from tests.cli.clusters import Site
from tests.cli.terminal import end_engines


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


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder whose user begins runs; the engines of those that are left end with the test."""
    yield tmp_path
    end_engines(str(tmp_path))
