"""Makes a terminal usable that a killed dashboard left in its mode."""

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
        "\x18\x1b\\",  # end what was cut off in the middle
        "\x1b[?2026l",  # show what is drawn at once
        *(f"\x1b[?{mode}l" for mode in (*_MOUSE, *_REPORTS)),
        "\x1b[<9u",  # the alternate screen has its own stack of keyboard modes, and so has the usual one
        "\x1b7\x1b[?1049l",  # the cursor is kept, or it would jump where the alternate screen was not on
        "\x1b[<9u",
        "\x1b[?1l\x1b>",  # cursor keys and number pad as usual
        "\x1b[?7h",  # lines wrap
        "\x1b[?25h\x1b[0 q\x1b]22;default\x07",  # the cursor shows, in its usual shape, and so the pointer
        "\x1b(B\x1b[0m",  # letters are letters, without colour
    )
)
"""What undoes everything that a dashboard switches on; does nothing on a terminal that is as usual."""

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
    """Write SANE to `stdout` and bring the line settings back, each only if it is a terminal.

    True if there was one at all.
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
        termios.tcflush(descriptor, termios.TCIFLUSH)  # what the mouse reported meanwhile is no input
