"""Paths are where the user expects them, and what holds answers is private."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash import locations

NOW = datetime(2026, 1, 31, 14, 25)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("XDG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG variables rule on Linux")
def test_every_path_follows_the_environment(home: Path) -> None:
    assert locations.config_dir() == home / "conf" / "llmdash"
    assert locations.config_file() == home / "conf" / "llmdash" / "llmdash.toml"
    assert locations.preferences_file() == home / "conf" / "llmdash" / "preferences.toml"
    assert locations.keys_file() == home / "conf" / "llmdash" / "keys.toml"
    assert locations.user_themes_dir() == home / "conf" / "llmdash" / "themes"
    assert locations.runs_dir() == home / "data" / "llmdash" / "runs"
    assert list(home.iterdir()) == []


def test_the_shipped_folders_are_found() -> None:
    assert locations.themes_dir().is_dir()
    assert locations.sample_prompts_dir().is_dir()


@pytest.mark.parametrize("layout", ["wheel", "checkout", "neither"])
def test_shipped_folders_lie_in_a_wheel_or_beside_a_checkout(tmp_path: Path, layout: str) -> None:
    """The module is run from a copy of the package, laid out as each way of installing does."""
    package = tmp_path / "llmdash"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "locations.py").write_bytes(Path(locations.__file__).read_bytes())
    (tmp_path / "themes").mkdir()
    if layout == "wheel":
        (package / "themes").mkdir()
    if layout == "checkout":
        (tmp_path / "pyproject.toml").touch()
    program = "from llmdash import locations; print(locations.themes_dir())"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    expected = {"wheel": package / "themes", "checkout": tmp_path / "themes"}.get(layout)
    assert run.stdout.strip() == (str(expected) if expected else "")
    assert expected or "is missing; install llmdash again" in run.stderr


def test_a_private_folder_and_those_made_for_it_are_private(tmp_path: Path) -> None:
    before = mode(tmp_path)
    made = locations.private_dir(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert mode(tmp_path / "a") == mode(made) == 0o700
    assert mode(tmp_path) == before


def test_a_private_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o277)
    try:
        assert mode(locations.private_dir(tmp_path / "a")) == 0o700
    finally:
        os.umask(old)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert locations.private_dir(tmp_path) == tmp_path
    assert mode(tmp_path) == 0o755


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"file: is not a folder; choose another place"):
        locations.private_dir(tmp_path / "file" / "below")


def test_a_run_gets_a_private_folder_named_after_time_and_work(home: Path) -> None:
    folder = locations.new_run_dir("Arithmetic 10k", NOW)
    assert folder.name == "20260131-142500-arithmetic-10k"
    assert folder.parent == locations.runs_dir()
    assert mode(folder) == mode(folder.parent) == 0o700


def test_runs_of_the_same_second_get_folders_of_their_own(home: Path) -> None:
    folders = [locations.new_run_dir("demo", NOW) for _ in range(3)]
    assert [folder.name.removeprefix("20260131-142500-") for folder in folders] == [
        "demo",
        "demo-2",
        "demo-3",
    ]


@given(st.text(max_size=300))
def test_no_name_leads_out_of_the_runs_folder(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            patch.setenv("XDG_DATA_HOME", folder)
            patch.setenv("HOME", folder)
            made = locations.new_run_dir(name, NOW)
            assert made.parent == locations.runs_dir()
            assert len(made.name) <= 60
            assert made.name.isascii()


@pytest.mark.case("files", "name-not-utf8")
@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_path_can_be_recorded_and_comes_back(name: bytes) -> None:
    path = Path("/", os.fsdecode(name))
    text = locations.recorded(path)
    assert text.encode()
    assert locations.from_record(text) == path


def test_a_recorded_path_does_not_depend_on_the_working_folder() -> None:
    assert locations.from_record(locations.recorded(Path("kept"))) == Path.cwd() / "kept"


def test_a_damaged_record_of_a_path_is_a_path_all_the_same() -> None:
    assert locations.from_record("file:///kept%00/x") == Path("/kept")
    assert locations.from_record("/kept\0/x") == Path("/kept")


def test_what_cannot_be_reached_is_not_there(tmp_path: Path) -> None:
    assert locations.is_there(tmp_path)
    assert not locations.is_there(tmp_path / "no")
    assert not locations.is_there(tmp_path / ("long" * 1000))
    assert not locations.is_there(Path("a\0b"))
