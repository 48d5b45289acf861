"""What is written to a terminal never waits for it, and in the end the terminal is whole."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator

import pytest

from llmdash.ui.terminal.writer import TerminalWriter
from tests.waiting import PATIENCE_S


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pty, the reader's first; line ends stay as they are."""
    outer, inner = pty.openpty()
    tty.setraw(inner)
    yield outer, inner
    os.close(outer)
    os.close(inner)


def read(outer: int, end: bytes) -> bytes:
    """All that comes, up to `end`."""
    data = b""
    while not data.endswith(end):
        assert select.select([outer], [], [], PATIENCE_S)[0], f"waited in vain behind {data[-40:]!r}"
        data += os.read(outer, 65536)
    return data


def test_what_is_written_arrives_in_order(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    writer = TerminalWriter(inner, lambda: None)
    for number in range(1000):
        writer.write(f"{number},")
    writer.write("end")
    assert read(outer, b"end") == ("".join(f"{number}," for number in range(1000)) + "end").encode()
    assert writer.close("restore", PATIENCE_S)
    assert not select.select([outer], [], [], 0)[0], "nothing had to be restored"


def test_a_lone_surrogate_does_not_end_the_writer(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    writer = TerminalWriter(inner, lambda: None)
    writer.write("a\ud83dz")
    assert read(outer, b"z") == b"a?z"
    assert writer.close("", PATIENCE_S)


def test_a_terminal_far_behind_misses_pictures_and_says_so_when_it_has_caught_up(
    terminal: tuple[int, int],
) -> None:
    outer, inner = terminal
    caught_up = threading.Event()
    writer = TerminalWriter(inner, caught_up.set)
    for _ in range(400):
        writer.write("picture " * 1000)
    writer.write("end")
    assert writer.behind
    received = 0
    while not caught_up.is_set():
        if select.select([outer], [], [], 0.01)[0]:
            received += len(os.read(outer, 65536))
    assert received < 400 * 8000
    writer.write("painted anew")
    assert read(outer, b"painted anew")
    assert writer.close("", PATIENCE_S)
    assert not writer.behind


def test_what_restores_a_terminal_is_written_last_where_something_was_dropped(
    terminal: tuple[int, int],
) -> None:
    """It may be dropped itself, while the terminal catches up."""
    outer, inner = terminal
    writer = TerminalWriter(inner, lambda: None)
    for _ in range(400):
        writer.write("picture " * 1000)
    writer.write("restored in part")
    ended: list[bool] = []
    closing = threading.Thread(target=lambda: ended.append(writer.close("restored", PATIENCE_S)))
    closing.start()
    assert read(outer, b"restored").count(b"restored") == 1
    closing.join()
    assert ended == [True]


def test_a_picture_that_is_larger_than_what_may_wait_arrives(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    writer = TerminalWriter(inner, lambda: None)
    writer.write("picture " * 100_000 + "end")
    assert len(read(outer, b"end")) == 800_003
    assert writer.close("", PATIENCE_S)


def test_a_terminal_that_does_not_read_is_left_with_what_restores_it(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    writer = TerminalWriter(inner, lambda: None)
    for _ in range(50):
        writer.write("picture " * 1000)
    assert not writer.close("restored", 0.1)
    assert len(read(outer, b"restored")) < 50 * 8000


def test_a_terminal_that_was_closed_swallows_everything() -> None:
    outer, inner = pty.openpty()
    writer = TerminalWriter(inner, lambda: None)
    os.close(outer)
    writer.write("picture")
    assert writer.close("restored", PATIENCE_S)
    os.close(inner)
