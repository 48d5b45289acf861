"""What is typed is read by a thread that sleeps while nothing is."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from textual.events import Key
from textual.message import Message

from llmdash.ui.terminal.typed_input import TypedInput, WakingEvent
from tests.waiting import PATIENCE_S, wait_for


class Reading:
    """The reader of a pipe, at work on a thread; `got` are the messages that it has handed on."""

    def __init__(self) -> None:
        self._fd, self._typed = os.pipe()
        self.got: list[Message] = []
        self.ended = threading.Event()
        self.ends = WakingEvent()
        self.input = TypedInput(self._fd, self.got.append, self.ends, self.ended.set)
        self.thread = threading.Thread(target=self.input.run)
        self.thread.start()

    def type(self, keys: bytes) -> None:
        os.write(self._typed, keys)

    def hang_up(self) -> None:
        os.close(self._typed)

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.got if isinstance(message, Key)]

    def close(self) -> None:
        self.ends.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        os.close(self._fd)
        with suppress(OSError):
            os.close(self._typed)


@contextmanager
def reading() -> Iterator[Reading]:
    found = Reading()
    try:
        yield found
    finally:
        found.close()


def test_keys_are_handed_on_and_nothing_is_waited_for_between_them_but_keys() -> None:
    with reading() as read:
        assert read.input.waits_s is None
        read.type(b"a\x1b[B")
        wait_for(lambda: read.keys == ["a", "down"])
        assert read.input.waits_s is None, "it sleeps until the next one"


def test_half_of_a_sequence_counts_as_all_of_it_after_a_moment() -> None:
    with reading() as read:
        read.type(b"\x1b")
        wait_for(lambda: read.keys == ["escape"])
        wait_for(lambda: read.input.waits_s is None)


def test_an_input_that_has_ended_is_told_of() -> None:
    with reading() as read:
        read.hang_up()
        assert read.ended.wait(PATIENCE_S)


def test_an_event_wakes_who_waits_for_input_each_time_it_is_set() -> None:
    event = WakingEvent()
    for _ in range(3):
        event.set()
        assert select.select([event.fd], [], [], PATIENCE_S)[0]
        event.clear()
        assert not event.is_set() and not select.select([event.fd], [], [], 0.0)[0]
