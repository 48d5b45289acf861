"""The bar on a terminal, read back from a terminal."""

from __future__ import annotations

import io
import re

import pyte
import pytest

from llmdash.engine.model.frame import Frame, KeyRow, Notice, RunPart
from llmdash.engine.model.states import RunState, Severity
from llmdash.reports.bar import BarDisplay
from llmdash.reports.progress import display_for, watch
from tests.reports.fakes import HOSTILE, RUNNING, FakeSession, FakeTime, at, hostile, in_trouble


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A colour terminal of 80 by 24, whatever runs the tests."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)


def screen_of(written: str) -> list[str]:
    """What a terminal shows after `written`, without blank lines at the end."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


def picture_of(frame: Frame, *notices: Notice) -> list[str]:
    stream = io.StringIO()
    with BarDisplay(stream) as display:
        for notice in notices:
            display.notice(notice)
        display.progress(frame)
        return screen_of(stream.getvalue())


def test_the_picture_tells_run_bar_counts_and_keys() -> None:
    head, bar, counts, *keys = picture_of(RUNNING)
    assert head == "arithmetic  gpt-4o-mini @ simulator  00:03:12.418"
    assert re.fullmatch(r"━+[╸╺]?━* 3,412/10,000 34\.1%  ETA 00:06:10", bar)
    assert len(bar) == 80
    assert counts == "3,380 saved, 32 failed, 118 retries, 64 in flight, 17.9/s, 97.4% right"
    assert keys == [
        "a1f2  healthy   52 in flight, 2,338 ok, 3 throttled, 7 errors",
        "9bc0  rests 4s  12 in flight, 1,042 ok, 140 throttled, 0 errors",
    ]


def test_what_blocks_the_run_up_stands_below_the_counts_in_full_and_counts_down() -> None:
    _head, _bar, counts, *below = picture_of(in_trouble())
    assert counts.startswith("3,380 saved")
    assert below[:2] == [
        "error: Kill switch: 20 requests in a row failed alike: 404 model not found, fix",
        "that, then: llmdash ctl last resume",
    ]
    assert below[2:5] == [
        "warning: All keys rest, back in 4s",
        "openai down 8s: connection refused",
        "mine paused: certificate not trusted",
    ]
    assert below[-1] == "77de  dead     0 in flight, 0 ok, 0 throttled, 2 errors · 401 invalid key"


def test_the_picture_is_drawn_in_place() -> None:
    stream, time = io.StringIO(), FakeTime(1)
    frames = [at(n) for n in range(100)]
    with BarDisplay(stream, time.clock) as display:
        for frame in frames:
            display.progress(frame)
            time.sleep(0)
        assert len(screen_of(stream.getvalue())) == 3


def test_the_picture_is_not_drawn_more_than_ten_times_a_second() -> None:
    stream, time = io.StringIO(), FakeTime(0.01)
    with BarDisplay(stream, time.clock) as display:
        for n in range(100):
            display.progress(at(n))
            time.sleep(0)
    assert 9 <= stream.getvalue().count("ETA") <= 12


def test_notices_stand_above_the_picture() -> None:
    lines = picture_of(
        RUNNING, Notice(1, Severity.WARNING, "key 9bc0 rests"), Notice(2, Severity.ERROR, "brake")
    )
    assert lines[:3] == [
        "warning: key 9bc0 rests",
        "error: brake",
        "arithmetic  gpt-4o-mini @ simulator  00:03:12.418",
    ]


def test_at_the_end_the_report_stands_in_its_place_and_the_cursor_is_back() -> None:
    stream, time = io.StringIO(), FakeTime(1)
    display = display_for(stream, tty=True, clock=time.clock)
    done = at(100, state=RunState.DONE)
    display.finish(watch(FakeSession([at(1), at(50), done]), display, sleep=time.sleep))
    lines = screen_of(stream.getvalue())
    assert lines[0].startswith("run   done   00:01:40.000")
    assert not any("ETA" in line for line in lines)
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_the_cursor_is_back_after_an_interrupt() -> None:
    stream = io.StringIO()

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(FakeSession([at(1)]), BarDisplay(stream), sleep=interrupted)
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_hostile_text_is_shown_and_not_obeyed() -> None:
    stream = io.StringIO()
    display = BarDisplay(stream)
    session = FakeSession([hostile()], [(0, Notice(1, Severity.ERROR, HOSTILE))])
    display.finish(watch(session, display, until=lambda _: True))
    own = re.compile(r"\x1b\[[0-9;]*[mAK]|\x1b\[\?25[hl]|\r|\n")
    assert own.sub("", stream.getvalue()).isprintable()
    assert "␛[2J" in stream.getvalue()
    assert "[/red]" in stream.getvalue()


def test_a_long_name_or_many_keys_do_not_break_the_picture() -> None:
    keys = tuple(KeyRow(f"key{number:02}") for number in range(40))
    lines = picture_of(Frame(run=RunPart(name="n" * 500, jobs=10), keys=keys))
    assert len(lines) == 3 + 8 + 1
    assert lines[0] == "n" * 79 + "…"
    assert lines[-1] == "and 32 more keys"


def test_a_terminal_that_vanishes_does_not_end_the_watch() -> None:
    class Vanished(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    display = BarDisplay(Vanished())
    done = at(100, state=RunState.DONE)
    assert watch(FakeSession([at(1), done]), display, sleep=lambda _: None) == done
    display.finish(done)


def test_no_colour_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    with BarDisplay(stream) as display:
        display.notice(Notice(1, Severity.ERROR, "brake"))
        display.progress(RUNNING)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", stream.getvalue())
