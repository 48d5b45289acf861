"""The fault server beside the program under test, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["faulty"]

_ROOT = Path(__file__).parents[2]


@contextmanager
def faulty(*arguments: object) -> Iterator[str]:
    """A fault server with these options; gives the address that its `/v1` and `/FAULT/v1` stand below."""
    command = [sys.executable, "-m", "tests.fault_server", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
