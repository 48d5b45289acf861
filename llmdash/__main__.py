"""`llmdash`, and `python -m llmdash`."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

_ASKED_BY_SHELL = "_LLMDASH_COMPLETE"
"""Set by a shell that wants to know how a command line could go on."""


def main() -> None:
    """Do what the command line says. A bare `llmdash` is home, and needs nothing that reads options."""
    if len(sys.argv) > 1 or _ASKED_BY_SHELL in os.environ:
        from llmdash.cli.program import main as command

        command(prog_name="llmdash")
    else:
        from llmdash.cli.home import start

        start()


if __name__ == "__main__":
    main()
