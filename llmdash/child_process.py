"""Child processes of this program: what they are started with, and the few variables that they are given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["bare_environment", "child_command", "environment_without"]

_ROOT = Path(__file__).resolve().parent.parent
# The child imports the package from the same place, and (-P) no modules of the working folder.
_CODE = (
    "import runpy, sys; root, module = sys.argv[1:3]; root in sys.path or sys.path.insert(0, root); "
    "del sys.argv[1:3]; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONWARNINGS",
    "SYSTEMROOT",
)
"""What an interpreter needs to start. Any other variable may hold a key, whatever its name."""


def child_command(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a `module` of this package; anybody may read its `arguments`."""
    return [sys.executable, "-P", "-c", _CODE, str(_ROOT), module, *map(str, arguments)]


def bare_environment() -> dict[str, str]:
    """Return the variables that every child may have: anybody who may look at a process can read its own."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def environment_without(hides: Callable[[str], bool]) -> dict[str, str]:
    """Return the environment but for the variables whose value holds a key, as `hides` says."""
    return {name: value for name, value in os.environ.items() if not hides(value)}
