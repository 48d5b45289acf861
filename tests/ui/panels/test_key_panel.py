"""The key panel: how each key fares, and which one was used just now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.key_table import LIT_S
from tests.ui.troubles import TROUBLED_KEYS
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, posted, running

KEYS = (
    KeyRow("a1f2", in_flight=22, sent=1161, ok=1138, errors=1, rpm=358),
    KeyRow(
        "9bc0",
        state=KeyState.THROTTLED,
        ready_in_s=3.4,
        in_flight=12,
        sent=1146,
        ok=1120,
        throttled=14,
        rpm=301,
    ),
    KeyRow("77de", state=KeyState.DEAD, sent=124, ok=122, errors=2),
)


async def test_each_key_has_its_state_by_glyph_and_word_and_its_counts() -> None:
    panel = KeyPanel()
    async with running(panel, (44, 8)):
        panel.show(KEYS)
        rows = [line.split() for line in lines(panel)]
        assert rows[0] == ["key", "state", "now", "ok", "429", "err", "rpm"]
        assert rows[1] == ["›a1f2", "●", "healthy", "22", "1,138", "0", "1", "358"]
        assert rows[2] == ["9bc0", "◐", "rests", "4s", "12", "1,120", "14", "0", "301"]
        assert rows[3] == ["77de", "✖", "dead", "0", "122", "0", "2", "0"]
        assert title(panel) == ["Keys", "1 of 3 healthy"]


def title(panel: KeyPanel) -> list[str]:
    """What is at the left and at the right of the upper border."""
    said = "" if panel._border_title is None else panel._border_title.plain
    return [part.strip() for part in said.split("─") if part.strip()]


LARGE = KeyRow(
    "a1f2", in_flight=120, sent=1_234_567, ok=1_200_000, throttled=30_000, errors=4_000, cut=447, rpm=358
)


@pytest.mark.case("engine", "key sum")
@pytest.mark.parametrize("row", [LARGE, replace(KEYS[0], cut=3, sent=1164)], ids=["large", "small"])
@pytest.mark.parametrize("width", [20, 30, 40, 44, 48, 52, 56, 60, 70, 80, 120])
async def test_where_the_sum_is_shown_so_is_all_that_it_is_the_sum_of(row: KeyRow, width: int) -> None:
    panel = KeyPanel()
    async with running(panel, (width, 8)):
        panel.show((row,))
        head, line = (text.split() for text in lines(panel)[:2])
        counts = line[line.index("healthy") + 1 :] if "now" in head else []
        shown = dict(zip(head[2:], counts, strict=False))
        if "sent" in shown:
            counted = [int(shown[name].replace(",", "")) for name in ("now", "ok", "429", "err", "cut")]
            assert int(shown["sent"].replace(",", "")) == sum(counted)
        assert "sent" in shown or width < 120


async def test_a_key_that_has_sent_is_lit_for_a_blink() -> None:
    """So that one sees the rotation of the keys, at any frame rate."""
    now = [0.0]
    panel = KeyPanel(clock=lambda: now[0])
    async with running(panel, (44, 8)):
        panel.show(KEYS)
        assert not any("▌" in line for line in lines(panel))
        sent = (replace(KEYS[0], sent=1162), *KEYS[1:])
        panel.show(sent)
        assert [line.startswith("▌") for line in lines(panel)[1:4]] == [True, False, False]
        now[0] = LIT_S - 0.01
        panel.show(sent)
        assert lines(panel)[1].startswith("▌")
        now[0] = LIT_S + 0.01
        panel.show(sent)
        assert not any("▌" in line for line in lines(panel))


async def test_a_resting_key_says_whose_number_its_rest_is() -> None:
    for is_hint, whose in ((True, "server's hint"), (False, "our guess")):
        panel = KeyPanel()
        async with running(panel, (70, 8)) as pilot:
            panel.show((KEYS[0], replace(KEYS[1], rest_is_hint=is_hint), KEYS[2]))
            await pilot.press("down")
            assert subtitle(panel).startswith(f"9bc0: rests 4s, {whose} · 1,120 of 1,134")


async def test_keys_that_share_one_limit_are_warned_of_in_the_border() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 8)):
        panel.show(KEYS, (), "the keys of openai share one limit")
        assert subtitle(panel).strip() == "the keys of openai share one limit"


async def test_zeros_are_faint_and_figures_are_not() -> None:
    panel = KeyPanel()
    async with running(panel, (44, 8)):
        panel.show(KEYS[2:])
        faint = panel.get_component_rich_style("key-panel--faint").color
        colors = {
            text: segment.style.color
            for segment in panel.render_line(1)
            if segment.style
            for text in segment.text.split()
        }
        assert colors["0"] == faint
        assert colors["122"] != faint


@pytest.mark.case("screen", "enter-on-key")
async def test_enter_asks_for_the_jobs_of_a_key_and_e_for_its_errors() -> None:
    panel = KeyPanel()
    async with running(panel) as pilot:
        panel.show(KEYS)
        await pilot.press("enter", "down", "e")
        assert [message.label for message in posted(pilot, KeyPanel.Chosen)] == ["a1f2"]
        assert [message.label for message in posted(pilot, KeyPanel.Errors)] == ["9bc0"]


async def test_a_countdown_that_reads_the_same_is_not_painted_again() -> None:
    panel = KeyPanel()
    async with running(panel, (44, 8)) as pilot:
        panel.show(KEYS)
        await pilot.pause()
        before = [panel.render_line(y) for y in range(4)]
        panel.show((KEYS[0], replace(KEYS[1], ready_in_s=3.1), KEYS[2]))
        assert [panel.render_line(y) is strip for y, strip in enumerate(before)][1:] == [True] * 3


async def test_keys_act_on_the_row_under_the_cursor() -> None:
    panel = KeyPanel()
    async with running(panel) as pilot:
        panel.show(KEYS)
        await pilot.press("d", "down", "v", "right_square_bracket", "left_square_bracket")
        assert [message.label for message in posted(pilot, KeyPanel.Toggle)] == ["a1f2"]
        assert [message.label for message in posted(pilot, KeyPanel.Revive)] == ["9bc0"]
        assert [(m.label, m.weight) for m in posted(pilot, KeyPanel.Weigh)] == [("9bc0", 1.5), ("9bc0", 0.75)]


async def test_l_opens_the_limits_of_a_key_in_its_line_and_enter_sets_them() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 6)) as pilot:
        panel.show((replace(KEYS[0], rpm_limit=500.0, tpm_limit=200_000.0), KEYS[1]))
        await pilot.press("l")
        assert lines(panel)[1].split() == ["a1f2", "rpm", "500▏", "tpm", "200000", "max", "–"]
        await pilot.press("3", "0", "0", "tab", "1", "5", "0", "k", "tab", "8", "enter")
        (limited,) = posted(pilot, KeyPanel.Limited)
        assert (limited.label, limited.limits) == ("a1f2", (300.0, 150_000.0, 8))
        assert "healthy" in lines(panel)[1]


async def test_escape_leaves_the_limits_and_an_empty_field_or_a_dash_is_none() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 6)) as pilot:
        panel.show((replace(KEYS[0], rpm_limit=500.0, concurrency_limit=4),))
        await pilot.press("l", "7", "escape", "l", *["backspace"] * 3, "left", "minus", "enter")
        (limited,) = posted(pilot, KeyPanel.Limited)
        assert limited.limits == (None, None, None)


async def test_what_is_no_limit_is_said_and_not_set() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 6)) as pilot:
        panel.show(KEYS)
        await pilot.press("l", "0", "enter")
        assert not posted(pilot, KeyPanel.Limited)
        assert [each.message for each in pilot.app._notifications] == [
            "rpm: 0 is no limit; type a number such as 500 or 200k, or –"
        ]
        await pilot.press("d")
        assert not posted(pilot, KeyPanel.Toggle), "letters are typed, not pressed"


async def test_the_mouse_goes_to_a_field_and_a_click_elsewhere_leaves_the_limits() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 6)) as pilot:
        panel.show((replace(KEYS[0], rpm_limit=500.0, tpm_limit=200_000.0), KEYS[1]))
        await pilot.press("l")
        assert subtitle(panel).startswith("requests a minute, – for no limit · tab next")
        await pilot.click(panel, offset=(lines(panel)[1].index("200000"), 1))
        await pilot.press("9", "0", "k", "enter")
        (limited,) = posted(pilot, KeyPanel.Limited)
        assert limited.limits == (500.0, 90_000.0, None)
        await pilot.press("l")
        await pilot.click(panel, offset=(4, 2))
        assert "rpm" not in "".join(lines(panel)[1:])
        await pilot.press("d")
        assert [message.label for message in posted(pilot, KeyPanel.Toggle)] == ["9bc0"]


async def test_the_limits_of_one_key_among_forty_are_typed_where_it_stands_and_fit_a_narrow_panel() -> None:
    panel = KeyPanel()
    many = tuple(KeyRow(f"k{number:03}", rpm_limit=1e6, tpm_limit=5e6) for number in range(40))
    async with running(panel, (44, 8)) as pilot:
        panel.show(many)
        await pilot.press("end", "up", "l", "left", "2", "5", "6")
        panel.show(tuple(replace(key, sent=1, in_flight=1) for key in many))
        (edited,) = (line for line in lines(panel) if "rpm" in line and "max" in line)
        assert edited.split() == ["k038", "rpm", "1000000", "tpm", "5000000", "max", "256▏"]
        await pilot.press("enter")
        (limited,) = posted(pilot, KeyPanel.Limited)
        assert (limited.label, limited.limits.concurrency) == ("k038", 256)


async def test_a_weight_at_the_end_of_its_range_stays() -> None:
    panel = KeyPanel()
    async with running(panel) as pilot:
        panel.show((replace(KEYS[0], weight=4.0),))
        await pilot.press("right_square_bracket")
        assert not posted(pilot, KeyPanel.Weigh)


WIDE = (
    KeyRow("a1f2", in_flight=18, sent=1202, ok=1140, errors=44, rpm=372, remaining=128, tpm=45_200, p50_s=0.4,
           cost=0.1432, spark=(5,) * 24 + (0,) * 24),
    KeyRow("c3d4", state=KeyState.DEAD, detail="401 Incorrect API key provided", sent=2, errors=2),
)  # fmt: skip


async def test_a_wide_panel_shows_what_is_left_tokens_times_share_and_four_minutes_in_places_that_stay() -> (
    None
):
    panel = KeyPanel()
    async with running(panel, (72, 8)) as pilot:
        panel.show(WIDE, jobs=10_000)
        head, first, dead = lines(panel)[:3]
        assert " ".join(head.split()[2:]) == "now ok 429 err rpm left tok/m p50 lease last 4m"
        assert " ".join(first.split()[3:]) == "18 1,140 0 44 372 128 45k 0.40s 99% ▇▇▇▄▁▁▁"
        assert dead.split()[3:8] == ["0", "0", "0", "2", "0"]
        assert subtitle(panel) == "a1f2: 1,140 of 1,184 accepted · $0.14"
        await pilot.press("down")
        assert subtitle(panel) == "c3d4: 401 Incorrect API key provided · 0 of 2 accepted"
        panel.show((replace(WIDE[0], ok=4_999, sent=5_061), WIDE[1]), jobs=10_000)
        assert lines(panel)[0] == head


async def test_a_run_that_has_ended_shows_what_each_key_cost() -> None:
    panel = KeyPanel()
    async with running(panel, (44, 8)):
        panel.review(True)
        panel.show((*WIDE, replace(WIDE[0], label="9bc0", cost=0.0002)), jobs=10_000)
        assert lines(panel)[0].split() == ["key", "state", "ok", "429", "err", "lease", "cost"]
        assert [line.split()[-1] for line in lines(panel)[1:4]] == ["$.14", "–", "<$.001"]


async def test_a_wide_panel_shows_the_last_minute() -> None:
    panel = KeyPanel()
    async with running(panel, (120, 6)):
        panel.show((replace(KEYS[0], spark=(0, 1, 2, 7), detail="as told"),))
        assert "▁▁▂▇" in lines(panel)[1]
        assert lines(panel)[1].endswith("as told")


async def test_keys_may_come_and_go() -> None:
    panel = KeyPanel()
    async with running(panel) as pilot:
        panel.show(KEYS)
        await pilot.press("end")
        panel.show(KEYS[:1])
        await pilot.press("d")
        assert posted(pilot, KeyPanel.Toggle)[-1].label == "a1f2"
        panel.show(())
        await pilot.press("d")
        assert len(posted(pilot, KeyPanel.Toggle)) == 1


ENDPOINTS = (
    EndpointRow("openai", EndpointState.DOWN, 7.4, "connection refused", 0, 40),
    EndpointRow("mine", EndpointState.PAUSED, None, "certificate not trusted: self-signed", 0, 8),
    EndpointRow("claude", in_flight=20),
)
MIXED = (
    KeyRow("c3a8", "claude", ok=880),
    KeyRow("a1f2", "openai", ok=1138),
    KeyRow("e05b", "mine"),
    KeyRow("9bc0", "openai", ok=1120),
)


def subtitle(panel: KeyPanel) -> str:
    return "" if panel._border_subtitle is None else panel._border_subtitle.plain.strip()


async def test_several_endpoints_have_headings_with_their_keys_below() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 12)):
        panel.show(MIXED, ENDPOINTS)
        rows = [line.split() for line in lines(panel)[1:8]]
        assert rows[0] == ["openai", "▼", "down", "8s", "0/40", "in", "flight", "connection", "refused"]
        assert [row[0] for row in rows] == ["openai", "a1f2", "9bc0", "mine", "e05b", "claude", "c3a8"]
        assert rows[3][1:3] == ["‖", "paused"]
        assert rows[5] == ["claude", "●", "up", "20", "in", "flight"]
        assert title(panel) == ["Keys", "4 of 4 healthy"], "headings are no keys"


async def test_one_endpoint_needs_no_heading_until_it_is_in_trouble_and_then_keeps_it() -> None:
    """So that the panel grows once, and does not jump with each fault."""
    panel = KeyPanel()
    up = replace(ENDPOINTS[0], state=EndpointState.UP, returns_in_s=None, detail="")
    async with running(panel, (60, 12)):
        panel.show(KEYS, (up,))
        assert panel.row_count() == 3
        panel.show(KEYS, ENDPOINTS[:1])
        assert panel.row_count() == 4
        assert "▼ down 8s" in lines(panel)[1]
        panel.show(KEYS, (up,))
        assert panel.row_count() == 4
        assert "● up" in lines(panel)[1]


async def test_the_cursor_stays_on_its_key_when_a_heading_comes() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 12)) as pilot:
        panel.show(KEYS)
        await pilot.press("down")
        panel.show(KEYS, ENDPOINTS[:1])
        await pilot.press("v")
        assert [message.label for message in posted(pilot, KeyPanel.Revive)] == ["9bc0"]


async def test_v_on_a_heading_revives_the_endpoint_and_the_other_keys_do_nothing_there() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 12)) as pilot:
        panel.show(MIXED, ENDPOINTS)
        await pilot.press("d", "left_square_bracket", "v")
        assert [message.name for message in posted(pilot, KeyPanel.ReviveEndpoint)] == ["openai"]
        assert not posted(pilot, KeyPanel.Toggle)
        assert not posted(pilot, KeyPanel.Weigh)
        assert not posted(pilot, KeyPanel.Revive)


@pytest.mark.parametrize(
    ("key", "state"),
    [
        (TROUBLED_KEYS[0], "◐ rests 4s"),
        (TROUBLED_KEYS[1], "◔ cools 38s"),
        (TROUBLED_KEYS[2], "✖ dead"),
        (TROUBLED_KEYS[3], "◌ quota 15m"),
        (TROUBLED_KEYS[4], "○ off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_state_countdown_and_reason_of_the_key_under_the_cursor_can_be_read(
    key: KeyRow, state: str
) -> None:
    for width in (60, 160):
        panel = KeyPanel()
        async with running(panel, (width, 8)) as pilot:
            panel.show((key,))
            await pilot.pause()
            assert state in lines(panel)[1]
            reason = subtitle(panel) if width == 60 else lines(panel)[1]
            assert key.detail in reason
            assert subtitle(panel).startswith(f"{key.label}: ")


async def test_a_healthy_key_that_waits_for_the_server_s_counters_says_for_how_long() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 8)):
        panel.show((replace(KEYS[0], ready_in_s=5.2), replace(KEYS[0], label="b", ready_in_s=0.3)))
        assert "◔ paced 6s" in lines(panel)[1]
        assert "● healthy" in lines(panel)[2], "a pause between two requests is no news"


async def test_the_lower_border_tells_of_the_worst_off_while_the_panel_has_no_focus() -> None:
    panel = KeyPanel()
    async with running(panel, (60, 12)) as pilot:
        panel.show(TROUBLED_KEYS)
        assert subtitle(panel).startswith("a1f2: rests 4s, our guess")
        await pilot.press("down")
        assert subtitle(panel).startswith("9bc0: 10 of the last 20")
        panel.blur()
        await pilot.pause()
        assert subtitle(panel).startswith("77de: 401 Incorrect API key")
        panel.show(TROUBLED_KEYS, ENDPOINTS)
        assert subtitle(panel).startswith("mine: certificate not trusted")
        panel.show(TROUBLED_KEYS[:1])
        assert subtitle(panel) == "", "a key that rests for a moment is no news"


@pytest.mark.parametrize("width", [20, 40, 58, 80, 120, 200])
async def test_hostile_endpoints_keep_their_lines_straight(width: int) -> None:
    panel = KeyPanel()
    async with running(panel, (width, 24)):
        for state in EndpointState:
            panel.show(KEYS, tuple(EndpointRow(text, state, 3.0, text, 5, 8) for text in HOSTILE))
            assert_drawn_safely(panel)
            assert subtitle(panel).isprintable() or "\u200d" in subtitle(panel)


@pytest.mark.parametrize("width", [20, 40, 58, 80, 120, 200])
async def test_hostile_labels_keep_the_columns_straight(width: int) -> None:
    panel = KeyPanel()
    async with running(panel, (width, 24)):
        panel.show(tuple(KeyRow(text, detail=text) for text in HOSTILE))
        assert_drawn_safely(panel)


async def test_what_the_server_says_is_left_has_a_column_once_it_says_so() -> None:
    panel = KeyPanel()
    async with running(panel, (120, 8)) as pilot:
        panel.show((KeyRow("a1f2"), KeyRow("9bc0")))
        await pilot.pause()
        assert not any("left" in text for text in lines(panel))
        panel.show((KeyRow("a1f2", remaining=597), KeyRow("9bc0")))
        await pilot.pause()
        assert any("left" in text for text in lines(panel))
        assert any("a1f2" in text and "597" in text for text in lines(panel))
        assert any("9bc0" in text and "–" in text for text in lines(panel))


async def test_the_counts_of_a_key_add_up_on_screen_too() -> None:
    """sent = now + ok + 429 + err + cut; what was cut off has a column as soon as there is any."""
    panel = KeyPanel()
    key = KeyRow("a1f2", in_flight=3, sent=40, ok=20, throttled=5, errors=2, cut=10)
    async with running(panel, (90, 8)):
        panel.show((replace(key, cut=0, sent=30),))
        assert "cut" not in lines(panel)[0]
        panel.show((key,))
        titles = lines(panel)[0].split()
        cells = lines(panel)[1].replace("▌", " ").split()
        counts = dict(zip(titles[2:8], map(int, cells[3:9]), strict=True))
        parts = [counts[name] for name in ("now", "ok", "429", "err", "cut")]
        assert counts["sent"] == sum(parts) == 40
