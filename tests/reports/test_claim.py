"""Claims on results files: one run a file, whatever its format, while it lives."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from llmdash import locations
from llmdash.reports.export import TakenError, claimed

_HOLDER = """
import sys, time
from pathlib import Path
from llmdash.reports.export import claimed
with claimed(Path(sys.argv[1]), Path(sys.argv[2])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.json", "r.batch.jsonl", "caf\udce9 \x1b[31m.csv"])
def test_a_file_is_one_run_s_alone_in_every_format(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    with claimed(out, tmp_path / "one"):
        with (
            pytest.raises(TakenError, match=re.escape(str(tmp_path / "one"))) as refused,
            claimed(out, tmp_path / "two"),
        ):
            pass
        assert "name another file" in str(refused.value)
        assert "\x1b" not in str(refused.value)
        with claimed(tmp_path / "other.csv", tmp_path / "two"):
            pass
    with claimed(out, tmp_path / "two"):
        pass


def test_another_name_of_the_same_file_is_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.csv").symlink_to("r.csv")
    monkeypatch.chdir(tmp_path)
    for other in (tmp_path / "link.csv", Path("r.csv"), tmp_path / "x" / ".." / "r.csv"):
        with (
            claimed(tmp_path / "r.csv", tmp_path / "one"),
            pytest.raises(TakenError),
            claimed(other, tmp_path / "two"),
        ):
            pass


def test_that_a_run_is_at_work_already_is_left_to_the_lock_of_its_folder(tmp_path: Path) -> None:
    out, folder = tmp_path / "r.csv", tmp_path / "run"
    with claimed(out, folder):
        with claimed(out, folder):
            pass
        with pytest.raises(TakenError), claimed(out, tmp_path / "another"):
            pass


def test_streams_take_the_results_of_several(tmp_path: Path) -> None:
    with claimed(Path("/dev/null"), tmp_path / "one"), claimed(Path("/dev/null"), tmp_path / "two"):
        pass


def test_of_many_that_begin_at_once_one_gets_the_file(tmp_path: Path) -> None:
    came_of = Counter(claimed=0, refused=0)  # both there, as threads may add to what is there at once
    ready, done = threading.Barrier(8), threading.Barrier(8)

    def begin(number: int) -> None:
        with ExitStack() as held:
            ready.wait()
            try:
                held.enter_context(claimed(tmp_path / "r.csv", tmp_path / str(number)))
            except TakenError:
                came_of["refused"] += 1
            else:
                came_of["claimed"] += 1
            done.wait()

    for _ in range(20):
        threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert came_of == {"claimed": 20, "refused": 140}


def test_nothing_is_left_of_a_claim(tmp_path: Path) -> None:
    with claimed(tmp_path / "r.csv", tmp_path / "one"):
        (lock,) = locations.outputs_dir().iterdir()
        assert lock.stat().st_mode & 0o777 == 0o600
    assert list(locations.outputs_dir().iterdir()) == []
    assert list(tmp_path.glob("*.csv*")) == []


def test_the_claim_of_a_killed_process_ends_with_it(tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    command = [sys.executable, "-c", _HOLDER, str(out), str(tmp_path / "one")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "claimed\n"
        with pytest.raises(TakenError), claimed(out, tmp_path / "two"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with claimed(out, tmp_path / "two"):
            pass


def test_where_no_claim_can_be_kept_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(taken))
    with claimed(tmp_path / "r.csv", tmp_path / "one"):
        pass
