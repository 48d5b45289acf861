"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct

__all__ = ["is_same_user"]

_UCRED = struct.Struct("=iII")
"""Process, user, group."""
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1
_XUCRED = struct.Struct("=II")
"""Version, user; groups follow."""
_XUCRED_SIZE = 76


def is_same_user(connection: socket.socket) -> bool:
    """Return True if a process of this user is at the other end; False where the system does not say."""
    try:
        return _user_of(connection) == os.geteuid()
    except (OSError, struct.error):
        return False


def _user_of(connection: socket.socket) -> int:
    """Return the user of the process at the other end, as Linux, or else the BSDs and macOS, report it."""
    if hasattr(socket, "SO_PEERCRED"):
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(found)[1])
    found = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE)
    return int(_XUCRED.unpack_from(found)[1])
