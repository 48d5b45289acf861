"""Resets a terminal that a killed dashboard left in its mode."""

from __future__ import annotations

import os
import termios
from typing import TextIO

__all__ = ["SANE", "restore_terminal"]

_MOUSE = (1000, 1002, 1003, 1005, 1006, 1015, 1016)
_REPORTS = (1004, 2004, 2048)  # focus, bracketed paste, size changes

# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, https://sw.kovidgoyal.net/kitty/keyboard-protocol/
SANE = "".join(
    (
        "\x18\x1b\\",  # end an escape sequence that was cut off
        "\x1b[?2026l",  # end synchronized output
        *(f"\x1b[?{mode}l" for mode in (*_MOUSE, *_REPORTS)),
        "\x1b[<9u",  # each screen has its own stack of keyboard modes
        "\x1b7\x1b[?1049l",  # keep the cursor, which would jump if the alternate screen was not on
        "\x1b[<9u",
        "\x1b[?1l\x1b>",  # cursor keys and number pad as usual
        "\x1b[?7h",  # lines wrap
        "\x1b[?25h\x1b[0 q\x1b]22;default\x07",  # show the cursor, in its default shape, and so the pointer
        "\x1b(B\x1b[0m",  # ASCII character set, no colours
    )
)
"""Resets everything that a dashboard switches on; has no effect on a terminal in its normal state."""

_INPUT_ON = termios.ICRNL | termios.IXON
_INPUT_OFF = termios.INLCR | termios.IGNCR
_OUTPUT_ON = termios.OPOST | termios.ONLCR
_LOCAL_ON = (
    termios.ISIG
    | termios.ICANON
    | termios.IEXTEN
    | termios.ECHO
    | termios.ECHOE
    | termios.ECHOK
    | getattr(termios, "ECHOCTL", 0)
    | getattr(termios, "ECHOKE", 0)
)


def restore_terminal(stdin: TextIO, stdout: TextIO) -> bool:
    """Write SANE to `stdout` and restore the line settings, each only if it is a terminal.

    Returns True if there was one.
    """
    found = False
    if stdout.isatty():
        found = True
        stdout.write(SANE)
        stdout.flush()
    if stdin.isatty():
        found = True
        _bring_back(stdin.fileno())
    return found


def _bring_back(descriptor: int) -> None:
    settings = termios.tcgetattr(descriptor)
    was_raw = not settings[3] & termios.ICANON
    settings[0] = settings[0] & ~_INPUT_OFF | _INPUT_ON
    settings[1] |= _OUTPUT_ON
    settings[3] |= _LOCAL_ON
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    if was_raw and os.isatty(descriptor):
        termios.tcflush(descriptor, termios.TCIFLUSH)  # drop mouse reports that were not read
