"""Pieces of generators that run on the shared loop, as other loops read them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

import pytest

from llmdash.llms.sync_bridge import Elsewhere
from tests.waiting import PATIENCE_S

_PIECES = 500


def _counting(begins: int, *, fails_after: int | None = None) -> Callable[[], AsyncGenerator[int, None]]:
    """Numbers, now in bursts and now one at a turn of the loop."""

    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(_PIECES):
            if number == fails_after:
                raise LookupError(begins)
            if number % 7 == begins % 7:
                await asyncio.sleep(0)
            yield begins + number

    return numbers


async def _read(begins: int) -> list[int]:
    return [number async for number in Elsewhere(_counting(begins))]


async def _read_together(streams: int) -> None:
    found = await asyncio.gather(*map(_read, range(streams)))
    assert found == [list(range(begins, begins + _PIECES)) for begins in range(streams)]


async def test_each_of_many_streams_has_all_its_pieces_in_order() -> None:
    await asyncio.wait_for(_read_together(40), PATIENCE_S)


def test_streams_of_several_loops_do_not_wait_for_each_other() -> None:
    faults: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(_read_together(10))
        except BaseException as fault:  # noqa: BLE001 - raised below
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not faults
    assert not any(thread.is_alive() for thread in threads)


async def test_what_ends_a_stream_is_raised_behind_its_last_piece() -> None:
    pieces = Elsewhere(_counting(3, fails_after=9))
    assert [await anext(pieces) for _ in range(9)] == list(range(3, 12))
    with pytest.raises(LookupError):
        await anext(pieces)
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


def test_a_loop_that_closes_amid_its_streams_holds_up_nobody() -> None:
    async def leave() -> None:
        for begins in range(5):
            assert await anext(Elsewhere(_counting(begins))) == begins

    for _ in range(3):
        asyncio.run(leave())
    asyncio.run(asyncio.wait_for(_read_together(5), PATIENCE_S))
