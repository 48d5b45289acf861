"""A hundred thousand hostile strings, through every screen and none: nothing steers, nothing breaks."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from textual.events import Paste
from textual.pilot import Pilot

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import KeptState
from llmdash.engine.model.view import View
from llmdash.reports.bar import BarDisplay
from llmdash.reports.progress import JsonDisplay, LineDisplay
from llmdash.ui.app import LlmdashApp
from llmdash.ui.launcher import (
    EndpointChoice,
    KeptPart,
    KeptRow,
    KeyChoice,
    Launch,
    LaunchOptions,
    PromptChoice,
)
from tests.cli.command import environment
from tests.cli.modes import foreign
from tests.cli.terminal import Terminal
from tests.test_sanitize import steers
from tests.ui.hostile import HOSTILE_ACTION, HostileSession, Words
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.waiting import until

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "themes"

SCREENS: dict[str, tuple[str, ...]] = {
    "dashboard": (),
    "wall": ("w",),
    "inspector": ("enter",),
    "graphs": ("g", "left"),
    "figures": ("G", "right"),
    "workers": ("m",),
    "help": ("question_mark",),
    "palette": ("ctrl+p",),
    "filter": ("slash",),
    "chunks": ("b", "t"),
}
"""The keys that lead to each screen of a dashboard."""


def cells(app: LlmdashApp) -> Iterable[Segment]:
    """Everything that is on the screen now, as it would go to the terminal."""
    strips = app.screen._compositor.render_strips()
    assert all(strip.cell_length == app.size.width for strip in strips)
    for strip in strips:
        yield from strip


def assert_harmless(app: LlmdashApp) -> None:
    for text, style, control in cells(app):
        assert control or not steers(text), repr(text)
        assert HOSTILE_ACTION not in str(style.meta if style is not None else "")
        assert style is None or style.link is None


async def show(pilot: Pilot[Any], session: HostileSession, words: int) -> None:
    """Pictures, until so many more strings were in them; every cell of each is looked at."""
    app = pilot.app
    assert isinstance(app, LlmdashApp)
    wanted = session.words.used + words
    dashboard: Any = app.screen_stack[0]
    while session.words.used < wanted:
        assert app.is_running, "it broke"
        session.renew()
        dashboard.poll()
        await pilot.pause()
        assert_harmless(app)


async def through(names: Iterable[str], words: Words, count: int, size: tuple[int, int]) -> None:
    """Show so many strings on each of these screens, one after the other."""
    session = HostileSession(words, stands=True)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.screen.is_mounted)
        for name in names:
            await pilot.press(*SCREENS[name])
            await pilot.pause()
            if name in ("filter", "palette"):
                for _ in range(3):
                    app.screen.post_message(Paste(words.word()[:40]))
                    await pilot.pause()
            await show(pilot, session, count)
            await pilot.press("escape")
    assert app.return_code in (None, 0)


async def test_no_screen_lets_hostile_text_through() -> None:
    await through(SCREENS, Words(1), 60, (120, 36))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(160, 50), (80, 24)])
@pytest.mark.parametrize("name", SCREENS)
async def test_no_screen_lets_any_of_many_hostile_texts_through(name: str, size: tuple[int, int]) -> None:
    words = Words(sum(map(ord, name)) * size[0])
    await through([name], words, 8000, size)
    print(f"{name} at {size[0]} x {size[1]}: {words.used:,} strings, none steers, none breaks")


def start_options(words: Words) -> LaunchOptions:
    return LaunchOptions(
        prompt_files=tuple(
            PromptChoice(words.word(), Path(words.word().replace("\0", "") or "x")) for _ in range(4)
        ),
        endpoints=tuple(
            EndpointChoice(
                words.word(),
                words.word(),
                words.word(),
                keys=tuple(KeyChoice(words.word(), works, words.word()) for works in (None, True, False)),
            )
            for _ in range(3)
        ),
        last=Launch(
            Path("x"),
            words.word(),
            words.word(),
            5.0,
            8,
            template=words.word(),
            system=words.word(),
            carry=words.word(),
        ),
        found_in=words.word(),
    )


def kept_runs(words: Words) -> KeptPart:
    rows = tuple(
        KeptRow(words.word(), words.word(), state, 1, 2, 0.5, 0.1, words.word()) for state in KeptState
    )
    return KeptPart(rows, words.word())


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
async def test_the_home_screen_lets_no_hostile_text_through(seed: int, tmp_path: Path) -> None:
    words = Words(seed)
    (tmp_path / "mine.toml").write_text(
        f"name = {json.dumps(words.word())}\n[colors]\nprimary = '{HOSTILE_ACTION}'\n"
    )
    (tmp_path / "preferences.toml").write_bytes(words.word().encode("utf-8", "surrogatepass") + b"\n[[[")
    app = LlmdashApp(
        launcher=FakeLauncher(
            start_options(words),
            problem=words.word() or "no",
            runs=kept_runs(words),
            rows=(words.word(), words.word()),
        ),
        shipped_themes=SHIPPED,
        user_themes=tmp_path,
        preferences_path=tmp_path / "preferences.toml",
    )
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()  # now all work has been begun
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers))
        await pilot.pause()
        assert_harmless(app)
        await pilot.press("enter")
        await pilot.pause()
        assert_harmless(app)
        app.notify(words.word(), markup=False)
        await pilot.pause()
        assert_harmless(app)


def headless(words: Words, count: int) -> None:
    """Everything a run without a screen prints, of pictures full of hostile strings."""
    session = HostileSession(words)
    while words.used < count:
        frame: Frame = session.frame(View())
        for kind in (BarDisplay, LineDisplay, JsonDisplay):
            said = io.StringIO()
            with kind(said) as display:
                display.progress(frame)
                for notice in frame.notices:
                    display.notice(notice)
                display.finish(frame)
            assert not list(foreign(said.getvalue().encode())), kind


def test_headless_output_lets_no_hostile_text_through() -> None:
    headless(Words(2), 1500)


@pytest.mark.slow
def test_headless_output_lets_none_of_many_hostile_texts_through() -> None:
    words = Words(3)
    headless(words, 20_000)
    print(f"headless: {words.used:,} strings, none steers, none breaks")


@pytest.mark.parametrize("count", [600, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_terminal_gets_no_control_byte_that_is_not_the_apps_own(tmp_path: Path, count: int) -> None:
    """On a real terminal, down to the bytes."""
    command = (sys.executable, "-m", "tests.ui.hostile", "4", str(count))
    with Terminal(cwd=ROOT, env=environment(tmp_path), command=command) as terminal:
        while terminal.process.poll() is None:
            terminal.watch(0.1)
        assert terminal.wait() == 0
        assert terminal.left_changed == []
        assert list(foreign(bytes(terminal.raw))) == []
        print(f"terminal: {count:,} strings, {len(terminal.raw):,} bytes, none foreign")


@pytest.mark.parametrize("screen", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_file_full_of_hostile_text_is_run_without_a_foreign_byte(tmp_path: Path, screen: bool) -> None:
    """Ids, prompts, the file's own name, and lines that cannot be used."""
    words = Words(5)
    lines = [
        json.dumps({"id": f"{number}{words.word()}"[:200], "prompt": f"{words.word()} 1 + 1"})
        for number in range(20)
    ]
    path = tmp_path / "\x1b]52;c;x\x07[red]\u202e.jsonl"
    path.write_text(
        "\n".join([*lines, '{"prompt": 7}', f"no json {words.word()}".encode("utf-8", "replace").decode()])
    )
    arguments = ("run", path, "--simulate", "--rate", "200/s", "--run-dir", "kept\x1b[2J")
    more = () if screen else ("--headless",)
    with Terminal(*arguments, *more, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        if screen:
            terminal.wait_for("✓ done")
            terminal.keys("\r")
            terminal.wait_for("Attempts")
            terminal.keys("q")
        assert terminal.wait() == 8  # two lines are left out
        assert list(foreign(bytes(terminal.raw))) == []
