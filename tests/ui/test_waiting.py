"""A pilot goes on when all is done that a key has led to, on a machine that stands still now and then too."""

from __future__ import annotations

import time

from textual.app import App

HOPS = 26
STILL_S = 0.1


class Hopping(App[None]):
    """A message leads to one for another node, and so on; each meets a machine that stands still."""

    hops = 0

    def hop(self) -> None:
        time.sleep(STILL_S)
        self.hops += 1
        if self.hops < HOPS:
            (self.screen if self.hops % 2 else self).call_later(self.hop)


async def test_a_pilot_waits_for_all_that_follows_though_it_takes_longer_than_a_second() -> None:
    async with (app := Hopping()).run_test() as pilot:
        app.call_later(app.hop)
        await pilot.pause()
        assert app.hops == HOPS


async def test_a_pilot_waits_until_a_new_size_is_laid_out() -> None:
    async with (app := Hopping()).run_test(size=(80, 24)) as pilot:
        for size in [(100, 30), (100, 30), (60, 16)]:
            await pilot.resize_terminal(*size)
            assert app.screen.size == size
