"""Connections of aiohttp, with the habits of real servers taken into account."""

from __future__ import annotations

import errno
import functools
import os
import resource
import socket
import ssl
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from llmdash.llms.transport.response_head import HeadFilter

__all__ = ["Connector"]

_MOST_STALE = 1000  # connections that are discarded before a request fails
_HELD_BACK = 24  # descriptors that connections leave to the rest of the process: journal, imports, names
_KEPT_S = 30.0


class Connector(aiohttp.TCPConnector):
    """Any number of connections, kept for 30 s.

    Discards those with unread data nobody asked for: an answer sent twice would be taken for the answer to
    the next request.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._process = os.getpid()
        super().__init__(limit=0, ssl=context, keepalive_timeout=_KEPT_S, socket_factory=_socket)
        self._factory = functools.partial(_Protocol, loop=self._loop)  # type: ignore[assignment]

    def __del__(self, *_: object) -> None:
        if not self._closed:
            self.drop()  # as the interpreter ends, with no complaint

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        for _ in range(_MOST_STALE):
            connection = await super().connect(*args, **options)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("the server sends answers that nobody asked for")

    def drop(self) -> None:
        """Close every connection at once, also where the loop is closed already. In a process made by a fork
        they are the other's.
        """
        if os.getpid() != self._process:
            return
        open_ones = [protocol for each in self._conns.values() for protocol, _ in each]
        open_ones += self._acquired
        is_over = self._loop.is_closed()
        self._close(abort_ssl=True)
        for protocol in open_ones if is_over else ():
            _end(protocol.transport)


def _end(transport: Any) -> None:
    """Close the socket of a transport whose loop is closed: it can be told of nothing."""
    inner = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    with suppress(RuntimeError, AttributeError):
        inner.abort()
    with suppress(RuntimeError, AttributeError):
        inner._call_connection_lost(None)


class _Protocol(ResponseHandler):
    """Reads heads that aiohttp refuses: those that say twice where the body ends. Resumes only what was
    paused: after each read of a body aiohttp asks for it, and parses nothing once more.
    """

    _head: HeadFilter | None = None
    _was_paused = False

    def pause_reading(self) -> None:
        self._was_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._was_paused:
            self._was_paused = False
            super().resume_reading(resume_parser)

    def set_response_params(self, **params: Any) -> None:
        self._head = HeadFilter()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        head = self._head
        if head is not None:
            data = head.feed(data)
            if head.is_ambiguous:
                self.force_close()
            if head.done:
                self._head = None
            if not data:
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        head, self._head = self._head, None
        if head is not None and (rest := head.rest()):
            super().data_received(rest)
        super().connection_lost(exc)


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket, as long as descriptors are left for the rest of the process. Raises OSError (EMFILE).

    A new descriptor is always the lowest that is free, so its number says how many are in use.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and made.fileno() >= most - min(_HELD_BACK, most // 2):
        made.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return made
