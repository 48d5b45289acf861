"""The banner: what holds the run up is on screen for as long as it does, and says the same without colour."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot

from llmdash.engine.model.frame import Alert
from llmdash.engine.model.states import AlertKind, Severity
from llmdash.ui.panels.banner import LINGER_S, Banner
from llmdash.ui.text.alert_words import GAP, SEPARATOR, alert_line
from llmdash.ui.text.verdict_words import EndWords
from tests.ui.troubles import DISK_FULL, KEYS_REST, KILL_SWITCH, MINE_PAUSED, OPENAI_DOWN
from tests.ui.widget_app import HOSTILE, WidgetApp, lines_drawn, posted, strips


@dataclass
class Shown:
    """A banner on screen, its clock, and what it says."""

    pilot: Pilot[None]
    banner: Banner
    now: list[float]

    async def show(self, *alerts: Alert) -> str:
        self.banner.show(alerts)
        await self.pilot.pause()
        assert self.banner.size.height == (1 if self.banner.has_class("-shown") else 0)
        return self.banner.render_line(0).text.rstrip() if self.banner.size.height else ""


class BannerApp(WidgetApp):
    """The banner as high as it wants to be."""

    CSS = ""


@asynccontextmanager
async def banner_of(width: int = 120) -> AsyncIterator[Shown]:
    now = [0.0]
    banner = Banner(clock=lambda: now[0])
    app = BannerApp(banner)
    async with app.run_test(size=(width, 5), message_hook=app.hear) as pilot:
        yield Shown(pilot, banner, now)


async def test_there_is_no_line_while_nothing_holds_the_run_up() -> None:
    async with banner_of() as shown:
        assert await shown.show() == ""
        assert await shown.show(KEYS_REST)
        assert shown.banner.size.height == 1


async def test_the_line_names_severity_matter_countdown_and_fix() -> None:
    async with banner_of() as shown:
        assert (
            await shown.show(KEYS_REST)
            == " ▲ warning  All keys rest; the first one is a1f2 (429 rate limit reached) · back in 4s"
        )
        assert await shown.show(OPENAI_DOWN) == (
            " ▲ warning  openai is down: connection refused · next try in 8s"
        )
        assert await shown.show(KILL_SWITCH) == (
            " ✖ error  Kill switch: 20 requests in a row failed alike: 404 model not found "
            "· p goes on, q quits"
        )


@pytest.mark.parametrize(
    ("alert", "line"),
    [
        (
            KILL_SWITCH,
            " ✖  Kill switch: 20 requests in a row failed… · p goes on, q quits    ! all",
        ),
        (DISK_FULL, " ✖  Disk full: nothing is sent until there is room in… · next try in 1s    ! all"),
        (KEYS_REST, " ▲  All keys rest; the first one is a1f2 (429 rate limit reached) · back in 4s"),
        (OPENAI_DOWN, " ▲ warning  openai is down: connection refused · next try in 8s"),
        (MINE_PAUSED, " ✖  mine is paused · set ssl_cert_file, then press v on it in the key…   ! all"),
    ],
)
async def test_80_columns_hold_what_matters_whole(alert: Alert, line: str) -> None:
    async with banner_of(80) as shown:
        assert (await shown.show(alert)).split() == line.split()


async def test_of_several_alerts_the_first_is_shown_and_the_others_are_counted() -> None:
    async with banner_of(80) as shown:
        line = await shown.show(KILL_SWITCH, OPENAI_DOWN, KEYS_REST)
        assert line.startswith(" ✖  Kill switch: 20 requests")
        assert line.endswith("! +2 more")


async def test_the_line_stays_a_while_so_that_panels_do_not_jump_and_then_says_it_is_over() -> None:
    async with banner_of() as shown:
        await shown.show(OPENAI_DOWN)
        assert await shown.show() == " ✓ over: openai is down"
        shown.now[0] += LINGER_S / 2
        assert "next try" in await shown.show(OPENAI_DOWN)
        await shown.show()
        shown.now[0] += LINGER_S - 0.1
        assert await shown.show() == " ✓ over: openai is down"
        shown.now[0] += 0.2
        assert await shown.show() == ""


async def test_a_countdown_that_reads_the_same_is_not_painted_again() -> None:
    async with banner_of() as shown:
        await shown.show(KEYS_REST)
        drawn = lines_drawn(shown.banner)
        shown.banner.show((replace(KEYS_REST, passes_in_s=3.2),))
        await shown.pilot.pause()
        assert drawn == []
        shown.banner.show((replace(KEYS_REST, passes_in_s=2.9),))
        await shown.pilot.pause()
        assert drawn == [0]


async def test_a_click_asks_for_all_alerts_in_full() -> None:
    async with banner_of() as shown:
        await shown.show(KILL_SWITCH)
        await shown.pilot.click(Banner)
        assert [message.control for message in posted(shown.pilot, Banner.Opened)] == [shown.banner]


TRIAL = Alert(
    AlertKind.TRIAL,
    "Trial held: the rest about $1.26, 8m20s; 20 of 10,000 done, 95% right, $0.003",
    "u releases, -+ rate, q stops",
    severity=Severity.INFORMATION,
)


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (120, "◆  Trial held: the rest about $1.26, 8m20s; 20 of 10,000 done, 95% right, $0.003"),
        (80, "◆  the rest about $1.26, 8m20s; 20 of 10,000…"),
        (60, "◆  the rest about $1.26…"),
        (42, "◆  u releases"),
    ],
)
async def test_the_keys_of_a_held_run_are_cut_last(width: int, said: str) -> None:
    async with banner_of(width) as shown:
        line = await shown.show(TRIAL)
        assert line.endswith("u releases, -+ rate, q stops")
        assert said.rstrip("…") in line


FAILED = EndWords(
    "✓ all ended   38 failed, 1,204 invalid:", "R", "tries them again, about $0.01, 2s", "", "success"
)
LEFT = EndWords(
    "■ its process ended without a word   3,120 left:", "p", "says how to go on with them", "", "warning"
)


@pytest.mark.parametrize("end", [FAILED, LEFT])
@pytest.mark.parametrize("width", [44, 60, 80, 120])
async def test_what_one_can_press_after_the_end_is_cut_last(end: EndWords, width: int) -> None:
    async with banner_of(width) as shown:
        shown.banner.show((), end)
        await shown.pilot.pause()
        does = end.advice.partition(",")[0]
        assert f" {end.key} {does}" in shown.banner.render_line(0).text
        assert shown.banner.render_line(0).cell_length == width


@pytest.mark.parametrize("width", [20, 60, 120])
async def test_hostile_alerts_steer_nothing(width: int) -> None:
    async with banner_of(width) as shown:
        for text, severity in itertools.product(HOSTILE, Severity):
            await shown.show(Alert(AlertKind.KILL_SWITCH, text, text, 5.0, severity), KILL_SWITCH)
            for strip in strips(shown.banner):
                assert strip.cell_length == width
                assert strip.text.isprintable() or "\u200d" in strip.text


@pytest.mark.parametrize("width", range(20, 121, 5))
async def test_what_to_do_at_the_end_is_never_shown_without_its_key(width: int) -> None:
    end = EndWords("■ stopped on command   83 left:", "p", "says how to go on with them", "", "warning")
    async with banner_of(width) as shown:
        shown.banner.show((), end)
        await shown.pilot.pause()
        words = shown.banner.render_line(0).text
        assert ("p says" in words) == ("says" in words)
        assert "p says" in words or width < 45


WORDS = st.text("abcdefgh :,·", max_size=90)


@given(
    st.builds(Alert, st.sampled_from(AlertKind), WORDS, WORDS, st.none() | st.floats(0, 1e6)),
    st.integers(16, 200),
)
def test_an_alert_never_runs_over_its_line(alert: Alert, width: int) -> None:
    words = alert_line(alert, width)
    parts = [part for part in (words.text, words.awaited, words.fix) if part]
    assert cell_len(words.badge + GAP + SEPARATOR.join(parts)) <= width
    if words.whole:
        assert words.text == alert.text
        assert words.fix == alert.fix
