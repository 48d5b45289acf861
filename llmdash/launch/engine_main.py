"""The process of an engine: `engine_main DESCRIPTOR`, its end of the line to the process that started it."""

from __future__ import annotations

import os
import socket
import sys

__all__ = ["main"]


def main(descriptor: int) -> int:
    """Run what is asked for on the line. Return the exit code."""
    # What takes long to load does so while the other process reads its settings.
    from llmdash.launch.engine_line import EngineLine, EngineOrder
    from llmdash.launch.engine_service import serve

    with EngineLine(socket.socket(fileno=descriptor)) as line:
        os.environ.update(line.receive().variables)
        asked = line.receive()
        return serve(line, asked) if isinstance(asked, EngineOrder) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
