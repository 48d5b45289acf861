"""Results as a file, in the format of its name: written atomically, readable by its owner only.

Reports, launch and cli may import it; it imports only the vocabulary and the journal of the engine. It never
changes a result or the journal.
"""

from __future__ import annotations

from llmdash.reports.export.batch import write_batch
from llmdash.reports.export.claim import claimed
from llmdash.reports.export.draft import ExportError, FormatError, TakenError
from llmdash.reports.export.json_lines import encode_record, write_json, write_jsonl, write_objects
from llmdash.reports.export.parquet import write_parquet
from llmdash.reports.export.tables import CARRIED, INPUT, REASONING, WORKER, write_csv, write_table, write_tsv
from llmdash.reports.export.writers import (
    Writer,
    check_free,
    check_unused,
    check_writable,
    export,
    writer_for,
)

__all__ = [
    "CARRIED",
    "INPUT",
    "REASONING",
    "WORKER",
    "ExportError",
    "FormatError",
    "TakenError",
    "Writer",
    "check_free",
    "check_unused",
    "check_writable",
    "claimed",
    "encode_record",
    "export",
    "write_batch",
    "write_csv",
    "write_json",
    "write_jsonl",
    "write_objects",
    "write_parquet",
    "write_table",
    "write_tsv",
    "writer_for",
]
