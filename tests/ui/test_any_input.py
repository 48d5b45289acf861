"""Whatever is typed, clicked, pasted and resized, however fast: the app bears it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

import pytest
from textual.events import Key, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp, Paste
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tests.ui import troubles
from tests.ui.fake_session import FakeSession
from tests.ui.keys.presses import HeardApp
from tests.ui.screens.test_home import FakeLauncher

SIZES = [(80, 24), (120, 36), (200, 60), (60, 16), (30, 8), (10, 4)]
NAMED = (
    *("tab", "shift+tab", "enter", "escape", "up", "down", "left", "right", "home", "end", "pageup"),
    *("pagedown", "backspace", "delete", "shift+up", "shift+down", "shift+left", "shift+right"),
    *("ctrl+p", "ctrl+o", "ctrl+a", "ctrl+e", "ctrl+f", "ctrl+u", "ctrl+home", "ctrl+end"),
)
KEYS = (*ascii_letters, *digits, *"+-/?.,;:<>[]{}()!@#$%&*_='\"|\\~^ ", *NAMED)
PASTES = (
    *("hello", "[red]x", "\x1b[31mzz\n\nb", "x" * 3000, "/" + "y" * 3000, "/a b/c.csv", "~nobody-here/x"),
    *("file://[x", "-1", "1e999", "9" * 40, "is:failed sort:", "[/]", "%s"),
)
SCENES: list[Callable[[], Any]] = [
    *(troubles.failures, troubles.brake, troubles.disk_full, troubles.keys_rest, troubles.endpoints_out),
    *(troubles.fleet, troubles.many_workers, troubles.finished),
]


class OpenApp(HeardApp):
    """The app, which nothing that is typed ends."""

    def exit(self, *args: Any, **options: Any) -> None:
        """It goes on."""


class Anybody:
    """Somebody who types and clicks at random."""

    def __init__(self, pilot: Pilot[Any], chance: random.Random) -> None:
        self.pilot, self.chance = pilot, chance
        self.did: list[object] = []

    async def act(self) -> None:
        act = self.chance.choices([self.press, self.click, self.scroll, self.paste], [40, 6, 2, 2])[0]
        act()
        if self.chance.random() < 0.02:
            await self.pilot.resize_terminal(*self.chance.choice(SIZES))
        if self.chance.random() < 0.5:
            await self.pilot.pause()

    def press(self) -> None:
        key = self.chance.choice(KEYS)
        self.did.append(key)
        name, character = (_character_to_key(key), key) if len(key) == 1 else (key, None)
        self.pilot.app.post_message(Key(name, character))

    def click(self) -> None:
        """Somewhere, or dragged from there to somewhere else."""
        there = here = self._somewhere()
        if self.chance.random() < 0.2:
            there = self._somewhere()
        self.did.append((here, there))
        self._send(MouseMove, here, button=0)
        self._send(MouseDown, here)
        self._send(MouseMove, there)
        self._send(MouseUp, there)

    def scroll(self) -> None:
        self._send(self.chance.choice([MouseScrollDown, MouseScrollUp]), self._somewhere())

    def paste(self) -> None:
        text = self.chance.choice(PASTES)
        self.did.append(text[:20])
        self.pilot.app.post_message(Paste(text))

    def _somewhere(self) -> tuple[int, int]:
        width, height = self.pilot.app.size
        return self.chance.randrange(width), self.chance.randrange(height)

    def _send(self, kind: Callable[..., Any], at: tuple[int, int], button: int = 1) -> None:
        x, y = at
        held = (False, False, False)
        self.pilot.app.post_message(kind(None, x, y, 0, 0, button, *held, screen_x=x, screen_y=y))


def some_app(chance: random.Random) -> OpenApp:
    """Home, or a run that goes well or not."""
    if chance.random() < 0.25:
        return OpenApp(launcher=FakeLauncher())
    return OpenApp(session=FakeSession(scene=chance.choice(SCENES)()), goes_on_without=chance.random() < 0.5)


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 300))]
)
async def test_the_app_bears_whatever_is_typed_and_clicked(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    app = some_app(chance)
    async with app.run_test(size=chance.choice(SIZES[:4]), notifications=True) as pilot:
        await pilot.pause()
        somebody = Anybody(pilot, chance)
        for _ in range(60):
            await somebody.act()
        assert app.is_running, somebody.did
