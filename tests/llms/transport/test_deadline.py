"""The time limits on one response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from llmdash.llms.transport.awake_clock import AwakeClock
from llmdash.llms.transport.deadline import Deadline, Late
from llmdash.llms.transport.timeouts import Timeouts


async def slow() -> AsyncIterator[bytes]:
    await asyncio.sleep(0.1)
    yield b"more"


async def silent() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b"never"


@pytest.mark.case("wire", "finish-each-slow")
async def test_an_answer_that_goes_on_behind_its_finish_reason_has_all_its_time_again() -> None:
    watch = Deadline(Timeouts(), AwakeClock())
    watch.answered()
    watch.shorten_deadline(0.01)
    watch.progress()
    assert await watch.next(anext(slow())) == b"more"
    watch.close()


async def test_what_is_awaited_behind_the_end_is_awaited_for_a_short_time() -> None:
    watch = Deadline(Timeouts(), AwakeClock())
    watch.answered()
    watch.shorten_deadline(0.01)
    with pytest.raises(Late):
        await watch.next(anext(silent()))
    watch.close()
