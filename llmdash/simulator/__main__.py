"""The simulator as a child process: settings as one JSON line on standard input, which is then held open.

The first line of standard output is the base URL. The process ends when standard input does, and so with
its parent, however that ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import msgspec

from llmdash.simulator.server import Stop, serve
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["main"]

_GRACE = 2.0  # seconds that a graceful end may take


def _watch(stop: Stop) -> None:
    """Wait for the end of standard input, then end the process, by force if necessary."""
    descriptor = sys.stdin.fileno()
    while os.read(descriptor, 4096):
        pass
    stop()
    time.sleep(_GRACE)
    os._exit(0)


def _announce(base_url: str) -> None:
    sys.stdout.write(base_url + "\n")
    sys.stdout.flush()


def _read_settings() -> bytes:
    """The first line, and not a byte more: the rest is for `_watch`."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            break
        line += byte
    return bytes(line)


def main() -> int:
    """Serve until standard input ends, or SIGTERM. Returns the exit code: 2 if the settings are invalid."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to handle
    try:
        settings = msgspec.json.decode(_read_settings(), type=SimulatorSettings)
    except (msgspec.MsgspecError, ValueError) as error:
        sys.stderr.write(f"simulator: settings on standard input: {error}\n")
        return 2

    def watch(stop: Stop) -> None:
        threading.Thread(target=_watch, args=(stop,), name="stdin", daemon=True).start()

    serve(settings, ready=_announce, on_start=watch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
