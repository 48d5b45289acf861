"""Toasts end by themselves, and never hold the screen up."""

from __future__ import annotations

import asyncio
import time

import pytest
from textual.widgets._toast import Toast

from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.toasts import SteadyNotification
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import until


@pytest.mark.parametrize("timeout", [-1e9, -6e-5, 0.0, 1e-9, 500.0])
def test_there_is_always_time_left_to_arm_a_timer_with(timeout: float) -> None:
    notification = SteadyNotification("a key died", timeout=timeout)
    assert 0 < notification.time_left <= max(timeout, 0.1)
    assert notification.has_expired == (timeout < 1)


def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs_it() -> None:
    for jumped in (-86_400, 86_400):
        notification = SteadyNotification("a key died", timeout=500.0, raised_at=time.time() + jumped)
        assert not notification.has_expired
        assert notification.time_left == pytest.approx(500.0, abs=100)


async def test_a_toast_that_expires_as_it_comes_up_goes_away_and_the_screen_lives_on() -> None:
    """A timer of less than nothing would spin without end."""
    app = LlmdashApp(session=FakeSession())
    async with app.run_test(notifications=True) as pilot:
        late = SteadyNotification("a key died", timeout=1e-6)
        await asyncio.sleep(0.001)
        assert late.has_expired
        await app.mount(Toast(late))
        await until(pilot, lambda: not app.screen.query(Toast))


async def test_every_toast_of_the_app_is_a_steady_one() -> None:
    app = LlmdashApp(session=FakeSession())
    async with app.run_test(notifications=True) as pilot:
        app.notify("[/] is no markup", timeout=500.0, markup=False)
        await until(pilot, lambda: app.screen.query(Toast))
        assert [(type(each), each.timeout) for each in app._notifications] == [(SteadyNotification, 500.0)]
        app.notify("brief", timeout=0.5, markup=False)
        await pilot.pause()  # it is on screen now, or was
        await until(pilot, lambda: len(app.screen.query(Toast)) == 1)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_a_toast_leaves_the_key_bar_readable(size: tuple[int, int]) -> None:
    app = LlmdashApp(session=FakeSession())
    async with app.run_test(size=size, notifications=True) as pilot:
        app.notify("there is nothing to release " * 4, timeout=500.0, markup=False)
        await until(pilot, lambda: app.screen.query(Toast) and app.screen.query_one(Toast).size.height > 1)
        bar, toast = app.screen.query_one(KeyBar).region, app.screen.query_one(Toast).region
        assert toast and toast.bottom == bar.y


async def test_a_key_that_is_held_down_fills_the_screen_with_no_toasts() -> None:
    app = LlmdashApp(session=FakeSession())
    async with app.run_test(notifications=True) as pilot:
        for _ in range(5):
            app.notify("there is nothing to release", markup=False)
            await until(pilot, lambda: len(app._notifications) == 1)
        app.notify("something else", markup=False)
        await until(pilot, lambda: len(app._notifications) == 2)
