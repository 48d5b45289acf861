"""The program as a shell sees it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmdash.config import SETTINGS
from llmdash.config.deciding import deciding_table_file
from llmdash.config.toml import from_toml
from llmdash.launch.trust import TrustStore
from tests.simulated import Simulated
from tests.waiting import LONGEST_S
from tests.warm.popen import WarmPopen

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
    process = WarmPopen(
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
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    with start(*arguments, cwd=cwd, env=env, stdin=stdin) as process:
        out, err = process.communicate(given, timeout=LONGEST_S)
    return Ended(process.returncode, out, err)


def prompts(folder: Path, count: int = 3, name: str = "p.txt") -> Path:
    """Write a file of prompts that differ; gives its path."""
    path = folder / name
    path.write_text("".join(f"{number} + 1\n" for number in range(count)))
    return path


def results(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file; every index stands in it once."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    doubled = [index for index, count in Counter(line["index"] for line in lines).items() if count > 1]
    assert not doubled
    return lines
