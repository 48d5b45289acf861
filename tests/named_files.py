"""The files that the commands of README and manual name."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

__all__ = ["folder_of_files"]


def _lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def folder_of_files(folder: Path) -> Path:
    """Fill a folder with those files, and with `llmdash` as a command in its `bin`; return it."""
    asked = [
        {"id": f"q{n}", "messages": [{"role": "user", "content": f"{n} + 1?"}], "row": n} for n in range(3)
    ]
    prompts: list[dict[str, object]] = [{"id": f"p{n}", "prompt": f"What is {n} + 1?"} for n in range(3)]
    files = {
        "requests.jsonl": _lines(*asked),
        "questions.csv": "question,topic\nWhat is 2 + 3?,sums\nWhat is 4 + 5?,sums\n",
        "exam.csv": "question,answer\nWhat is 2 + 3?,5\nWhat is 4 + 5?,9\n",
        "sums.jsonl": _lines({"prompt": "What is 2 + 3?", "expected": 5}),
        "reviews.jsonl": _lines({"prompt": "I like it."}),
        "review.json": json.dumps({"type": "object", "properties": {"stars": {"type": "integer"}}}),
        "prompts.jsonl": _lines(*prompts),
        "prompts.txt": "Hello, how are you?\nWhat is 3 x 4?\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "requests.jsonl.gz").write_bytes(gzip.compress(files["requests.jsonl"].encode()))
    (folder / "bin").mkdir()
    program = folder / "bin" / "llmdash"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmdash "$@"\n')
    program.chmod(0o755)
    return folder
