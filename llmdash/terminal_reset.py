"""Restores a terminal: the one table of sequences that undo what a dashboard switched on."""

from __future__ import annotations

import os
import termios
from typing import TextIO

__all__ = ["LEFT", "PIXELS_OFF", "POINTER", "SANE", "restore_terminal"]


def _off(*modes: int) -> str:
    return "".join(f"\x1b[?{mode}l" for mode in modes)


# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, https://sw.kovidgoyal.net/kitty/keyboard-protocol/
_END = "\x18"  # ends a sequence that was cut off in the middle
_MODES = _off(2026, 1000, 1002, 1003, 1005, 1006, 1015, 1016, 1004, 2004, 2048)
"""Held-back drawing, the mouse, and reports of focus, pastes and size changes."""
_WRAP = "\x1b[?7h"
_ALTERNATE_SCREEN = "\x1b[?1049h"
_MAIN_SCREEN = "\x1b[?1049l"
_CURSOR = "\x1b[?25h"
_PLAIN = "\x1b[0m"
PIXELS_OFF = _off(1016)
"""Mouse positions are cells again."""
POINTER = "\x1b]22;default\x07"
"""The pointer has its usual shape."""

LEFT = f"{_END}{_MODES}{_WRAP}\x1b[<u{_PLAIN}{_MAIN_SCREEN}{_CURSOR}"
"""The sequences that switch off everything a dashboard switches on."""

SANE = "".join(
    (
        f"{_END}\x1b\\{_MODES}",
        "\x1b[<9u",  # the alternate screen has its own stack of keyboard modes, and so has the usual one
        # To leave a screen that is not on moves the cursor to where it was when that was left last. Entered
        # first, which does nothing where it is on, the cursor returns to where it is.
        f"{_ALTERNATE_SCREEN}{_MAIN_SCREEN}",
        "\x1b[<9u",
        "\x1b[?1l\x1b>",  # cursor keys and number pad as usual
        f"{_WRAP}{_CURSOR}\x1b[0 q{POINTER}",
        f"\x1b(B{_PLAIN}",  # letters are letters, without colour
    )
)
"""The same for a terminal in an unknown state; does nothing on one that is as usual."""

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
