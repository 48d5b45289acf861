"""A viewer in a browser: `web_viewer FOLDER watch|control`, the program on the terminal behind a page."""

from __future__ import annotations

import fcntl
import sys
import termios
from pathlib import Path

__all__ = ["CONTROLS", "VIEWER", "WATCHES", "main"]

VIEWER = "llmdash.launch.web_viewer"
"""The module that the process runs."""
WATCHES, CONTROLS = "watch", "control"


def main(folder: str, does: str) -> int:
    """Show the run in `folder` on the terminal of the standard streams. Return the exit code."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its end is this program's end
    from llmdash.crash import crash_report
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.opening import show_in_browser
    from llmdash.launch.refusals import refusal_code
    from llmdash.sanitize import clean_line

    try:
        return show_in_browser(Path(folder), read_only=does != CONTROLS)
    except Exception as error:  # noqa: BLE001 - the last boundary: a traceback of Python's own shows too much
        if (code := refusal_code(error)) is not None:
            sys.stderr.write(f"llmdash: {clean_line(str(error))}\n")
            return code
        sys.stderr.write(f"{crash_report(error, str)}\n")
        return ExitCode.INTERNAL


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
