"""The app around the screens: themes, preferences, what is printed, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.color import Color
from textual.command import CommandList, CommandPalette
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.ui.app import LlmdashApp
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.settings.themes import DEFAULT_THEME, read_theme
from llmdash.ui.terminal.backlog import terminal_is_behind
from llmdash.ui.terminal.safe_output import ControlCharacters
from tests.ui.fake_session import FakeSession
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.waiting import choose, picture, until

SHIPPED = Path(__file__).parents[2] / "themes"
MINE = 'name = "mine"\n[colors]\nprimary = "#123456"\nbackground = "#101010"\n'


def app_with(**options: Any) -> LlmdashApp:
    return LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, **options)


def told(app: LlmdashApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def test_it_takes_either_a_session_or_a_launcher() -> None:
    with pytest.raises(ValueError, match="a session, a launcher or a comparison"):
        LlmdashApp()
    with pytest.raises(ValueError, match="a session, a launcher or a comparison"):
        LlmdashApp(session=FakeSession(), launcher=FakeLauncher())


async def test_what_starts_slowly_waits_for_the_first_picture_and_is_told_once() -> None:
    told_at: list[int] = []
    session = FakeSession()
    app = LlmdashApp(session=session, on_ready=lambda: told_at.append(len(session.views)))
    async with app.run_test() as pilot:
        assert not told_at or told_at[0] > 0
        await until(pilot, lambda: told_at)
        for _ in range(3):
            await picture(pilot, session)
        assert len(told_at) == 1
        assert told_at[0] >= 1, "a picture was asked for before"


async def test_every_shipped_theme_and_textuals_own_fit_every_stylesheet() -> None:
    app = app_with()
    async with app.run_test() as pilot:
        assert app.theme == DEFAULT_THEME
        shipped = {read_theme(path).theme.name for path in SHIPPED.glob("*.toml")}
        assert shipped < set(app.available_themes)
        for keys in (["question_mark"], ["enter"], ["g"], ["slash"], ["ctrl+p"]):
            await pilot.press(*keys)
            for name in shipped if keys != ["g"] else app.available_themes:
                app.theme = name
                await pilot.pause()
            await pilot.press("escape")


async def test_the_styles_of_a_screen_are_read_when_it_is_opened() -> None:
    """To parse those of all takes a twentieth of the time until the first picture."""
    async with (app := app_with()).run_test() as pilot:
        assert styles_read(app) == {"app", "dashboard"}
        await pilot.press("question_mark")
        await until(pilot, lambda: styles_read(app) == {"app", "dashboard", "help"})


def styles_read(app: LlmdashApp) -> set[str]:
    return {Path(path).stem for path, _ in app.stylesheet.source if path.endswith(".tcss")}


async def test_a_theme_is_chosen_from_the_palette() -> None:
    async with (app := app_with()).run_test() as pilot:
        await pilot.press("ctrl+p")
        await choose(pilot, "theme")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.is_mounted)
        await choose(pilot, "morning-mist")
        await until(pilot, lambda: app.theme == "morning-mist")


async def test_the_palette_offers_what_can_be_done_now_and_says_of_the_rest_why_not() -> None:
    async with (app := app_with()).run_test(size=(120, 36)) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: any("Theme" in choice for choice in offered(app)))
        assert any(choice.startswith("Pause") for choice in offered(app))
        assert not [choice for choice in offered(app) if choice.startswith(("Release", "Budget"))]
        await pilot.press(*"release")
        await until(pilot, lambda: any("No trial holds the run" in choice for choice in offered(app)))


def offered(app: LlmdashApp) -> list[str]:
    """What the palette lists."""
    return [str(option.prompt) for each in app.screen.query(CommandList) for option in each.options]


async def test_the_theme_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    async with (app := app_with(preferences_path=path)).run_test() as pilot:
        app.theme = "apricot-paper"
        await pilot.pause()
    assert PreferencesFile(path).load()[0].theme == "apricot-paper"
    async with (app := app_with(preferences_path=path)).run_test():
        assert app.theme == "apricot-paper"


async def test_a_remembered_theme_that_is_gone_gives_way_to_the_default(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    PreferencesFile(path).save(Preferences(theme="no-such-theme"))
    async with (app := app_with(preferences_path=path)).run_test():
        assert app.theme == DEFAULT_THEME


async def test_a_corrupt_preferences_file_costs_one_toast(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text("[[[")
    async with (app := app_with(preferences_path=path)).run_test() as pilot:
        await pilot.pause()
        assert len(told(app)) == 1 and "preferences ignored" in told(app)[0]


async def test_a_users_theme_is_taken_at_the_start_and_anew_when_its_file_changes(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(MINE)
    async with (app := app_with(user_themes=tmp_path)).run_test() as pilot:
        app.theme = "mine"
        await pilot.pause()
        mine.write_text(MINE.replace("101010", "2a2b2c"))
        app.reload_themes()
        await until(pilot, lambda: app.screen.styles.background == Color.parse("#2a2b2c"))


async def test_a_bad_theme_gives_one_toast_with_line_and_key_and_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE + '[variables]\nfooter-background = "no such [/] colour"\n')
    (tmp_path / "worse.toml").write_text('[colors]\nprimary = "[/]"\n')
    async with (app := app_with(user_themes=tmp_path)).run_test() as pilot:
        app.reload_themes()
        await pilot.pause()
        assert len(told(app)) == 2
        assert told(app)[0].startswith("mine.toml:6: footer-background ")
        assert told(app)[1].startswith("worse.toml:2: primary ")
        assert "mine" not in app.available_themes


def test_control_characters_become_visible_and_the_apps_own_codes_stay() -> None:
    gate = ControlCharacters()
    style = Style(bold=True)
    code = Segment("\x1b[2J", None, [(ControlType.BELL,)])
    segments = [Segment("fine", style), Segment("a\x1b]52;c;x\x07\n", style), code]
    cleaned = gate.apply(segments, Color(0, 0, 0))
    assert [segment.style for segment in cleaned] == [style, style, None]
    assert cleaned[0].text == "fine" and cleaned[2] is code
    assert cleaned[1].text.isprintable() and len(cleaned[1].text) == len(segments[1].text)
    clean = [Segment("all fine", style)]
    assert gate.apply(clean, Color(0, 0, 0)) is clean, "what is clean is not copied"


class FailingSession(FakeSession):
    """Fails with a secret among its locals."""

    def frame(self, view: View) -> Frame:
        canary = "sk-canary-1234567890"
        raise RuntimeError(f"no picture [/] for {canary}\x1b[2J" if self.views else canary)


async def test_a_crash_says_what_and_where_without_values_and_returns_1(
    capfd: pytest.CaptureFixture[str],
) -> None:
    app = LlmdashApp(
        session=FailingSession(views=[View()]),
        redact=lambda text: text.replace("sk-canary-1234567890", "***"),
    )
    await app.run_async(headless=True, size=(100, 30))
    error = capfd.readouterr().err
    assert app.return_code == 1
    assert "RuntimeError: no picture [/] for ***␛[2J" in error
    assert "test_app.py" in error and "in frame" in error
    assert "sk-canary" not in error and "locals" not in error and "\x1b" not in error
    assert len(error.splitlines()) < 14


@pytest.mark.parametrize("ahead", [(), ("question_mark",), ("ctrl+p",)])
async def test_keys_that_come_as_the_app_ends_open_nothing_any_more(ahead: tuple[str, ...]) -> None:
    """A screen that is opened while its app closes stays without its widgets, and fails."""
    session = FakeSession()
    app = LlmdashApp(session=session)
    async with app.run_test() as pilot:
        await picture(pilot, session)
        for key in (*ahead, "ctrl+c", "question_mark", "question_mark"):
            app.post_message(Key(key, None))
        await pilot.pause()


async def test_a_screen_that_is_left_twice_in_one_burst_leaves_the_one_below_alone() -> None:
    session = FakeSession()
    app = LlmdashApp(session=session)
    async with app.run_test() as pilot:
        await picture(pilot, session)
        await pilot.press("e", "question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        top = app.screen
        for _ in range(3):
            top.dismiss()
        await pilot.pause()
        assert len(app.screen_stack) == 2


def test_textual_writes_through_the_driver_and_nothing_else() -> None:
    """The driver of llmdash takes the place of Textual's at these points; an upgrade that renames them has to
    show here.
    """
    for name in (
        "write",
        "close",
        "start_application_mode",
        "stop_application_mode",
        "_disable_mouse_support",
    ):
        assert callable(getattr(LinuxDriver, name))
    assert "_writer_thread" in LinuxDriver.close.__code__.co_names
    assert "_mouse_pixels" in LinuxDriver._enable_mouse_pixels.__code__.co_names


async def test_a_terminal_that_is_behind_gets_no_more_pictures_until_it_has_caught_up() -> None:
    session = FakeSession()
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test() as pilot:
        await picture(pilot, session)
        assert not terminal_is_behind(app), "a driver that cannot tell is never behind"
        driver: Any = app._driver
        driver.behind = True
        assert terminal_is_behind(app)
        seen = len(session.views)
        await pilot.pause(0.3)
        assert len(session.views) == seen, "no picture is asked for meanwhile"
        driver.behind = False
        await picture(pilot, session)


async def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with (app := app_with()).run_test() as pilot:
        await pilot.pause()
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                color = segment.style.color if segment.style else None
                if color is not None and color.triplet is not None:
                    assert len(set(color.triplet)) == 1, "only greys"


def test_the_app_loads_no_http_and_no_screen_that_is_not_shown() -> None:
    """They would cost a fifth of a second before the first picture."""
    late = (
        "httpx",
        "aiohttp",
        "sqlite3",
        "tomli_w",
        "llmdash.ui.screens.inspector",
        "llmdash.engine.dispatch.runner",
    )
    code = (
        "import sys; before = {*sys.modules}; import llmdash.ui.app, llmdash.ui.screens.dashboard; "
        f"print({{*{late}}} & {{*sys.modules}} - before)"  # where coverage is measured, more was loaded
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
