"""`llmdash init` writes a settings file that loads, and keys into .env only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmdash.cli import main
from llmdash.config import Settings, load_settings
from llmdash.config.file import PLACEHOLDER
from llmdash.llms.dialects import DIALECTS
from tests.cli.command import environment
from tests.cli.terminal import Terminal

KEY = "sk-canary-0123456789abcdef"
FREE = dict.fromkeys(("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "PROMPTLAYER_API_KEY"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str, told: str = "", echoes: int = 0, **environ: str) -> Result:
    """Runs it. The runner plays the terminal too, which shows what is typed where it is not hidden."""
    result = CliRunner().invoke(
        main, ["init", *arguments], input=told, env={**FREE, "HOME": str(Path.cwd()), **environ}
    )
    assert result.output.count(KEY) == echoes
    return result


def load(folder: Path, **environ: str) -> Settings:
    return load_settings({}, environ=environ, cwd=folder, user_config=folder / "none.toml")


def test_the_defaults_give_a_file_that_loads_and_a_private_dotenv(folder: Path) -> None:
    result = init("--yes")
    assert result.exit_code == 0
    settings = load(folder)
    (endpoint,) = settings.endpoints
    assert (endpoint.name, endpoint.dialect, endpoint.model) == ("openai", "openai-chat", "gpt-4o-mini")
    assert [key.reveal() for key in endpoint.keys] == [PLACEHOLDER]
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert settings.warnings == ()
    assert f"Put your keys into .env in place of {PLACEHOLDER}" in result.output


def test_a_variable_that_is_set_needs_no_dotenv(folder: Path) -> None:
    assert init("--yes", OPENAI_API_KEY=KEY).exit_code == 0
    assert not (folder / ".env").exists()
    assert [key.reveal() for key in load(folder, OPENAI_API_KEY=KEY).keys] == [KEY]


def test_the_dotenv_of_a_token_pool_is_taken_as_it_is(folder: Path) -> None:
    text = f"API_KEY={KEY},sk-b\nBASE_URL=https://host.example/v1/\n"
    (folder / ".env").write_text(text)
    (folder / ".env").chmod(0o600)
    assert init("--yes").exit_code == 0
    settings = load(folder)
    (endpoint,) = settings.endpoints
    assert (endpoint.name, endpoint.base_url) == ("host", "https://host.example/v1")
    assert [key.reveal() for key in endpoint.keys] == [KEY, "sk-b"]
    assert settings.warnings == ()
    assert (folder / ".env").read_text() == text


def test_a_file_that_is_there_is_kept_unless_forced(folder: Path) -> None:
    (folder / "llmdash.toml").write_text("rate = 1\n")
    refused = init("--yes")
    assert (refused.exit_code, (folder / "llmdash.toml").read_text()) == (2, "rate = 1\n")
    assert "is there already" in refused.output
    assert "llmdash init --force" in refused.output
    assert not (folder / ".env").exists()
    assert init("--yes", "--force").exit_code == 0
    assert load(folder).endpoints[0].name == "openai"


def test_typed_keys_go_to_dotenv_only(folder: Path) -> None:
    (folder / ".env").write_text("OTHER=1")
    told = f"anthropic\n\nclaude-x\nMY_KEYS\n300/min\ny\n{KEY}, sk-b\n"
    assert init(told=told).exit_code == 0
    assert (folder / ".env").read_text() == f"OTHER=1\nMY_KEYS={KEY},sk-b\n"
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert KEY not in (folder / "llmdash.toml").read_text()
    settings = load(folder)
    (endpoint,) = settings.endpoints
    assert (endpoint.dialect, endpoint.model, settings.rate) == ("anthropic", "claude-x", 5.0)
    assert [key.reveal() for key in endpoint.keys] == [KEY, "sk-b"]


def test_a_wrong_answer_is_told_and_asked_again(folder: Path) -> None:
    told = f"openai\nopenai-chat\nftp://x\nhttps://h.example/v1\nm\n{KEY}\nA_KEYS,B_KEYS\nfast\n\nn\nn\n"
    result = init(told=told, echoes=1)
    assert result.exit_code == 0
    assert "did you mean openai-" in result.output
    assert "does not begin with https://" in result.output
    assert "that is not the name of a variable" in result.output
    assert "is not a rate" in result.output
    assert "Set A_KEYS, B_KEYS before you go on." in result.output
    assert not (folder / ".env").exists()
    settings = load(folder, A_KEYS="sk-a", B_KEYS="sk-b")
    assert [key.reveal() for key in settings.keys] == ["sk-a", "sk-b"]
    assert settings.rate == 10.0


def test_a_bad_key_is_asked_again_and_not_repeated(folder: Path) -> None:
    assert init(told=f"\n\n\n\n\ny\n{KEY} x\n{KEY}\n").exit_code == 0
    assert [key.reveal() for key in load(folder).keys] == [KEY]


def test_answers_that_end_early_write_nothing(folder: Path) -> None:
    assert init(told="openai-chat\n").exit_code == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_file_loads_in_every_dialect(folder: Path, dialect: str) -> None:
    told = f"{dialect}\nmy.models:chat\n\n" if dialect == "langchain" else f"{dialect}\n\n\n\n\ny\n\ny\n\n"
    assert init(told=told).exit_code == 0
    assert [each.dialect for each in load(folder).endpoints] == [dialect]


def test_a_key_typed_in_a_terminal_is_not_echoed(tmp_path: Path) -> None:
    with Terminal("init", cwd=tmp_path, env=environment(tmp_path)) as terminal:
        for question in ("Dialect [", "Base URL", "Model", "Variables", "Requests started", "Put it into"):
            terminal.wait_for(question)
            terminal.keys("\r")
        terminal.wait_for(lambda _: terminal.raw.endswith(b"placeholder): "))  # echo is off by the last space
        terminal.keys(f"{KEY}\r")
        terminal.wait_for("Then try it: llmdash check")
        assert terminal.wait() == 0
        assert KEY.encode() not in terminal.raw
    assert KEY in (tmp_path / ".env").read_text()
