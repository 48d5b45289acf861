"""Starts the simulator as a child process that cannot outlive its parent; quick to import."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import subprocess
import threading
import time
from types import TracebackType
from typing import IO

from llmdash.child_process import bare_environment, child_command
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["SimulatorError", "SimulatorProcess"]


class SimulatorError(RuntimeError):
    """The simulator did not start. The text says what it did instead."""


class SimulatorProcess:
    """A simulator in a process of its own, in its own session, on a free port of loopback.

    The constructor returns at once; `base_url` waits until it listens. It ends with `close`, or when this
    process ends, however that happens: its standard input is a pipe that only this process holds open.
    """

    def __init__(self, settings: SimulatorSettings, stderr: IO[bytes] | None = None) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._said = bytearray()
        self._child = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
            child_command("llmdash.simulator"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if stderr is None else stderr,
            start_new_session=True,
            env=bare_environment(),
            bufsize=0,
        )
        self._tell(json.dumps(dataclasses.asdict(settings)).encode() + b"\n")

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended already; base_url reports that
            if self._child.stdin is not None:
                self._child.stdin.write(line)

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._child.pid

    def base_url(self, timeout: float = 60.0) -> str:
        """Return the base URL, `http://127.0.0.1:PORT/v1`; waits at most `timeout` seconds for it.

        Raises SimulatorError if the child ended, was closed, or took longer. May be called from any thread.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            while b"\n" not in self._said:
                self._hear(deadline, timeout)
            return self._said.split(b"\n", 1)[0].decode()

    def _hear(self, deadline: float, timeout: float) -> None:
        output = self._child.stdout
        if output is None or output.closed:
            raise SimulatorError("the simulator was closed before it was ready")
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise SimulatorError(f"the simulator was not ready within {timeout:g} s")
        piece = os.read(output.fileno(), 4096)
        if not piece:
            raise SimulatorError(f"the simulator ended before it was ready (status {self._child.wait()})")
        self._said += piece

    def close(self) -> None:
        """Kill the child and reap it: it has nothing to save. May be called again."""
        self._child.kill()
        self._child.wait()
        with self._lock:
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    pipe.close()

    def __enter__(self) -> SimulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
