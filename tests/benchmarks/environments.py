"""The environments that are measured: the peers, this tree, an earlier commit; kept in the temporary folder.

Each is named after what is in it, so that a second call finds it; delete the folder to have it made anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = [
    "ROOT",
    "Environment",
    "commit_hash",
    "environment_of_commit",
    "environment_of_peers",
    "environment_of_proxy",
    "environment_of_tree",
    "title_of",
]

ROOT = Path(__file__).parents[2]
FOLDER = Path(tempfile.gettempdir()) / "llmdash-bench"
PEERS = {
    "libraries": ("langchain-openai", "openai", "httpx==0.28.1", "aiohttp"),
    "litellm": ("litellm",),
    "aiperf": ("aiperf",),
    "guidellm": ("guidellm",),
}
"""Environments of peers: those that pin versions of each other have one of their own."""
PROXY = ("litellm[proxy]",)
TARGET = ("uvloop",)
_LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({each.name.lower(): each.version for each in m.distributions()}))"
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment, by its interpreter."""

    python: Path

    def command(self, *arguments: object) -> list[str]:
        """A command of its interpreter that sees what is installed, and neither script nor working folder."""
        return [str(self.python), "-P", *map(str, arguments)]

    def install(self, *arguments: object) -> None:
        """Install with pip, which writes to standard error what goes wrong."""
        pip = ("-m", "pip", "install", "-q", "--disable-pip-version-check")
        subprocess.run(self.command(*pip, *arguments), check=True, stdout=sys.stderr)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The version of each package in it, by its name in lower case."""
        listed = subprocess.run(self.command("-c", _LIST), check=True, stdout=subprocess.PIPE)
        found: dict[str, str] = json.loads(listed.stdout)
        return found


def environment_of_peers(name: str) -> Environment:
    """Libraries or a program that llmdash is compared with, none of it in there.

    Raises CalledProcessError where they do not install.
    """
    return _with_packages(name, PEERS[name], PEERS[name])


def environment_of_target() -> Environment:
    """The event loop of the target, which has to be faster than all that ask it."""
    return _with_packages("target", TARGET, TARGET)


def environment_of_proxy() -> Environment:
    """A proxy that many put in front of their providers; llmdash is not in there."""
    return _with_packages("proxy", PROXY, PROXY)


def environment_of_tree() -> Environment:
    """llmdash as it is in this tree now, changes that are not committed included."""
    requirements = _requirements(ROOT)
    environment = _with_packages("tree", requirements, (str(ROOT), *requirements))
    environment.install("--no-deps", ROOT)
    return environment


def environment_of_commit(commit: str) -> Environment:
    """llmdash as it was at `commit`, a full hash."""
    packed = _git("archive", commit)  # a worktree would have git keep a record of it
    with tempfile.TemporaryDirectory() as name, tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(name, filter="data")
        return _with_packages("commit", (name,), (commit,))


def commit_hash(name: str) -> str:
    """The full hash of the commit that git knows as `name`. Raises ValueError if there is none."""
    try:
        return _git("rev-parse", "--verify", f"{name}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError as error:
        raise ValueError(f"no commit: {name}") from error


def title_of(commit: str) -> str:
    """The short hash of `commit` and its subject."""
    return _git("log", "-1", "--format=%h %s", commit).decode().strip()


def _git(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def _requirements(project: Path) -> tuple[str, ...]:
    """What a project says it depends on."""
    return tuple(tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"])


def _with_packages(kind: str, packages: Sequence[str], content: Sequence[str]) -> Environment:
    """An environment with `packages`, named after its `content`; made if there is none that is ready."""
    digest = hashlib.sha256("\n".join((sys.version, *content)).encode()).hexdigest()
    folder = FOLDER / f"{kind}-{digest[:12]}"
    environment = Environment(folder / "bin" / "python")
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        environment.install(*packages)
        ready.touch()
    return environment
