"""Keys that are pressed one by one, each with what is to be seen after it and was not before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.widget import Widget

import llmdash.ui
from llmdash.engine.model.view import JobsView
from llmdash.ui.app import LlmdashApp
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import picture, until

__all__ = ["WIDE", "HeardApp", "Keys", "Place", "Presses", "jobs", "run_shown", "sent", "shown"]

SHIPPED = Path(__file__).parents[3] / "themes"
WIDE = (120, 36)
_W = TypeVar("_W", bound=Widget)


class HeardApp(LlmdashApp):
    """The app, which notes what its keys run: the class that binds the key, and the action."""

    CSS_PATH = str(Path(llmdash.ui.__path__[0]) / "app.tcss")

    def __init__(self, **options: Any) -> None:
        super().__init__(shipped_themes=SHIPPED, **options)
        self.heard: list[tuple[str, str]] = []
        self.stops = 0
        """How often the process would have been stopped: a test has no terminal to leave."""

    async def run_action(
        self,
        action: str | tuple[str, str, tuple[object, ...]],
        default_namespace: DOMNode | None = None,
        namespaces: Any = None,
    ) -> bool:
        at = len(self.heard)
        ran = await super().run_action(action, default_namespace, namespaces)
        if ran and isinstance(action, str):
            self.heard.insert(at, (type(default_namespace).__name__, action))
        return ran

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """There is no terminal to give to another program."""
        yield

    def action_suspend_process(self) -> None:
        self.stops += 1


@dataclass
class Presses:
    """The keys of one class that were pressed, as (action, key)."""

    owner: str
    made: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Keys:
    """A screen on which keys are pressed."""

    pilot: Pilot[Any]
    presses: Presses

    @property
    def app(self) -> HeardApp:
        app: App[Any] = self.pilot.app
        assert isinstance(app, HeardApp)
        return app

    @property
    def screen(self) -> str:
        """The title of the screen on top."""
        return str(self.app.screen.title)

    def find(self, kind: type[_W], name: str = "") -> _W:
        """The widget of that class, or the one of it with that name."""
        return self.app.screen.query_one(f"#{name}" if name else kind.__name__, kind)

    async def press(self, key: str, seen: Callable[[], object]) -> None:
        """Press a key of the class; what is `seen` after it must not be seen before."""
        assert not seen(), f"{key}: this is seen without it"
        self.app.heard.clear()
        await self.pilot.press(key)
        owner, action = self.app.heard[0] if self.app.heard else ("nothing", "")
        if owner == HeardApp.__name__:  # the palette's key is the app's, which takes it before any screen
            owner, action = self.presses.owner, f"app.{action}"
        assert owner == self.presses.owner, f"{key} is taken by {owner} {action}"
        self.presses.made.add((action, key))
        try:
            await until(self.pilot, seen)
        except AssertionError:
            raise AssertionError(f"{key} ran {action}, which is not to be seen") from None

    async def changes(self, key: str, look: Callable[[], object]) -> None:
        """Press a key of the class, after which what `look` returns is another."""
        before = look()
        await self.press(key, lambda: look() != before)

    async def leads(self, key: str, look: Callable[[], object], to: object) -> None:
        """Press a key of the class, after which `look` returns just that."""
        await self.press(key, lambda: look() == to)

    async def goes(self, key: str, look: Callable[[], float | None], *, up: bool) -> None:
        """Press a key of the class, after which what `look` returns is more, or else less."""
        before = look() or 0.0
        await self.press(key, lambda: (look() or 0.0) > before if up else (look() or 0.0) < before)

    async def said(self, key: str, words: str) -> None:
        """Press a key of the class, after which a toast has these words."""
        await self.press(key, lambda: any(words in note.message for note in self.app._notifications))

    async def opens(self, key: str, title: str) -> None:
        """Press a key of the class that opens a screen of that title, and close that again."""
        await self.press(key, lambda: self.screen == title and self.app.screen.is_mounted)
        await self.close()

    async def close(self) -> None:
        """Close the screen on top."""
        on_top = self.app.screen
        on_top.dismiss()
        await until(self.pilot, lambda: self.app.screen is not on_top and self.app.screen.is_current)

    async def focus(self, widget: Widget) -> None:
        """Give a widget the focus."""
        self.app.screen.set_focus(widget)
        await until(self.pilot, lambda: widget.has_focus)

    async def prepare(self, *keys: str) -> None:
        """Press keys that only lead to where one is pressed that counts."""
        await self.pilot.press(*keys)
        await self.pilot.pause()


Place = Callable[[Presses], Awaitable[None]]
"""Presses every key of a class."""


@asynccontextmanager
async def shown(presses: Presses, size: tuple[int, int] = WIDE, **options: Any) -> AsyncIterator[Keys]:
    """The app with these options, at rest."""
    app = HeardApp(**options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield Keys(pilot, presses)


@asynccontextmanager
async def run_shown(
    presses: Presses, session: FakeSession, size: tuple[int, int] = WIDE, **options: Any
) -> AsyncIterator[Keys]:
    """The dashboard of a run, painted."""
    async with shown(presses, size, session=session, **options) as keys:
        await picture(keys.pilot, session)
        yield keys


def sent(session: FakeSession, kind: str) -> bool:
    """True if the last command was of that class."""
    return bool(session.commands) and type(session.commands[-1]).__name__ == kind


def jobs(session: FakeSession) -> JobsView:
    """How the job table is looked at."""
    return session.views[-1].jobs
