"""Results as a file, in the format that the end of its name asks for: whole, private, or not there at all."""

from __future__ import annotations

from llmdash.reports.export.batch import write_batch
from llmdash.reports.export.draft import ExportError, FormatError
from llmdash.reports.export.json_lines import encode_record, write_json, write_jsonl
from llmdash.reports.export.parquet import write_parquet
from llmdash.reports.export.tables import write_csv, write_tsv
from llmdash.reports.export.writers import Writer, check_writable, export, writer_for

__all__ = [
    "ExportError",
    "FormatError",
    "Writer",
    "check_writable",
    "encode_record",
    "export",
    "write_batch",
    "write_csv",
    "write_json",
    "write_jsonl",
    "write_parquet",
    "write_tsv",
    "writer_for",
]
