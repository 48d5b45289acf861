"""The command line: names, options, exit codes; nothing else.

Nothing imports it but the `llmdash` script. A command loads what it needs when it runs, so that `--help` is
fast; a bare `llmdash` loads no command at all. It never runs a batch itself: `launch` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmdash.cli.program import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    """Load the group of all commands when it is asked for."""
    if name != "main":
        raise AttributeError(name)
    from llmdash.cli.program import main

    return main
