"""A planted settings file gets no key before its user trusts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash
from tests.recording import Recorder

pytestmark = [pytest.mark.case("engine", "planted-config"), pytest.mark.case("files", "planted-config")]

KEY = "sk-canary-0123456789abcdef"
PLANTED = "[[endpoint]]\nname = 'e'\nbase_url = '{root}/v1'\napi_key_env = ['AWS_SECRET_ACCESS_KEY']\n"


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "p.txt").write_text("hi\n")
    return environment(tmp_path, AWS_SECRET_ACCESS_KEY=KEY)


@pytest.mark.parametrize(
    "command",
    [("run", "p.txt", "--headless"), ("check",), ("ask", "hi"), ("stream", "hi"), ("compare", "p.txt")],
)
def test_nothing_is_sent_where_an_untrusted_file_says(
    server: Recorder, tmp_path: Path, env: dict[str, str], command: tuple[str, ...]
) -> None:
    (tmp_path / "llmdash.toml").write_text(PLANTED.format(root=server.root))
    ended = llmdash(*command, cwd=tmp_path, env=env)
    assert (ended.code, ended.out, server.requests) == (2, "", [])
    head, key, url, hashed, fix = ended.err.splitlines()
    assert head == (
        f"llmdash: {tmp_path / 'llmdash.toml'}: decides where keys go or what is run, and is not trusted yet:"
    )
    assert key == "llmdash:   endpoint e: api_key_env = AWS_SECRET_ACCESS_KEY"
    assert url == f"llmdash:   endpoint e: base_url = '{server.root}/v1'"
    assert hashed.startswith("llmdash:   hash ")
    assert "llmdash trust" in fix
    assert KEY not in ended.err
    assert not (tmp_path / ".local").exists()


def test_it_is_trusted_once_until_a_deciding_field_changes(
    server: Recorder, tmp_path: Path, env: dict[str, str]
) -> None:
    file = tmp_path / "llmdash.toml"
    file.write_text(PLANTED.format(root=server.root))
    trusted = llmdash("trust", cwd=tmp_path, env=env)
    assert trusted.code == 0
    assert trusted.out.splitlines()[-1] == "Trusted: llmdash.toml, until one of these fields changes."
    assert "  endpoint e: api_key_env = AWS_SECRET_ACCESS_KEY" in trusted.out.splitlines()
    assert llmdash("ask", "hi", cwd=tmp_path, env=env).code == 0
    file.write_text("rate = '9/s'\n" + file.read_text() + "model = 'other'\n")
    assert llmdash("ask", "hi", cwd=tmp_path, env=env).code == 0
    file.write_text(file.read_text() + "headers = {X-A = 'a'}\n")
    assert llmdash("ask", "hi", cwd=tmp_path, env=env).code == 2
    assert len(server.requests) == 2


def test_a_hash_in_the_environment_and_a_named_file_are_trusted(
    server: Recorder, tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "llmdash.toml").write_text(PLANTED.format(root=server.root))
    refused = llmdash("ask", "hi", cwd=tmp_path, env=env)
    found = refused.err.partition("hash ")[2].split()[0]
    told = llmdash("ask", "hi", cwd=tmp_path, env={**env, "LLMDASH_TRUST": found})
    assert (told.code, told.err) == (0, "")
    assert llmdash("ask", "hi", "--config", "llmdash.toml", cwd=tmp_path, env=env).code == 0
    assert len(server.requests) == 2
    (tmp_path / ".env").write_text(f"LLMDASH_TRUST={found}\n")
    assert llmdash("ask", "hi", cwd=tmp_path, env=env).code == 2


def test_the_simulator_needs_no_trust(server: Recorder, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "llmdash.toml").write_text(PLANTED.format(root=server.root))
    assert llmdash("run", "p.txt", "--headless", "--simulate", cwd=tmp_path, env=env).code == 0
    assert server.requests == []


def test_code_that_a_file_names_is_not_run(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nmodel = None\n")
    (tmp_path / "llmdash.toml").write_text(
        "[[endpoint]]\nname = 'e'\ndialect = 'langchain'\ntarget = 'evil:model'\n"
    )
    ended = llmdash("check", cwd=tmp_path, env=env)
    assert ended.code == 2
    assert "target = 'evil:model'" in ended.err
    assert not (tmp_path / "ran").exists()


def test_a_dotenv_gets_no_key_of_the_environment(server: Recorder, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BASE_URL={server.root}/v1\n")
    env = environment(tmp_path, OPENAI_API_KEY=KEY)
    ended = llmdash("ask", "hi", cwd=tmp_path, env=env)
    assert (ended.code, server.requests) == (2, [])
    assert f"base_url = '{server.root}/v1'" in ended.err
    (tmp_path / ".env").write_text(f"BASE_URL={server.root}/v1\nAPI_KEY={KEY}\n")
    (tmp_path / ".env").chmod(0o600)
    assert llmdash("ask", "hi", cwd=tmp_path, env=environment(tmp_path)).code == 0


def test_there_may_be_nothing_to_trust(tmp_path: Path) -> None:
    ended = llmdash("trust", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("There is nothing to trust here")


def test_what_llmdash_trust_has_trusted_holds_whatever_the_next_command_line_says(
    server: Recorder, tmp_path: Path
) -> None:
    """A header from the environment makes `.env` a file that decides where a foreign secret goes."""
    (tmp_path / ".env").write_text(f"API_KEY={KEY}\nBASE_URL={server.root}/v1\nLLMDASH_MODEL=m\n")
    env = environment(tmp_path, MINE="another-secret-0123456789")
    command = ("ask", "hi", "--no-stream", "--header", "X-Mine=env:MINE")
    assert (llmdash(*command, cwd=tmp_path, env=env).code, server.requests) == (2, [])
    assert "Trusted: .env" in llmdash("trust", cwd=tmp_path, env=env).out
    assert llmdash(*command, cwd=tmp_path, env=env).code == 0
    assert [request.headers["x-mine"] for request in server.requests] == ["another-secret-0123456789"]
    (tmp_path / ".env").write_text(f"API_KEY={KEY}\nBASE_URL={server.root}/v2\n")
    assert (llmdash(*command, cwd=tmp_path, env=env).code, len(server.requests)) == (2, 1)
