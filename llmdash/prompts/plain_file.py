"""Plain bytes of any file: what is compressed, encoded otherwise or kept in columns becomes UTF-8 on disk.

| content | read by |
|---|---|
| gzip, bzip2, xz | the standard library |
| Zstandard | the standard library from Python 3.14 on, else the package `zstandard` |
| UTF-16, UTF-32 with a byte order mark | a decoder |
| Parquet | `pyarrow`, a group of rows at a time, as JSON lines |

The content decides, not the name. What was decoded is in a file without a name, which nobody else can open
and which is gone with the process. Anything else that holds NUL bytes is refused: it is no text.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.parquet_rows import PARQUET, parquet_lines
from llmdash.prompts.source import InputError

__all__ = ["COMPRESSED", "PlainFile", "plain_file"]

COMPRESSED = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".lzma")
"""Ends of names that say nothing of the format inside."""

_HEAD = 64 * 1024
_BLOCK = 1 << 20
_MOST_LAYERS = 4  # such as UTF-16 inside gzip; more is a trap
_SPARE = 256 * 1024 * 1024  # bytes of the disk that are left to others

_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_BINARY = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"PK\x03\x04", "a zip archive, as .xlsx, .docx and .zip are"),
    (b"PK\x05\x06", "a zip archive, as .xlsx, .docx and .zip are"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"SQLite format 3", "a database"),
    (b"ARROW1", "an Arrow file"),
    (b"\x7fELF", "a program"),
)


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file of UTF-8 text, and what was done to get it, such as `gzip`; empty if nothing was."""

    file: BinaryIO
    taken: str = ""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One way in which text is packed: its name, and how a file of it is read as plain bytes."""

    name: str
    blocks: Callable[[BinaryIO], Iterator[bytes]]


def plain_file(path: Path, shown: str) -> PlainFile:
    """Open the file at `path` as plain text. Raises InputError, which begins with `shown`; OSError."""
    file = cast("BinaryIO", path.open("rb"))
    taken: list[str] = []
    try:
        while (layer := _layer(file, shown)) is not None:
            if len(taken) == _MOST_LAYERS:
                raise InputError(f"{shown}: packed more than {_MOST_LAYERS} times; unpack it")
            unpacked = _unpacked(file, layer, shown)
            file.close()
            file = unpacked
            taken.append(layer.name)
    except BaseException:  # an interrupt, too, must not leave it open; it is raised again
        file.close()
        raise
    return PlainFile(file, ", ".join(taken))


def _layer(file: BinaryIO, shown: str) -> _Layer | None:
    """What the content is packed in; None for text. Raises InputError for what is neither."""
    head = file.read(_HEAD)
    file.seek(0)
    for magic, layer in _LAYERS:
        if head.startswith(magic):
            return layer
    if b"\0" in head or head.startswith(b"%PDF-"):
        kind = next((words for magic, words in _BINARY if head.startswith(magic)), "binary")
        fix = "save what is in it as CSV or JSON lines" if kind != "binary" else "save it as UTF-8 text"
        raise InputError(f"{shown}: {kind}, not text; {fix}")
    return None


def _unpacked(file: BinaryIO, layer: _Layer, shown: str) -> BinaryIO:
    """The plain bytes of a layer, in a temporary file that has no name."""
    most = max(0, shutil.disk_usage(tempfile.gettempdir()).free - _SPARE)
    size = 0
    spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - it lives as long as the source
    try:
        with _faults(layer.name, shown):
            for block in layer.blocks(file):
                size += len(block)
                if size > most:
                    raise InputError(f"{shown}: unpacked it does not fit into {tempfile.gettempdir()}")
                spool.write(block)
        spool.seek(0)
    except BaseException:  # an interrupt, too, must not leave it open; it is raised again
        spool.close()
        raise
    return spool


@contextmanager
def _faults(name: str, shown: str) -> Iterator[None]:
    """Turns what a decoder says of damaged bytes into an InputError."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeError) as error:
        why = str(error).rstrip(".").splitlines()[:1]
        raise InputError(f"{shown}: damaged {name}: {''.join(why)}; make it again") from None
    except ModuleNotFoundError as error:
        extra = "parquet" if "pyarrow" in str(error) else "zst"
        fix = f"pip install 'llmdash[{extra}]', or give it as plain JSON lines"
        raise InputError(f"{shown}: {name} needs {error.name}, which is not installed; {fix}") from None


def _blocks_of(file: Any) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
        yield from _blocks_of(unpacked)


def _bzip2(file: BinaryIO) -> Iterator[bytes]:
    with bz2.BZ2File(file) as unpacked:
        try:
            yield from _blocks_of(unpacked)
        except OSError as error:
            if error.errno is not None:
                raise
            raise EOFError(str(error)) from None


def _xz(file: BinaryIO) -> Iterator[bytes]:
    with lzma.LZMAFile(file) as unpacked:
        yield from _blocks_of(unpacked)


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    try:
        zstd = importlib.import_module("compression.zstd")
    except ModuleNotFoundError:
        return _zstandard(file)
    return _zstd_of_python(zstd, file)


def _zstd_of_python(zstd: Any, file: BinaryIO) -> Iterator[bytes]:
    try:
        with zstd.ZstdFile(file) as unpacked:
            yield from _blocks_of(unpacked)
    except zstd.ZstdError as error:
        raise EOFError(str(error)) from None


def _zstandard(file: BinaryIO) -> Iterator[bytes]:
    zstandard = importlib.import_module("zstandard")
    unpacker = zstandard.ZstdDecompressor()
    ended = True
    try:
        part = unpacker.decompressobj()
        while block := file.read(_BLOCK):
            while block:
                ended = False
                yield part.decompress(block)
                if not part.eof:
                    break
                ended, block = True, part.unused_data
                part = unpacker.decompressobj()
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None
    if not ended:
        raise EOFError("it ends too early")


def _decoded(encoding: str) -> Callable[[BinaryIO], Iterator[bytes]]:
    def blocks(file: BinaryIO) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)()
        for block in _blocks_of(file):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()

    return blocks


_LAYERS: tuple[tuple[bytes, _Layer], ...] = (
    (b"\x1f\x8b", _Layer("gzip", _gzip)),
    (b"BZh", _Layer("bzip2", _bzip2)),
    (b"\xfd7zXZ\0", _Layer("xz", _xz)),
    (b"\x28\xb5\x2f\xfd", _Layer("Zstandard", _zstd)),
    (PARQUET, _Layer("Parquet", parquet_lines)),
    *((mark, _Layer(name.upper(), _decoded(name))) for mark, name in _ENCODINGS),
)
"""What a file begins with, and the layer it is then."""
