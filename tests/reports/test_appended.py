"""A file that is appended to grows by whole lines, or not at all."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmdash.reports.export.appended import AppendedFile

Append = Callable[[AppendedFile, bytes], None]
WAYS: list[Append] = [AppendedFile.append, AppendedFile.append_durably]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"first\n")
    return path


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows over `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("append", WAYS)
def test_lines_stand_behind_what_is_there(path: Path, append: Append) -> None:
    file = AppendedFile(path)
    file.open()
    append(file, b"second\n")
    append(file, b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"
    file.close()
    file.close()
    assert not file.is_open


@pytest.mark.parametrize("append", WAYS)
def test_lines_that_find_no_room_leave_nothing_and_the_next_ones_follow(path: Path, append: Append) -> None:
    file = AppendedFile(path)
    file.open()
    append(file, b"second\n")
    with room_for(20):
        for _ in range(2):
            with pytest.raises(OSError, match="no room for more"):
                append(file, b"a line that is far too long\n")
            assert path.read_bytes() == b"first\nsecond\n"
    append(file, b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"
    file.close()


@pytest.mark.parametrize("append", WAYS)
@pytest.mark.parametrize("goes", [os.unlink, lambda path: path.with_suffix(".new").replace(path)])
def test_a_file_that_was_replaced_or_is_gone_gets_no_lines(
    path: Path, goes: Callable[[Path], object], append: Append
) -> None:
    path.with_suffix(".new").write_bytes(b"another\n")
    file = AppendedFile(path)
    file.open()
    goes(path)
    with pytest.raises(FileNotFoundError):
        append(file, b"second\n")
    assert not path.exists() or path.read_bytes() == b"another\n"
    file.close()


def test_a_file_that_is_not_open_gets_no_lines(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AppendedFile(path).append(b"second\n")
    assert path.read_bytes() == b"first\n"


def test_lines_that_cannot_be_put_on_a_disk_are_no_success() -> None:
    file = AppendedFile(Path(os.devnull))
    file.open()
    with pytest.raises(OSError, match="Invalid argument"):
        file.append_durably(b"second\n")
    file.close()
