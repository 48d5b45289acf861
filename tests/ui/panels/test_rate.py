"""The sliders: the thumb is where the engine says, steps start from what was asked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from llmdash.engine.model.frame import AutoPart, RatePart, SeriesPart, SharedLimitRow
from llmdash.engine.model.states import Binding
from llmdash.ui.panels.rate_legend import RateLegend
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.requested_value import SHOWS_TO_CONFIRM
from llmdash.ui.panels.shared_limits import SharedLimits
from tests.ui.widget_app import assert_drawn_safely, lines, lines_drawn, posted, running


def rate_slider() -> LogSlider:
    return LogSlider(0.1, 1000, unit="/s", label="set", unlimited=True)


def asked(pilot: Pilot[None]) -> list[float | None]:
    return [message.value for message in posted(pilot, LogSlider.Changed)]


async def test_the_thumb_waits_for_the_engine() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 5.0)
        before = lines(slider)[0]
        await pilot.press("shift+right")
        pending = lines(slider)[0]
        assert asked(pilot) == [100.0]
        assert pending.index("◆") == before.index("◆")
        assert pending.index("◇") > before.index("◆")
        assert slider.value == 10.0
        slider.show(100.0, 9.0)
        assert "◇" not in lines(slider)[0]
        assert lines(slider)[0].index("◆") == pending.index("◇")


async def test_ten_quick_presses_are_ten_steps() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(1.0, 1.0)
        await pilot.press(*["right"] * 10)
        slider.show(1.0, 1.0)
        await pilot.press(*["right"] * 10)
        assert asked(pilot)[-1] == 10.0
        assert len(asked(pilot)) == 20


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["right"], 20.0), (["left"], 16.0), (["shift+right"], 180.0), (["shift+left"], 1.8), (["up"], 18.2),
        (["down"], 17.8), (["home"], 0.1), (["end"], 1000.0), (["end", "right"], None),
        (["end", "right", "left"], 1000.0),
        (["4", "2", "enter"], 42.0), (["4", "2", "backspace", "enter"], 4.0), (["end", "end"], None),
        (["m", "a", "x", "enter"], None), (["i", "n", "f", "enter"], None), (["shift+right"] * 3, None),
        ([".", "5", "enter"], 0.5), (["9", "9", "9", "9", "enter"], 1000.0),
    ],
)  # fmt: skip
async def test_keys_ask_for_a_value(keys: list[str], value: float | None) -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(18.0, 17.0)
        await pilot.press(*keys)
        assert asked(pilot)[-1] == value


@pytest.mark.case("engine", "slider-0")
@pytest.mark.parametrize("typed", ["0", "0.0", ".0", "000", "00.000"])
async def test_nothing_a_second_is_refused_in_words(typed: str) -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(18.0, 17.0)
        await pilot.press(*typed, "enter")
        await pilot.pause()
        assert asked(pilot) == []
        assert [note.message for note in pilot.app._notifications] == [
            f"{typed} sends nothing; type 0.1 to 1000, or inf for no limit"
        ]
        assert "18.0/s" in lines(slider)[0]


@pytest.mark.case("engine", "slider-0")
async def test_no_requests_at_once_are_refused_too_and_there_is_always_a_maximum() -> None:
    slider = LogSlider(1, 512, unit="", label="max", integral=True)
    async with running(slider, (60, 1)) as pilot:
        slider.show(64, 17.0)
        await pilot.press("0", "enter")
        assert asked(pilot) == []
        await pilot.press("i", "n", "f", "enter", "end", "right")
        assert asked(pilot) == [512.0]


async def test_what_is_typed_shows_and_escape_gives_up() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(18.0, 17.0)
        await pilot.press("4", "2", ".", "x")
        assert "42.▏" in lines(slider)[0]
        await pilot.press("escape", "enter")
        assert "18.0/s" in lines(slider)[0]
        assert asked(pilot) == []


async def test_no_limit_is_drawn_as_such() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)):
        slider.show(None, 250.0)
        assert lines(slider)[0].startswith("set  ∞ ")
        assert "∞┤ 1000" in lines(slider)[0]


async def test_a_value_that_is_refused_does_not_stay_pending() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 9.0)
        await pilot.press("shift+right")
        for _show in range(SHOWS_TO_CONFIRM):
            slider.show(10.0, 9.0)
        assert "◇" not in lines(slider)[0]


async def test_the_mark_says_what_is_achieved() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)):
        slider.show(10.0, 100.0)
        line = lines(slider)[0]
        assert line.index("◆") < line.index("▲")
        slider.show(10.0, None)
        assert "▲" not in lines(slider)[0]


async def test_thumb_and_mark_at_the_same_place_are_one_glyph_of_its_own() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)):
        slider.show(10.0, 10.1)
        line = lines(slider)[0]
        assert "◈" in line
        assert not set("◆▲") & set(line)


async def test_a_click_and_a_drag_set_the_value_under_the_mouse() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 9.0)
        track = lines(slider)[0]
        left, right = track.index("├") + 1, track.index("┤") - 1
        await pilot.mouse_down(slider, offset=(left, 0))
        await pilot.hover(slider, offset=((left + right) // 2, 0))
        await pilot.hover(slider, offset=(right + 3, 0))
        await pilot.mouse_up(slider, offset=(right + 3, 0))
        await pilot.hover(slider, offset=(left, 0))
        first, middle, last = asked(pilot)
        assert (first, last) == (0.1, 1000.0)
        assert middle is not None
        assert 5 < middle < 20


async def test_a_click_on_the_label_only_focuses() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 9.0)
        await pilot.click(slider, offset=(1, 0))
        assert asked(pilot) == []


async def test_the_wheel_moves_by_a_step() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 9.0)
        for kind in (MouseScrollUp, MouseScrollDown):
            slider.post_message(kind(slider, 30, 0, 0, 0, 0, False, False, False))
            await pilot.pause()
        assert asked(pilot) == [11.0, 10.0]


async def test_who_goes_on_where_a_scale_ends_reads_that_it_ends_there() -> None:
    panel = RatePanel()
    async with running(panel, (60, 8)) as pilot:
        panel.show(RatePart(rate=None, concurrency=1), SeriesPart())
        panel.query(LogSlider)[0].focus()
        await pilot.press("right")
        assert said_below(panel) == "there is no limit: no further up"
        await pilot.press("left")
        assert said_below(panel) == ""
        await pilot.press("tab", "left")
        assert said_below(panel) == "1 is the lowest: no further down"
        panel.show(RatePart(rate=None, concurrency=512), SeriesPart())
        await pilot.press("end")
        assert said_below(panel) == "512 is the highest: no further up"
        await pilot.press("tab")
        assert said_below(panel) == "", "it is about the slider with the focus"


def said_below(panel: RatePanel) -> str:
    """What stands in the lower border."""
    return "" if panel._border_subtitle is None else panel._border_subtitle.plain.strip()


async def test_an_equal_picture_is_not_painted_again() -> None:
    slider = rate_slider()
    async with running(slider, (60, 1)) as pilot:
        slider.show(10.0, 9.0)
        await pilot.pause()
        drawn = lines_drawn(slider)
        slider.show(10.0, 9.001)
        await pilot.pause()
        assert drawn == []


@pytest.mark.parametrize("width", [10, 20, 26, 40, 80, 200])
async def test_sliders_fit_every_width(width: int) -> None:
    slider = rate_slider()
    async with running(slider, (width, 1)):
        for value in (0.1, 18.0, 1000.0, None):
            slider.show(value, 5.0)
            assert_drawn_safely(slider)


def title(panel: RatePanel) -> list[str]:
    """What is at the left and at the right of the upper border."""
    said = "" if panel._border_title is None else panel._border_title.plain
    return [part.strip() for part in said.split("─") if part.strip()]


async def test_the_rails_have_a_scale_marks_and_a_legend() -> None:
    panel = RatePanel()
    async with running(panel, (40, 4)) as pilot:
        panel.styles.height = 4
        await pilot.pause()
        panel.show(RatePart(20.0, 17.8, 64, 41, Binding.RATE), SeriesPart())
        rate, most = panel.query(LogSlider)
        assert lines(rate) == [
            "set  20.0/s ├━━━━━┿━━━━┿▲◆──┼─────┤ 1000",
            "            0.1   1   10   100",
        ]
        assert lines(most) == ["max  64     ├━━━━━━━┿━━━━▲◆─┼─────┤ 512"]
        assert lines(panel.query_one(RateLegend)) == ["◆ set  ▲ achieved 17.8/s, 41  ◈ both"]
        assert title(panel) == ["Rate", "bound by rate"]
        for binding in (Binding.BATCHES, Binding.FINISHED):
            panel.show(RatePart(20.0, 0.0, 64, 0, binding), SeriesPart(), awaited="9 batched · oldest 4s")
            assert title(panel) == ["Rate", "9 batched · oldest 4s"]


@pytest.mark.parametrize(
    ("achieved", "binding", "is_short"),
    [
        (15.9, Binding.CONCURRENCY, True),
        (16.1, Binding.CONCURRENCY, False),
        (1.0, Binding.FINISHED, False),
        (0.0, Binding.BATCHES, False),
    ],
)
async def test_less_than_four_fifths_of_the_set_rate_is_a_warning_while_work_waits(
    achieved: float, binding: Binding, is_short: bool
) -> None:
    panel = RatePanel()
    async with running(panel, (40, 4)):
        panel.show(RatePart(20.0, achieved, 64, 41, binding), SeriesPart())
        assert panel.query(LogSlider).first().has_class("-short") is is_short


async def test_what_else_is_said_of_the_rate_is_at_the_right_of_the_legend() -> None:
    panel = RatePanel()
    async with running(panel, (70, 4)) as pilot:
        panel.styles.height = 4
        await pilot.pause()
        panel.show(RatePart(20.0, 17.8, 64, 41, Binding.RATE), SeriesPart())
        (legend,) = lines(panel.query_one(RateLegend))
        assert legend.startswith("◆ set   ▲ achieved 17.8/s, 41 in flight   ◈ both  ")
        assert legend.endswith("  a auto: off")


async def test_the_panel_names_what_binds_and_tells_its_sliders_apart() -> None:
    panel = RatePanel()
    async with running(panel, (60, 8)) as pilot:
        panel.show(RatePart(18.0, 17.0, 64, 40, Binding.KEYS), SeriesPart())
        assert title(panel) == ["Rate", "bound by key cooldown"]
        panel.nudge_rate(-1)
        await pilot.pause()
        assert [message.rate for message in posted(pilot, RatePanel.RateChanged)] == [16.0]
        panel.query(LogSlider).last().focus()
        await pilot.press("right")
        (changed,) = posted(pilot, RatePanel.ConcurrencyChanged)
        assert changed.concurrency == 71
        assert changed.control is panel


def border(panel: RatePanel) -> tuple[str, str]:
    """What the panel is, and what limits the rate."""
    title = panel._border_title
    assert title is not None
    what, _line, how = re.split(r" ([─━]+) ", title.plain.strip())
    return what, how


async def test_the_rate_that_was_found_is_marked_on_its_slider_and_told_with_its_reason() -> None:
    panel = RatePanel()
    async with running(panel, (60, 8)):
        auto = AutoPart(on=True, rate=4.0, held_at=4.2, why="429")
        panel.show(RatePart(40.0, 1.0, binding=Binding.AUTO, auto=auto), SeriesPart())
        assert border(panel) == ("Rate", "bound by auto 4.00/s, 429")
        line = lines(panel.query(LogSlider).first())[0]
        assert line.index("▲") < line.index("▽") < line.index("◆")
        panel.show(RatePart(40.0, 1.0, 64, 2, Binding.AUTO, replace(auto, at_once=16)), SeriesPart())
        line = lines(panel.query(LogSlider).last())[0]
        assert line.index("▲") < line.index("▽") < line.index("◆")
        panel.show(RatePart(40.0, 1.0, binding=Binding.CONCURRENCY, auto=auto), SeriesPart())
        assert border(panel) == ("Rate", "bound by concurrency · auto 4.00/s, 429")
        panel.show(RatePart(40.0, 1.0, binding=Binding.RATE), SeriesPart())
        assert border(panel) == ("Rate", "bound by rate")
        assert "▽" not in lines(panel.query(LogSlider).first())[0]


SHARED = SharedLimitRow("org-a", 60.0, None, 20.0, None, (("evals", 20.0),), 20.0)


async def test_a_shared_limit_has_a_line_between_sliders_and_plot_and_is_named_in_the_title() -> None:
    panel = RatePanel()
    async with running(panel, (70, 6)) as pilot:
        panel.styles.height = 6
        await pilot.pause()
        panel.show(RatePart(40.0, 20.0, binding=Binding.SHARED), SeriesPart(), (SHARED,))
        await pilot.pause()
        assert title(panel) == ["Rate", "bound by shared: 20 of 60/s"]
        line = panel.query_one(SharedLimits)
        assert lines(line) == ['shared "org-a": this 20, evals 20, free 20 of 60/s']
        assert line.region.y == 4
        panel.show(RatePart(40.0, 20.0, binding=Binding.CONCURRENCY), SeriesPart(), (SHARED,))
        assert title(panel) == ["Rate", "shared: 20 of 60/s · bound by concurrency"]
        over = replace(SHARED, share=0.0, problem="locked", is_over=True)
        panel.show(RatePart(40.0, binding=Binding.SHARED), SeriesPart(), (over,))
        await pilot.pause()
        assert lines(line) == ['shared "org-a": no share now']
        assert_drawn_safely(line)
        panel.show(RatePart(40.0, binding=Binding.RATE), SeriesPart())
        await pilot.pause()
        assert not line.display


async def test_where_there_is_no_room_the_line_of_a_shared_limit_is_left_out() -> None:
    panel = RatePanel()
    async with running(panel, (70, 2)) as pilot:
        panel.styles.height = 2
        await pilot.pause()
        panel.show(RatePart(40.0, 20.0, binding=Binding.SHARED), SeriesPart(), (SHARED,))
        await pilot.pause()
        assert not panel.query_one(SharedLimits).display
