"""SessionServer: lets viewers in other processes watch and steer a session of this one."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from llmdash.remote.addresses import Listener, ListenError, listen
from llmdash.remote.codec import EndMessage
from llmdash.remote.peers import is_same_user
from llmdash.remote.viewers import Audience, EngineSession, Viewer

__all__ = ["SessionServer"]

_RETRIES_IN_S: Final = 1.0
_LOOKS_IN_S: Final = 2.0
"""Seconds between two looks whether the socket is still there."""
_LEAVES_WITHIN_S: Final = 10.0
"""Seconds that viewers have to read how the run ended. Only what a connection does not hold (some 200 KB) is
waited for: a viewer that is stopped is gone at once, but with a long answer on its screen.
"""


class SessionServer:
    """Serves the session of the run in `folder`, on a thread of its own that rests while nobody asks.

    A context manager. `changed` is called on that thread when a dashboard has come or gone. Nothing that a
    viewer does, or leaves undone, reaches the session but its commands.
    """

    def __init__(
        self,
        session: EngineSession,
        folder: Path,
        *,
        listen: Callable[[Path], Listener] = listen,
        is_ours: Callable[[socket.socket], bool] = is_same_user,
        changed: Callable[[], None] = lambda: None,
        looks_in_s: float = _LOOKS_IN_S,
        leaves_within_s: float = _LEAVES_WITHIN_S,
    ) -> None:
        self._session = session
        self._looks_in_s = looks_in_s
        self._changed = changed
        self._leaves_within_s = leaves_within_s
        self._folder = folder
        self._listen = listen
        self._listener: Listener | None = None
        self._audience = Audience(session, os.getpid(), "", is_ours, changed=self._audience_changed)
        self._thread = threading.Thread(target=self._work, name="llmdash-server", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._accepting: set[asyncio.Task[Any]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._failure = ""
        self._end_message: EndMessage | None = None
        self._dashboards = 0
        self._was_watched = False
        self._left_at = time.monotonic()

    def start(self) -> None:
        """Listen from now on. Raises ListenError."""
        self._listener = self._listen(self._folder)
        self._socket, self._audience.token = self._listener.socket, self._listener.token
        self._left_at = time.monotonic()
        self._thread.start()
        self._ready.wait()
        if self._loop is None:
            self.close()
            raise ListenError(f"{self._folder}: {self._failure}")

    def close(self, exit_code: int | None = None, crash_report: str | None = None) -> None:
        """Let the viewers go; with an exit code they are shown how the run has ended, or what broke it.

        `crash_report` must not hold secrets. Later calls do nothing.
        """
        loop, self._loop = self._loop, None
        if loop is not None:
            if exit_code is not None:
                ending = self._session.ending
                name = ending.name if ending is not None else None
                self._end_message = EndMessage(exit_code, name, crash_report)
            loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        if self._listener is not None:
            self._listener.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def viewers(self) -> int:
        """The number of dashboards that watch."""
        return self._dashboards

    @property
    def unwatched_s(self) -> float:
        """Seconds since the last dashboard left, or since the start; 0 while there is one."""
        return 0.0 if self._dashboards else time.monotonic() - self._left_at

    @property
    def was_watched(self) -> bool:
        """True once a dashboard has come."""
        return self._was_watched

    def _audience_changed(self) -> None:
        self._was_watched = True
        self._dashboards = self._audience.dashboards
        self._left_at = time.monotonic()
        self._changed()

    # On the thread.

    def _work(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._main())
        except OSError as error:
            self._failure = error.strerror or str(error)
        finally:
            self._socket.close()
            self._ready.set()

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_say_nothing)
        self._closing = asyncio.Event()
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._accept, loop)
        self._loop = loop
        self._ready.set()
        looking = loop.create_task(self._keep_listening(loop))
        await self._closing.wait()
        looking.cancel()
        loop.remove_reader(self._socket)
        await self._let_go()

    async def _keep_listening(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen elsewhere where the socket was deleted; viewers that are there already do not notice."""
        while True:
            await asyncio.sleep(self._looks_in_s)
            if self._listener is None or not self._listener.is_lost(self._folder):
                continue
            try:
                again = self._listen(self._folder)
            except ListenError:
                continue
            loop.remove_reader(self._socket)
            self._socket.close()
            self._listener = again
            self._socket, self._audience.token = again.socket, again.token
            self._socket.setblocking(False)
            loop.add_reader(self._socket, self._accept, loop)

    def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve one viewer more; where there are too many open files, try again later."""
        try:
            made, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            loop.remove_reader(self._socket)
            self._retry = loop.call_later(_RETRIES_IN_S, self._accept_again, loop)
            return
        task = loop.create_task(loop.connect_accepted_socket(lambda: Viewer(self._audience), made))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    def _accept_again(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._socket, self._accept, loop)

    async def _let_go(self) -> None:
        """Close all connections; a viewer that does not read its end is dropped."""
        if self._retry is not None:
            self._retry.cancel()
        if self._accepting:
            await asyncio.wait(self._accepting)
        for viewer in self._audience.viewers:
            viewer.end(self._end_message)
        await self._gone(self._leaves_within_s)
        for viewer in self._audience.viewers:
            viewer.abort()
        await self._gone(None)

    async def _gone(self, timeout_s: float | None) -> None:
        if left := [viewer.gone for viewer in self._audience.viewers]:
            await asyncio.wait(left, timeout=timeout_s)


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """A viewer that cannot be served loses its connection; the terminal is not for writing to."""
