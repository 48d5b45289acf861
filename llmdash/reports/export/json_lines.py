"""Results as JSON: an object a line, or one array of them. Every text in it is exact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export.draft import Draft

__all__ = ["encode_json", "encode_record", "write_json", "write_jsonl", "write_objects"]

_ENCODER = msgspec.json.Encoder()

# DEL, C1, line and paragraph separators and bidirectional controls, in UTF-8. JSON allows them raw; escaped
# they mean the same, but cannot control the terminal of someone who reads the file, nor break a line.
_RAW_CONTROLS = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c")


def write_jsonl(records: Iterable[ResultRecord], path: Path) -> int:
    """Write a line for each record to `path` and return how many. Raises ExportError."""
    return write_objects(map(_fields, records), path)


def write_objects(objects: Iterable[dict[str, Any]], path: Path) -> int:
    """Write a line for each object to `path` and return how many. Raises ExportError."""
    written = 0
    with Draft(path) as draft:
        for each in objects:
            draft.write(encode_json(each))
            draft.write(b"\n")
            written += 1
        draft.keep()
    return written


def write_json(records: Iterable[ResultRecord], path: Path) -> int:
    """Write one array of all records to `path` and return how many. Raises ExportError."""
    written = 0
    with Draft(path) as draft:
        for record in records:
            draft.write(b",\n" if written else b"[\n")
            draft.write(encode_record(record))
            written += 1
        draft.write(b"\n]\n" if written else b"[]\n")
        draft.keep()
    return written


def encode_record(record: ResultRecord) -> bytes:
    """Return a record as one line of JSON in UTF-8, without the line feed; every text in it exact."""
    return encode_json(_fields(record))


def encode_json(value: dict[str, Any] | list[Any]) -> bytes:
    """Return an object or a list as one line of JSON in UTF-8 without anything that controls a terminal."""
    try:
        encoded = _ENCODER.encode(value)
    except UnicodeEncodeError:  # a lone surrogate: JSON has an escape for it, UTF-8 does not
        encoded = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return _RAW_CONTROLS.sub(_escape, encoded)


def _fields(record: ResultRecord) -> dict[str, Any]:
    usage = {
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "cached_tokens": record.cached_tokens,
        "reasoning_tokens": record.reasoning_tokens,
        **({"estimated": True} if record.estimated else {}),
    }
    fields = {
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
        "model": record.model,
        "endpoint": record.endpoint,
        "flags": record.flags,
        "message": record.message,
        "input": record.input or {},
    }
    if record.reasoning is not None:
        fields["reasoning"] = record.reasoning
    if record.worker is not None:
        fields["worker"] = record.worker
    return fields


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode("utf-8"))
