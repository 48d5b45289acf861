"""A LangChain model that cannot be loaded is refused in words, before anything is made on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash

GOOD = """
[[endpoint]]
name = "good"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "GOOD_KEY"
"""
MODELS = """
class Broken:
    pass

def raises():
    raise RuntimeError("sk-canary-0123456789abcdef")

number = 3
"""
TARGETS = {
    "my_modls:model": "my_modls cannot be imported",
    "my_models:modle": "my_models has no 'modle'",
    "my_models:number": "not a Runnable",
    "my_models:Broken": "not a Runnable",
    "my_models:raises": "raises RuntimeError when called",
}
RUN = ("run", "p.txt", "--headless")
COMMANDS = (RUN, ("run", "-", "--headless"), ("compare", "p.txt", "--headless"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "my_models.py").write_text(MODELS)
    (folder / "p.txt").write_text("one\ntwo\n")
    return folder


def configured(home: Path, target: str, others: str = "") -> dict[str, str]:
    """An environment with a configuration of the user's own."""
    env = environment(home, GOOD_KEY="sk-good-0123456789abcdef")
    env |= {"XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}
    config = home / "config" / "llmdash" / "llmdash.toml"
    config.parent.mkdir(parents=True)
    endpoint = f'[[endpoint]]\nname = "mine"\ndialect = "langchain"\ntarget = "{target}"\n'
    config.write_text(endpoint + others)
    return env


@pytest.mark.case("engine", "langchain-typo")
@pytest.mark.parametrize(
    ("target", "beside", "command"),
    [
        *((target, False, RUN) for target in TARGETS),
        *((target, True, command) for target, command in zip(TARGETS, COMMANDS, strict=False)),
        *(("my_models:modle", False, command) for command in COMMANDS[1:]),
    ],
)
def test_it_is_refused_and_nothing_is_made(
    place: Path, tmp_path: Path, target: str, beside: bool, command: tuple[str, ...]
) -> None:
    env = configured(tmp_path, target, GOOD if beside else "")
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    ended = llmdash(*command, cwd=place, env=env, given="one\n" if "-" in command else None)
    assert (ended.code, ended.out) == (2, "")
    assert "endpoint mine: " in ended.err and TARGETS[target] in ended.err
    assert len(ended.err.splitlines()) == 1, ended.err
    assert "sk-canary" not in ended.err
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.case("engine", "langchain-typo")
@pytest.mark.parametrize("command", ["ask", "stream"])
def test_a_single_question_is_refused_alike(place: Path, tmp_path: Path, command: str) -> None:
    env = configured(tmp_path, "my_modls:model")
    ended = llmdash(command, "Hello", cwd=place, env=env)
    assert (ended.code, ended.out) == (2, "")
    assert "my_modls cannot be imported" in ended.err
