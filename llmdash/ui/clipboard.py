"""The clipboard: of the terminal by OSC 52, and of the system by a program that is there."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from llmdash.child_process import bare_environment
from llmdash.engine.model.counts import counted

__all__ = ["Clipboard", "ClipboardProgram", "copied_words", "takes_osc52"]

_WITHIN_S: Final = 5.0
_SESSION: Final = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "WSL_INTEROP")
"""What a program needs to find the clipboard; no other variable is passed on."""
_LONG: Final = 74_994
"""Bytes from which on terminals cut off what they are sent (the limit of xterm, base64 apart)."""


class ClipboardProgram(NamedTuple):
    """A program that puts its standard input on the clipboard of the system."""

    name: str
    arguments: tuple[str, ...]


def _programs(environment: Mapping[str, str], platform: str) -> list[ClipboardProgram]:
    """The programs to look for, the one that fits best first."""
    found = []
    if platform == "darwin":
        found.append(ClipboardProgram("pbcopy", ()))
    if environment.get("WAYLAND_DISPLAY"):
        found.append(ClipboardProgram("wl-copy", ("--type", "text/plain;charset=utf-8")))
    if environment.get("DISPLAY"):
        found.append(ClipboardProgram("xclip", ("-selection", "clipboard", "-in")))
        found.append(ClipboardProgram("xsel", ("--clipboard", "--input")))
    if environment.get("WSL_INTEROP") or environment.get("WSL_DISTRO_NAME"):
        found.append(ClipboardProgram("clip.exe", ()))
    return found


def takes_osc52(environment: Mapping[str, str]) -> bool | None:
    """Return whether the terminal puts on the clipboard what it is sent, as far as its variables tell; None
    if they do not.
    """
    program, kind = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if environment.get("TMUX") or kind.startswith(("screen", "tmux")):
        return None  # that depends on the multiplexer, and on the terminal around it
    if program == "Apple_Terminal" or kind in ("linux", "dumb") or environment.get("VTE_VERSION"):
        return False
    known = ("iTerm.app", "WezTerm", "ghostty", "vscode", "rio", "contour")
    if program in known or environment.get("KITTY_WINDOW_ID") or environment.get("WT_SESSION"):
        return True
    return True if kind in ("xterm-kitty", "alacritty", "foot", "xterm-ghostty") else None


class Clipboard:
    """Copies by the first of the programs that is there; `environment` says what session this is in."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        platform: str = sys.platform,
        find: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._environment = environment
        self._platform = platform
        self._find = find

    @property
    def takes_osc52(self) -> bool | None:
        """Whether the terminal takes OSC 52; None where that cannot be known."""
        return takes_osc52(self._environment)

    async def copy(self, text: str) -> str | None:
        """Put the text on the system's clipboard; return the name of the program that did, None without."""
        for program in _programs(self._environment, self._platform):
            path = self._find(program.name)
            if path is not None and await self._run(path, program, text):
                return program.name
        return None

    async def _run(self, path: str, program: ClipboardProgram, text: str) -> bool:
        session = {name: self._environment[name] for name in _SESSION if name in self._environment}
        encoding = "utf-16-le" if program.name == "clip.exe" else "utf-8"
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                *program.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**bare_environment(), **session},
                start_new_session=True,
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(_WITHIN_S):
                await process.communicate(text.encode(encoding, "replace"))
        except (TimeoutError, OSError):
            with suppress(ProcessLookupError):
                process.kill()
            return False
        return process.returncode == 0


def copied_words(what: str, text: str, program: str | None, osc52: bool | None) -> str:
    """Return what was copied, how much of it, and where it is now."""
    size = counted(len(text), "character")
    long = osc52 is not False and len(text.encode("utf-8", "replace")) > _LONG
    cut = "; terminals cut what is so long" if long and program is None else ""
    if program is not None:
        also = ", and sent to the terminal" if osc52 is not False else ""
        return f"Copied {what}, {size}: to the clipboard by {program}{also}"
    if osc52 is False:
        return (
            f"This terminal takes no copies, and there is no wl-copy, xclip, xsel or pbcopy: {what} "
            f"({size}) is on no clipboard but that of this dashboard; v shows it in $PAGER"
        )
    if osc52:
        return f"Copied {what}, {size}: to the terminal's clipboard (OSC 52){cut}"
    return f"Sent {what}, {size}, to the terminal's clipboard (OSC 52), if it takes that{cut}"
