"""The engine's side of a viewer: reads its messages, and answers the latest view once the viewer is ready."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import math
import socket
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from typing import Final, Protocol, cast

from llmdash import __version__
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import EMPTY_FRAME, Inspection
from llmdash.engine.model.session import ChangingSession, Session
from llmdash.engine.model.states import Severity
from llmdash.engine.model.view import SeriesView, TimingView, View
from llmdash.lean_dataclass import dataclass
from llmdash.remote.codec import (
    SHAPE,
    AwaitMessage,
    ChangedMessage,
    CodecError,
    CommandMessage,
    EndMessage,
    FrameMessage,
    Framing,
    FromEngine,
    HelloMessage,
    NoticeMessage,
    RefusalMessage,
    ViewMessage,
    WelcomeMessage,
    command_in,
    decode_from_viewer,
    encode,
)

__all__ = ["Audience", "EngineSession", "Viewer"]

MOST_VIEWERS: Final = 64
HELLO_WITHIN_S: Final = 5.0
LONGEST_HELLO: Final = 4096
LONGEST_MESSAGE: Final = 16 * 1024 * 1024
"""A command that names a million jobs has 5 MB."""
STEP_S: Final = 1 / 40
"""Seconds between two frames of a viewer in the long run; a dashboard asks 30 times a second at most."""
AHEAD: Final = 10
"""Frames that come at once before that, so that each key press shows."""
MOST_ROWS: Final = 1000
LONGEST_FILTER: Final = 1000
MOST_COLUMNS: Final = 32
MOST_CHARACTERS: Final = 400
"""Of a text in a row of the job table."""
MOST_TILES: Final = 256
MOST_SAMPLES: Final = 10_000

_READ_ONLY = "This dashboard is read-only: nothing was changed"


class EngineSession(Session, Protocol):
    """A session whose end can be reported."""

    ending: Ending | None
    crash: BaseException | None

    @property
    def allows_bad_lines(self) -> bool:
        """True if a run that left input lines out counts as complete."""


@dataclass(slots=True)
class Audience:
    """What the viewers of an engine share. Used on the server's loop."""

    session: EngineSession
    pid: int
    token: str
    is_ours: Callable[[socket.socket], bool]
    viewers: set[Viewer] = field(default_factory=set)
    seen: int = 0
    """The serial of the last notice that a dashboard has received: a new one does not show it again."""
    changed: Callable[[], None] = lambda: None
    """Called when a dashboard came or went."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """What viewers are told apart by; 0 is a front end in the engine's own process."""

    @property
    def dashboards(self) -> int:
        return sum(viewer.watches for viewer in self.viewers)


class Viewer(asyncio.Protocol):
    """One connection. A viewer that does not read costs one frame of memory, and no time."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._framing = Framing(LONGEST_HELLO)
        self._hello: HelloMessage | None = None
        self._view: View | None = None
        self._asked: ViewMessage | None = None
        """The view that waits for its frame."""
        self._sent: Inspection | None = None
        self._is_behind = False
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._number = next(audience.numbers)
        self._stop_waiting: Callable[[], None] | None = None
        """Takes back that this viewer is to be told of a change."""
        self.gone = asyncio.get_running_loop().create_future()

    @property
    def watches(self) -> bool:
        """True for a dashboard that was welcomed."""
        return self._hello is not None and self._hello.watches

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._patience = asyncio.get_running_loop().call_later(HELLO_WITHIN_S, self._transport.abort)
        made = self._transport.get_extra_info("socket")
        self._audience.viewers.add(self)
        if len(self._audience.viewers) > MOST_VIEWERS:
            self.refuse(f"{MOST_VIEWERS} viewers are attached already; close one of them")
        elif not self._audience.token and not self._audience.is_ours(made):
            self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._patience.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._audience.viewers.discard(self)
        self._await_no_change()
        if self.watches:
            self._audience.changed()
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._framing.feed(data):
                self._take(body)
                if self._transport.is_closing():
                    return
        except CodecError as error:
            self.refuse(f"not understood: {error}")
            return
        self._answer()

    def pause_writing(self) -> None:
        self._is_behind = True

    def resume_writing(self) -> None:
        self._is_behind = False
        self._answer()

    # Messages.

    def _take(self, body: bytes) -> None:
        message = decode_from_viewer(body)
        match message:
            case HelloMessage():
                self._welcome(message)
            case _ if self._hello is None:
                raise CodecError("a viewer says hello first")
            case ViewMessage():
                self._asked = message
            case CommandMessage():
                self._execute(self._hello, message)
            case AwaitMessage(seen):
                self._await_change(seen)

    def _welcome(self, hello: HelloMessage) -> None:
        audience = self._audience
        if self._hello is not None:
            raise CodecError("a viewer says hello once")
        if audience.token and not hmac.compare_digest(hello.token.encode(), audience.token.encode()):
            self.refuse("the token is not that of this run")
        elif hello.shape != SHAPE:
            self.refuse(
                f"the engine of this run is llmdash {__version__}, this is {hello.release}, and they do not "
                "understand each other; use the one that it was started with"
            )
        else:
            self._patience.cancel()
            self._hello = hello
            self._framing.most = LONGEST_MESSAGE
            self._since = audience.seen
            self._send(WelcomeMessage(audience.pid, audience.session.allows_bad_lines))
            if hello.watches:
                audience.changed()

    def _execute(self, hello: HelloMessage, message: CommandMessage) -> None:
        command = command_in(message)
        if hello.read_only:
            self._send(NoticeMessage(Severity.WARNING, _READ_ONLY))
        else:
            self._audience.session.command(command)

    # Changes.

    def _await_change(self, seen: int) -> None:
        self._await_no_change()
        session = self._audience.session
        if isinstance(session, ChangingSession):
            self._stop_waiting = session.when_changed(seen, self._tell_change)

    def _await_no_change(self) -> None:
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None

    def _tell_change(self) -> None:
        if not self._transport.is_closing():
            self._send(ChangedMessage())

    # Frames.

    def _answer(self) -> None:
        """Send the frame that is asked for, if the viewer has read the one before and it is not too early."""
        if self._asked is None or self._is_behind or self._timer is not None or self._transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._next_at = max(self._next_at, now - AHEAD * STEP_S)
        if self._next_at > now:
            self._timer = loop.call_at(self._next_at, self._answer_now)
            return
        self._next_at += STEP_S
        asked, self._asked = self._asked, None
        self._send_frame(asked)

    def _answer_now(self) -> None:
        self._timer = None
        self._answer()

    def _send_frame(self, asked: ViewMessage) -> None:
        if self.watches:
            self._audience.seen = max(self._audience.seen, asked.view.notices_after)
        after = max(asked.view.notices_after, self._since)
        self._view = view = _bounded(replace(asked.view, notices_after=after, viewer=self._number))
        try:
            frame = self._audience.session.frame(view)
        except Exception as error:  # noqa: BLE001 - the one boundary: a fault in a frame is for its viewer alone
            self.refuse(f"the engine could not make a frame: {type(error).__name__}")
            return
        if frame is EMPTY_FRAME:
            return  # the run broke before there was one; how it ended follows
        same = frame.inspection is not None and frame.inspection == self._sent
        self._sent = frame.inspection
        self._send(FrameMessage(asked.number, replace(frame, inspection=None) if same else frame, same))

    def _send(self, message: FromEngine) -> None:
        self._transport.write(encode(message))

    # The end.

    def refuse(self, text: str) -> None:
        """Say why the viewer is not served, and close."""
        self._send(RefusalMessage(text))
        self._transport.close()

    def end(self, message: EndMessage | None) -> None:
        """Send the last frame and how the run ended, if it did, and close once that was read."""
        if self._hello is not None and message is not None and not self._transport.is_closing():
            number = self._asked.number if self._asked is not None else 0
            view = self._asked.view if self._asked is not None else self._view
            if view is not None:
                self._send_frame(ViewMessage(number, replace(view, errors=True)))
            self._send(message)
        self._transport.close()

    def abort(self) -> None:
        """Drop a viewer that does not read."""
        self._transport.abort()


def _bounded(view: View) -> View:
    """Return a view that no screen is too small for: what it costs is what can be looked at."""
    return replace(
        view,
        jobs=replace(
            view.jobs,
            height=max(0, min(view.jobs.height, MOST_ROWS)),
            filter=view.jobs.filter[:LONGEST_FILTER],
            find=view.jobs.find[:LONGEST_FILTER],
            typed=view.jobs.typed[:LONGEST_FILTER],
            columns=view.jobs.columns[:MOST_COLUMNS],
            preview_width=max(0, min(view.jobs.preview_width, MOST_CHARACTERS)),
        ),
        tiles=max(0, min(view.tiles, MOST_TILES)),
        series=_bounded_series(view.series),
        timings=None if view.timings is None else _bounded_timings(view.timings),
    )


def _bounded_series(view: SeriesView) -> SeriesView:
    begin_s = view.begin_s if math.isfinite(view.begin_s) else 0.0
    end_s = view.end_s if view.end_s is not None and math.isfinite(view.end_s) else None
    width = max(0, min(view.width, MOST_SAMPLES))
    return SeriesView(width, begin_s, end_s, tuple(dict.fromkeys(view.times)))


def _bounded_timings(view: TimingView) -> TimingView:
    return replace(view, bars=max(0, min(view.bars, MOST_SAMPLES)))
