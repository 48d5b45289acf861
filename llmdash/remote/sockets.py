"""Unix sockets at paths of any length, where the system allows it."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from llmdash.remote.peers import is_same_user

__all__ = ["BACKLOG", "DESCRIPTORS", "bind_unix", "connect_unix"]

BACKLOG: Final = 128
LONGEST_PATH: Final = 103
"""Bytes of a path that every system can bind, without the zero at its end."""
DESCRIPTORS: Final = Path("/proc/self/fd")
"""Where the system shows this process its open folders: the way to a path that is longer."""
_CONNECTS_WITHIN_S: Final = 2.0
_LOOK_S: Final = 0.01


@contextmanager
def _short_name(path: Path, descriptors: Path) -> Iterator[str]:
    """A name for `path` that a socket can have, as long as the context lasts. Raises OSError."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    if not descriptors.is_dir():
        raise OSError(errno.ENAMETOOLONG, "its path is too long for a socket")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"{descriptors}/{folder}/{path.name}"
    finally:
        os.close(folder)


def bind_unix(path: Path, descriptors: Path = DESCRIPTORS) -> socket.socket:
    """Listen at `path`; what an engine has left there that is dead is replaced. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        with _short_name(path, descriptors) as name:
            made.bind(name)
        path.chmod(0o600)
        made.listen(BACKLOG)
    except BaseException:  # an interrupt, too, must not leave it open; it is raised again
        made.close()
        raise
    return made


def connect_unix(path: Path) -> socket.socket:
    """Return a connection to whoever of this user listens at `path`. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end = time.monotonic() + _CONNECTS_WITHIN_S
    try:
        with _short_name(path, DESCRIPTORS) as name:
            while not _is_connected(made, name) and time.monotonic() < end:
                time.sleep(_LOOK_S)
        if not is_same_user(made):
            raise PermissionError(errno.EPERM, "another user listens there")
    except BaseException:  # an interrupt, too, must not leave it open; it is raised again
        made.close()
        raise
    return made


def _is_connected(made: socket.socket, name: str) -> bool:
    """Connect; False while as many others wait to be accepted as may wait."""
    made.setblocking(False)
    try:
        made.connect(name)
    except BlockingIOError:
        return False
    return True
