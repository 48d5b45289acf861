"""Results as a file: one JSON object a line, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from llmdash.engine.records import ResultRecord
from llmdash.sanitize import clean_line

__all__ = ["ExportError", "check_writable", "encode_record", "write_jsonl"]

_BUFFER = 1 << 20
_ENCODER = msgspec.json.Encoder()

# DEL, C1, line and paragraph separators and bidirectional controls, in UTF-8. JSON allows them raw; escaped
# they mean the same, but cannot steer the terminal of someone who looks into the file, nor break a line.
_RAW_CONTROLS = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c")


class ExportError(Exception):
    """Results that cannot be written. The text is one line: the file, the reason, the mend."""


def check_writable(path: Path) -> None:
    """Makes sure, before anything is spent, that results can be written to `path`; leaves nothing behind.

    Raises ExportError if the folder is missing or takes no new file, or if `path` cannot be replaced.
    """
    try:
        target = path.resolve()
        if target.is_dir():
            raise ExportError(f"{_name(path)}: is a folder; name a file in it, such as results.jsonl")
        if not target.parent.is_dir():
            raise ExportError(f"{_name(path)}: its folder does not exist; make it, or choose another")
        if target.exists() and not target.is_file():
            raise ExportError(f"{_name(path)}: is not a regular file; choose another name")
        if target.exists() and not os.access(target, os.W_OK):
            raise ExportError(f"{_name(path)}: is write-protected; choose another name")
        descriptor, probe = tempfile.mkstemp(prefix=".llmdash-", dir=target.parent)
        os.close(descriptor)
        Path(probe).unlink()
    except OSError as error:
        raise ExportError(_failed(path, error)) from None


def write_jsonl(records: Iterable[ResultRecord], path: Path) -> int:
    """Writes a line for each record to `path` and returns how many; mode 0600.

    The file appears at once with everything in it, or stays as it was: it is written beside its place, forced
    to disk and renamed. Raises ExportError if that fails.
    """
    try:
        target = path.resolve()
        descriptor, name = tempfile.mkstemp(prefix=".llmdash-", dir=target.parent)
    except OSError as error:
        raise ExportError(_failed(path, error)) from None
    draft = Path(name)
    try:
        with open(descriptor, "wb", buffering=_BUFFER) as file:  # noqa: PTH123 - it is a descriptor
            written = _write_lines(records, file)
        draft.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise ExportError(_failed(path, error)) from None
    finally:
        with contextlib.suppress(OSError):  # gone after the rename
            draft.unlink()
    return written


def _write_lines(records: Iterable[ResultRecord], file: BinaryIO) -> int:
    written = 0
    for record in records:
        file.write(encode_record(record))
        file.write(b"\n")
        written += 1
    file.flush()
    os.fsync(file.fileno())
    return written


def encode_record(record: ResultRecord) -> bytes:
    """A record as one line of JSON in UTF-8, without the line feed; every text in it exact."""
    line = _fields(record)
    try:
        encoded = _ENCODER.encode(line)
    except UnicodeEncodeError:  # a lone surrogate, which JSON has an escape for and UTF-8 has not
        return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return _RAW_CONTROLS.sub(_escape, encoded)


def _fields(record: ResultRecord) -> dict[str, Any]:
    usage = {"input_tokens": record.input_tokens, "output_tokens": record.output_tokens}
    return {
        "index": record.index,
        "id": record.id,
        "state": record.state,
        "text": record.text,
        "expected": record.expected,
        "correct": record.correct,
        "key": record.key,
        "attempts": record.attempts,
        "ttft_s": record.ttft_s,
        "latency_s": record.latency_s,
        "usage": None if record.input_tokens is None and record.output_tokens is None else usage,
        "finish_reason": record.finish_reason,
        "error": record.error,
    }


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode("utf-8"))


def _sync_folder(folder: Path) -> None:
    """Forces a rename to disk; without it a crash may bring the old file back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(path: Path) -> str:
    return clean_line(str(path))


def _failed(path: Path, error: OSError) -> str:
    return f"{_name(path)}: cannot be written ({error.strerror or error}); mend that, or choose another place"
