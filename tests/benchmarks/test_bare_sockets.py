"""The client that asks for the target's own rate."""

from __future__ import annotations

import pytest

from tests.benchmarks.bare_sockets import answers_per_second
from tests.benchmarks.bench import target


@pytest.mark.parametrize("count", [1, 64, 500])
async def test_it_ends_once_everything_is_answered(count: int) -> None:
    """Whether there are fewer requests than connections, as many, or more."""
    with target() as base_url:
        assert await answers_per_second(base_url, count) > 0
