"""A slow connection: what passes arrives later, in order."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmdash.remote.addresses import ENGINE_FILE, engine_of
from tests.remote.made_up import short_folder

__all__ = ["delayed"]


@contextmanager
def delayed(folder: Path, delay_s: float) -> Iterator[Path]:
    """A folder through which the engine of the run in `folder` is reached, `delay_s` later each way."""
    with short_folder() as relayed, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(relayed / "s"))
        listener.listen()
        record = {"pid": engine_of(folder).pid, "address": f"unix:{relayed / 's'}", "version": "0"}
        (relayed / ENGINE_FILE).write_text(json.dumps(record))
        begin = threading.Thread(target=_accept, args=(listener, folder, delay_s), daemon=True)
        begin.start()
        yield relayed


def _accept(listener: socket.socket, folder: Path, delay_s: float) -> None:
    viewer, _ = listener.accept()
    engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    engine.connect(engine_of(folder).address.removeprefix("unix:"))
    ways = [
        threading.Thread(target=_copy, args=(*way, delay_s)) for way in ((viewer, engine), (engine, viewer))
    ]
    for way in ways:
        way.start()
    for way in ways:
        way.join()
    viewer.close()
    engine.close()


def _copy(source: socket.socket, target: socket.socket, delay_s: float) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            time.sleep(delay_s)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
