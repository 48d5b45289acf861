"""`llmdash themes` lists, shows and chooses."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.cli.command import environment, llmdash

SHIPPED = [path.stem for path in sorted((Path(__file__).parents[2] / "themes").glob("*.toml"))]


def test_where_there_is_no_terminal_the_names_are_listed(tmp_path: Path) -> None:
    own = tmp_path / ".config" / "llmdash" / "themes"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text('dark = false\n[colors]\nprimary = "#123456"\n')
    (own / "wrong.toml").write_text('[colors]\nprimary = "reddish"\n')
    ended = llmdash("themes", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == [*SHIPPED, "mine"]
    assert "mine  light" in ended.out
    assert "deep-harbor  dark  in use\n" in ended.out
    assert "\x1b" not in ended.out
    assert ended.err.startswith("llmdash: wrong.toml:2: primary")


def test_textuals_own_themes_are_listed_on_request(tmp_path: Path) -> None:
    ended = llmdash("themes", "--all", cwd=tmp_path, env=environment(tmp_path))
    assert "nord  dark" in ended.out.splitlines()


def test_a_theme_that_is_set_is_used_from_then_on(tmp_path: Path) -> None:
    env = environment(tmp_path)
    ended = llmdash("themes", "--set", "morning-mist", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (0, "The theme is morning-mist from now on.\n")
    preferences = tomllib.loads((tmp_path / ".config" / "llmdash" / "preferences.toml").read_text())
    assert preferences["theme"] == "morning-mist"
    listed = llmdash("themes", "morning-mist", cwd=tmp_path, env=env)
    assert listed.out == "morning-mist  light  in use\n"


def test_a_theme_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    for arguments in (("--set", "mornng"), ("mornng",)):
        ended = llmdash("themes", *arguments, cwd=tmp_path, env=environment(tmp_path))
        assert ended.code == 2
        assert ended.err.startswith("llmdash: mornng: there is no such theme; one of apricot-paper, ")
