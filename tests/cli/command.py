"""The program as a shell sees it: a process, its output, its exit code."""

from __future__ import annotations

import io
import json
import os
import runpy
import selectors
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from llmdash.config import SETTINGS
from llmdash.config.deciding import deciding_table_file
from llmdash.config.toml import from_toml
from llmdash.launch.trust import TrustStore
from tests.forked import CONTEXT, as_started, forked, is_forkable
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

__all__ = ["Ended", "configure", "environment", "llmdash", "prompts", "results", "start"]

_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH")  # the last: what a program runs is measured too


@dataclass(frozen=True)
class Ended:
    """A finished process."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of standard output."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        assert found["type"] == "summary"
        return found


def environment(home: Path, endpoint: Simulated | None = None, /, **more: str) -> dict[str, str]:
    """An environment with nothing of the user's in it; with the keys of `endpoint`, if there is one."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    keys = (
        {}
        if endpoint is None
        else {"OPENAI_API_KEY": ",".join(endpoint.keys), "OPENAI_BASE_URL": endpoint.base_url}
    )
    return {**kept, "HOME": str(home), **keys, **more}


def configure(folder: Path, text: str, home: Path | None = None) -> Path:
    """Write an `llmdash.toml` into `folder`, trusted by the user of `home`, which may be the same folder."""
    path = folder / "llmdash.toml"
    path.write_text(text)
    deciding = deciding_table_file(path, from_toml(path, path.name, SETTINGS))
    if deciding is not None:
        TrustStore((home or folder) / ".config" / "llmdash" / "trusted.json").add((deciding,))
    return path


@contextmanager
def start(*arguments: object, cwd: Path, env: dict[str, str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """`llmdash` with `arguments`, running; it is killed at the end of the `with` if it still does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmdash", *map(str, arguments)],
        cwd=cwd,
        env=env,
        text=True,
        stdin=how.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **how,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def llmdash(*arguments: object, cwd: Path, env: dict[str, str], given: str | None = None) -> Ended:
    """Run `llmdash` to its end, with `given` on standard input."""
    if is_forkable(env):
        return _forked_llmdash(*arguments, cwd=cwd, env=env, given=given)
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    with start(*arguments, cwd=cwd, env=env, stdin=stdin) as process:
        out, err = process.communicate(given, timeout=LONGEST_S)
    return Ended(process.returncode, out, err)


def prompts(folder: Path, count: int = 3, name: str = "p.txt") -> Path:
    """Write a file of prompts that differ; gives its path."""
    path = folder / name
    path.write_text("".join(f"{number} + 1\n" for number in range(count)))
    return path


def _forked_llmdash(*arguments: object, cwd: Path, env: dict[str, str], given: str | None) -> Ended:
    (in_end, into), (out, out_end), (err, err_end) = [CONTEXT.Pipe(duplex=False) for _ in range(3)]
    ends = (in_end if given is not None else None, out_end, err_end)
    with out, err, forked(_be_llmdash, [*map(str, arguments)], cwd, env, *ends) as process:
        for end in (in_end, out_end, err_end):
            end.close()
        writer = threading.Thread(target=_give, args=(into, given or ""))
        writer.start()
        told = _read_all(out.fileno(), err.fileno())
        writer.join()
        process.join(LONGEST_S)
        assert process.exitcode is not None, "it does not end"
        return Ended(process.exitcode, *told)


def _be_llmdash(
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    given: Connection | None,
    out: Connection,
    err: Connection,
) -> None:
    source = os.open(os.devnull, os.O_RDONLY) if given is None else given.fileno()
    with as_started(folder, environment, source, out.fileno(), err.fileno()):
        sys.argv[:] = ["llmdash", *arguments]
        runpy.run_module("llmdash", run_name="__main__", alter_sys=True)


def _give(into: Connection, text: str) -> None:
    """Write a text, for as long as somebody reads it."""
    with into, suppress(BrokenPipeError), open(into.fileno(), "w", closefd=False) as file:
        file.write(text)


def _read_all(*pipes: int) -> list[str]:
    """What is written into pipes until nobody has them open any more."""
    found = {pipe: bytearray() for pipe in pipes}
    until = time.monotonic() + LONGEST_S
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            assert ready, f"it does not end; it wrote: {[bytes(text[-2_000:]) for text in found.values()]}"
            for key, _ in ready:
                piece = os.read(key.fd, 65_536)
                found[key.fd] += piece
                if not piece:
                    selector.unregister(key.fd)
    return [io.TextIOWrapper(io.BytesIO(text)).read() for text in found.values()]


def results(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file; every index stands in it once."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    doubled = [index for index, count in Counter(line["index"] for line in lines).items() if count > 1]
    assert not doubled
    return lines
