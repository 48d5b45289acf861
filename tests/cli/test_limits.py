"""`llmdash limits`: what is defined, who shares it, and what is free."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from llmdash.engine.dispatch.leases import Claim, Held, Limit, Sharer, Wish
from llmdash.shared_limits.lease_file import LeaseFile
from tests.cli.command import Ended, environment, llmdash
from tests.waiting import first

FILE = '[limits."org-a"]\nrate = "60/s"\ntpm = 200_000\n[limits.spare]\ntpm = 1000\n'


_RUN = """
import sys
from llmdash.cli import main
sys.argv = ["llmdash", "run", "p.txt", "--simulate", "--headless", "--run-dir", "kept"]
try:
    main()
finally:
    print([name for name in sys.modules if "shared_limits" in name or "shared_rate" in name])
"""


def limits(folder: Path, *arguments: str) -> Ended:
    return llmdash("limits", *arguments, cwd=folder, env=environment(folder))


@pytest.fixture
def leases(tmp_path: Path) -> LeaseFile:
    return LeaseFile(tmp_path / ".local" / "share" / "llmdash" / "limits" / "leases.db")


def share(leases: LeaseFile, label: str, wish: Wish, limit: Limit) -> None:
    asyncio.run(leases.share(Claim(limit, Sharer(label, label, "here", 7), wish, Held())))


def listed(folder: Path, claim: Callable[[], None], *runs: str, how: Sequence[str] = ()) -> Ended:
    """What is said while these runs have a share: that is over soon, so they claim it before each look."""

    def look() -> Ended:
        claim()
        return limits(folder, *how)

    return first(look, lambda ended: all(run in ended.out for run in runs), "the runs")


def test_without_any_it_says_how_to_define_one(tmp_path: Path) -> None:
    ended = limits(tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "No limit is defined or in use" in ended.out
    assert json.loads(limits(tmp_path, "--json").out) == []


def test_limits_are_listed_without_any_key(tmp_path: Path) -> None:
    (tmp_path / "llmdash.toml").write_text(FILE)
    ended = limits(tmp_path)
    assert ended.out.splitlines() == [
        "org-a  60/s  200,000 tokens/min  free 60/s, 200,000 tokens/min",
        "  used by no run",
        "spare  1,000 tokens/min  free 1,000 tokens/min",
        "  used by no run",
    ]


def test_a_run_is_listed_with_its_share_and_its_wish_also_of_a_limit_that_is_not_defined_here(
    tmp_path: Path, leases: LeaseFile
) -> None:
    def claim() -> None:
        share(leases, "ev\x1b[31mals", Wish(20.0, 1_000.0), Limit("org-b", 50.0, 5_000.0))
        share(leases, "nightly", Wish(), Limit("org-b", 50.0))

    (tmp_path / "llmdash.toml").write_text(FILE)
    ended = listed(tmp_path, claim, "nightly", "mals")
    assert "\x1b" not in ended.out
    text = ended.out.splitlines()
    assert text[-3:-1] == [
        "org-b  50/s  5,000 tokens/min  free 0/s, 0 tokens/min",
        "  ev␛[31mals  20/s, 1,000 tokens/min  wants 20/s  here pid 7",
    ]
    assert text[-1] == "  nightly  30/s, 4,000 tokens/min  wants all  here pid 7"
    as_json = listed(tmp_path, claim, "nightly", "mals", how=("--json",))
    [other] = [limit for limit in json.loads(as_json.out) if limit["name"] == "org-b"]
    assert (other["rate"], other["tpm"], other["free"]) == (50.0, 5_000.0, 0.0)
    assert [(run["share"], run["wish"], run["pid"]) for run in other["runs"]] == [
        (20.0, 20.0, 7),
        (30.0, None, 7),
    ]


def test_a_limit_of_tokens_only_has_no_rate(tmp_path: Path, leases: LeaseFile) -> None:
    def claim() -> None:
        share(leases, "evals", Wish(5.0), Limit("org-t", tpm=5_000.0))

    assert listed(tmp_path, claim, "evals").out.splitlines() == [
        "org-t  5,000 tokens/min  free 0 tokens/min",
        "  evals  5,000 tokens/min  wants 5/s  here pid 7",
    ]
    assert json.loads(listed(tmp_path, claim, "evals", how=("--json",)).out)[0]["free"] is None


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".local" / "share" / "llmdash" / "limits" / "leases.db").mkdir(parents=True)
    ended = limits(tmp_path)
    assert ended.code != 0
    assert ended.err.count("\n") == 1
    assert "the lease file cannot be read (Is a directory)" in ended.err
    (tmp_path / "llmdash.toml").write_text("[limits.a]\n")
    assert "limits nothing" in limits(tmp_path).err


def test_without_a_shared_limit_a_run_loads_and_writes_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("What is 2 + 2?\n")
    done = subprocess.run(
        [sys.executable, "-c", _RUN], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert not (tmp_path / ".local" / "share" / "llmdash" / "limits").exists()
