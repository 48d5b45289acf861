"""Workers on this machine: a scheduler and its workers in a child process that cannot outlive its parent.

Everything listens on loopback only, and talks over TLS with certificates made for this one run: no other
user of the machine can connect.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

__all__ = ["LocalCluster", "LocalClusterError"]

_ROOT = Path(__file__).resolve().parents[2]
# The child imports the package from the same place, and (-P) no modules of the working folder.
_CODE = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from llmdash.cluster.local_main import main; main(int(sys.argv[2]))"
)


_ENDS_WITHIN_S = 2.0


class LocalClusterError(RuntimeError):
    """The workers did not start."""


class LocalCluster:
    """`workers` processes with a scheduler; ended, it is started again by the next `address`.

    `environment` is what they get of this process's variables. It ends with `close`, or when this process
    ends, however that happens: its standard input is a pipe that only this process holds open.
    """

    def __init__(self, workers: int, environment: Mapping[str, str], stderr: IO[bytes] | None = None) -> None:
        self._workers = workers
        self._environment = dict(environment)
        self._stderr = stderr
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: dict[str, Any] = {}
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process of the scheduler; None before it is started."""
        return self._child.pid if self._child is not None else None

    @property
    def is_running(self) -> bool:
        """True from the start of the processes to their end."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the processes, if they are not running; returns at once."""
        with self._lock:
            if self._closed or self.is_running:
                return
            self._reap()
            self._child = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
                [sys.executable, "-P", "-c", _CODE, str(_ROOT), str(self._workers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self._stderr is None else self._stderr,
                start_new_session=True,
                env=self._environment,
            )

    def address(self) -> dict[str, str]:
        """Return the `address` of the scheduler and `ca`, `cert` and `key` of a client, once it listens.

        Blocks until then. Raises LocalClusterError if it does not come to that.
        """
        self.start()
        with self._lock:
            child = self._child
            if child is None or child.stdout is None:
                raise LocalClusterError("the workers of this machine were closed")
            if not self._said:
                line = child.stdout.readline()
                if not line:
                    raise LocalClusterError(f"the workers did not start (status {child.wait()})")
                self._said = json.loads(line)
            return self._said

    def close(self) -> None:
        """End the processes: they have nothing to save. May be called again."""
        self._closed = True
        child = self._child
        if child is not None and child.stdin is not None:
            child.stdin.close()  # its workers see that it is gone, and end
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_ENDS_WITHIN_S)
            child.kill()
        with self._lock:
            self._reap()

    def _reap(self) -> None:
        said, self._said = self._said, {}
        if self._child is None:
            return
        self._child.wait()
        if "scratch" in said:
            shutil.rmtree(said["scratch"], ignore_errors=True)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
