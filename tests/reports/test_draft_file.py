"""A draft of a process that was killed goes when the next one is made there; one that is written stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from llmdash.reports.export.draft import Draft, check_place

_WRITER = """
import sys
from pathlib import Path
from llmdash.reports.export.draft import Draft
with Draft(Path(sys.argv[1])) as draft:
    draft.write(b"half of it")
    draft.finish()
    print("written", flush=True)
    sys.stdin.read()
    draft.keep()
"""


@contextmanager
def writer(out: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of an export; it goes on once its standard input is closed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(out)], stdin=pipe, stdout=pipe, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            yield process
        finally:
            process.kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(out: Path) -> None:
    with Draft(out) as draft:
        draft.write(b"all of it")
        draft.keep()


def test_what_a_killed_export_left_goes_with_the_next_one(tmp_path: Path) -> None:
    for _ in range(2):
        with writer(tmp_path / "a.jsonl") as process:
            process.kill()
    assert len(names(tmp_path)) == 1  # the second has removed what the first one left
    write(tmp_path / "b.jsonl")
    assert names(tmp_path) == ["b.jsonl"]


def test_a_draft_that_is_written_stays(tmp_path: Path) -> None:
    with writer(tmp_path / "a.jsonl") as process:
        write(tmp_path / "b.jsonl")
        check_place(tmp_path / "c.jsonl")
        process.communicate()
        assert process.returncode == 0
    assert names(tmp_path) == ["a.jsonl", "b.jsonl"]
    assert (tmp_path / "a.jsonl").read_bytes() == b"half of it"


def test_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / ".llmdash-folder__").mkdir()
    (tmp_path / ".llmdash-").touch()
    (tmp_path / ".llmdash-of-mine.txt").touch()
    (tmp_path / "kept").touch()
    (tmp_path / ".llmdash-link____").symlink_to("kept")
    os.mkfifo(tmp_path / ".llmdash-fifo____")
    before = names(tmp_path)
    write(tmp_path / "out.jsonl")
    assert names(tmp_path) == sorted([*before, "out.jsonl"])


def test_drafts_that_are_made_at_once_do_not_take_each_other_for_abandoned(tmp_path: Path) -> None:
    def write_many(name: str) -> None:
        for _ in range(150):
            write(tmp_path / name)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write_many, "abcd"))
    assert names(tmp_path) == ["a", "b", "c", "d"]
