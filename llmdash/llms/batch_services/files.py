"""Files of results: written as they arrive, and read line by line, both in flat memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from llmdash.llms.batch_services.answers import LINE_LIMIT
from llmdash.llms.wire.documents import page_from_a_proxy
from llmdash.llms.wire.failures import Failure, FailureKind

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpResponse

__all__ = ["lines_of", "write_body"]

_PIECE = 1_048_576
_BEGIN = 256
"""Bytes that show whether a body is a page."""
_MARK = b"\xef\xbb\xbf"


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not blank, without their ends. One that is longer than LINE_LIMIT
    comes cut, a byte longer than that. Raises OSError.
    """
    with file.open("rb", _PIECE) as handle:
        if handle.read(len(_MARK)) != _MARK:
            handle.seek(0)
        while line := handle.readline(LINE_LIMIT + 1):
            if not line.endswith(b"\n") and len(line) > LINE_LIMIT:
                _skip_line(handle)
            line = line.rstrip(b"\r\n")
            if line and not line.isspace():
                yield line


def _skip_line(handle: IO[bytes]) -> None:
    while (rest := handle.readline(_PIECE)) and not rest.endswith(b"\n"):
        pass


async def write_body(answer: HttpResponse, file: Path) -> None:
    """Write the body of a response to `file`, which is there only once it is whole, and safe on the disk.

    Raises Failure, also for what the disk refuses (LOCAL), and for a page of HTML, which has no results.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        try:
            await _write(answer, part)
            if (page := page_from_a_proxy(_begin_of(part), answer.status)) is not None:
                raise page
            await asyncio.to_thread(part.replace, file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        words = f"cannot write {file.name}: {error.strerror or error}"
        raise Failure(FailureKind.LOCAL, words) from error


async def _write(answer: HttpResponse, part: Path) -> None:
    gathered = bytearray()
    with _opened(part) as handle:
        while (piece := await answer.chunk()) is not None:
            answer.progress()
            gathered += piece
            if len(gathered) >= _PIECE:
                await _write_out(handle, gathered)
        await _write_out(handle, gathered)
        await asyncio.to_thread(handle.flush)  # it need not be synced: what a crash takes is fetched again


def _begin_of(part: Path) -> bytes:
    with part.open("rb") as handle:
        return handle.read(_BEGIN)


def _opened(part: Path) -> IO[bytes]:
    """The file, opened here: a thread whose result nobody awaits any more would leave it open."""
    return part.open("wb")


async def _write_out(handle: IO[bytes], gathered: bytearray) -> None:
    """Empties `gathered`; the loop does not wait for the disk."""
    data = bytes(gathered)
    gathered.clear()
    await asyncio.to_thread(handle.write, data)
