"""The configurations that `llmdash init --provider` writes ask as each provider wants to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from llmdash.cli import main
from llmdash.config import load_settings
from llmdash.config.presets import PRESETS
from tests.cli.command import environment, llmdash
from tests.recording import Recorder
from tests.simulated import Simulated

pytestmark = pytest.mark.case("wire", "headers-query-auth")

KEY = "sk-canary-0123456789abcdef"


class Wanted(NamedTuple):
    """The URL that a provider documents for chat completions, the header of its key, and further headers."""

    url: str
    key: tuple[str, str] | None = ("authorization", f"Bearer {KEY}")
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


WANTED = {
    "azure": Wanted(
        "https://YOUR-RESOURCE.openai.azure.com/openai/deployments/YOUR-DEPLOYMENT/chat/completions"
        "?api-version=2024-10-21",
        ("api-key", KEY),
    ),
    "azure-v1": Wanted("https://YOUR-RESOURCE.openai.azure.com/openai/v1/chat/completions", ("api-key", KEY)),
    "openrouter": Wanted("https://openrouter.ai/api/v1/chat/completions", headers={"x-title": "llmdash"}),
    "gemini": Wanted("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
    "litellm": Wanted("http://127.0.0.1:4000/v1/chat/completions"),
    "vllm": Wanted("http://127.0.0.1:8000/v1/chat/completions", None),
}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


def test_every_provider_is_held_here() -> None:
    assert set(WANTED) == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_file_loads_as_it_is_written_and_is_trusted(tmp_path: Path, name: str) -> None:
    env = environment(tmp_path)
    ended = llmdash("init", "--yes", "--provider", name, cwd=tmp_path, env=env)
    assert ended.code == 0, ended.err
    settings = load_settings({}, environ={}, cwd=tmp_path, user_config=tmp_path / "none.toml")
    (endpoint,) = settings.endpoints
    wanted = WANTED[name]
    assert f"{endpoint.base_url}/chat/completions" == wanted.url.partition("?")[0]
    assert "&".join(f"{key}={value}" for key, value in endpoint.query.items()) == urlsplit(wanted.url).query
    assert (endpoint.name, endpoint.needs_key) == (name, wanted.key is not None)
    assert settings.warnings == ()
    again = llmdash("trust", cwd=tmp_path, env=env)
    assert (
        again.out
        == "There is nothing to trust here: no file of this folder sends keys that it does not hold.\n"
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_provider_is_asked_as_it_wants(server: Recorder, tmp_path: Path, name: str) -> None:
    preset, wanted = PRESETS[name], WANTED[name]
    env = environment(tmp_path, **({preset.key_variable: KEY} if preset.key_variable else {}))
    path = urlsplit(preset.base_url).path
    written = llmdash(
        *("init", "--yes", "--provider", name, "--base-url", server.root + path), cwd=tmp_path, env=env
    )
    assert written.code == 0, written.err
    ended = llmdash("ask", "hi", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (0, "OK\n"), ended.err
    (request,) = server.requests
    assert request.path == wanted.url.partition(urlsplit(wanted.url).netloc)[2]
    keys = {header: value for header, value in request.headers.items() if KEY in value}
    assert keys == ({} if wanted.key is None else dict([wanted.key]))
    assert wanted.headers.items() <= request.headers.items()
    assert request.body["model"] == preset.model


def test_blanks_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = "azure\nmine\ngpt-4o\n\n\nAZURE_KEYS\n\nn\n"
    env = {"HOME": str(tmp_path), "AZURE_KEYS": None}
    result = CliRunner().invoke(main, ["init"], input=told, env=env)
    assert result.exit_code == 0, result.output
    found = load_settings({}, environ={"AZURE_KEYS": KEY}, cwd=tmp_path, user_config=tmp_path / "none.toml")
    (endpoint,) = found.endpoints
    assert endpoint.base_url == "https://mine.openai.azure.com/openai/deployments/gpt-4o"
    assert endpoint.model == "gpt-4o"
    assert endpoint.query == {"api-version": "2024-10-21"}


@pytest.mark.parametrize("name", ["openrouter", "gemini", "litellm"])
def test_a_run_on_the_simulator_ends_well(simulator: Any, tmp_path: Path, name: str) -> None:
    running: Simulated = simulator(keys=(KEY,))
    env = environment(tmp_path, **{PRESETS[name].key_variable: KEY})
    given = ("--provider", name, "--base-url", running.base_url, "--model", "sim-small")
    assert llmdash("init", "--yes", *given, cwd=tmp_path, env=env).code == 0
    (tmp_path / "p.txt").write_text("1 + 1\n2 + 2\n")
    ended = llmdash("run", "p.txt", "--headless", "--json", cwd=tmp_path, env=env)
    assert ended.code == 0, ended.err
    assert ended.summary["done"] == 2


def test_a_provider_that_is_none_is_told(tmp_path: Path) -> None:
    ended = llmdash("init", "--yes", "--provider", "antropic", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert "did you mean anthropic?" in ended.err


def test_words_to_put_something_else_for_are_named(tmp_path: Path) -> None:
    env = environment(tmp_path)
    ended = llmdash("init", "--yes", "--provider", "azure", cwd=tmp_path, env=env)
    assert "in place of YOUR-RESOURCE and YOUR-DEPLOYMENT" in ended.out
    given = ("--base-url", "https://a.openai.azure.com/openai/v1", "--model", "mine", "--force")
    ended = llmdash("init", "--yes", "--provider", "azure-v1", *given, cwd=tmp_path, env=env)
    assert "in place of YOUR" not in ended.out


def test_what_is_given_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--provider", "azure", "--base-url", "https://a.example/openai/deployments/d", "--model", "d"]
    env = {"HOME": str(tmp_path), "AZURE_OPENAI_API_KEY": KEY}
    result = CliRunner().invoke(main, ["init", *given], input="\n" * 4, env=env)
    assert result.exit_code == 0, result.output
    assert "Name of" not in result.output


@pytest.mark.parametrize(
    ("name", "told"), [("groq", "azure, azure-v1, openrouter"), ("openroute", "did you mean openrouter?")]
)
def test_providers_are_known_beside_dialects(tmp_path: Path, name: str, told: str) -> None:
    ended = llmdash("init", "--yes", "--provider", name, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert told in ended.err


def test_a_langchain_model_is_not_guessed(tmp_path: Path) -> None:
    ended = llmdash("init", "--yes", "--provider", "langchain", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert "leave out --yes" in ended.err
    assert not (tmp_path / "llmdash.toml").exists()
