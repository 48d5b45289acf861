"""What the README says is so: its commands work in a fresh folder, its settings load, its lists are whole."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import click
import pytest

from llmdash.cli import main
from llmdash.config import load_settings
from llmdash.config.presets import PRESETS
from llmdash.exit_codes import ExitCode
from tests.cli.command import environment, llmdash, results
from tests.named_files import folder_of_files
from tests.recording import Recorder
from tests.simulated import Simulated

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTIONS = ("Your files", "Your provider", "Tune the rate")
ADDRESS = "http://127.0.0.1:4000/v1"


def text_of(section: str) -> str:
    return README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(section: str) -> list[str]:
    """The lines of the shell blocks in a section, without their comments."""
    found = "".join(blocks("sh", text_of(section)))
    return [re.sub(r"\s{2,}#.*", "", line) for line in found.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_files(tmp_path)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_command_of_a_section_works(
    section: str, folder: Path, simulator: Callable[..., Simulated]
) -> None:
    simulated = simulator()
    env = environment(
        folder,
        BASE_URL=simulated.base_url,
        API_KEY=",".join(simulated.keys),
        LITELLM_API_KEY=simulated.keys[0],
        MY_ORG="org-1",
        LLMDASH_RATE="unlimited",
    )
    env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"
    found = commands(section)
    assert len(found) >= 4
    for line in found:
        command = line.replace(ADDRESS, simulated.base_url)
        ended = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
        for name in re.findall(r"--out (\S+)", line):
            assert (folder / name).stat().st_size > 0, line


CERTIFICATES = "company-ca.pem"
PROVIDER_TOML = blocks("toml", text_of("Your provider"))[0]
SECRET = "sk-canary-0123456789abcdef"


def test_the_provider_example_is_asked_as_it_says(tmp_path: Path) -> None:
    """The settings file, once it is trusted: URL, key, headers and options of the request."""
    shutil.copy(certifi.where(), tmp_path / CERTIFICATES)
    env = environment(tmp_path, AZURE_OPENAI_API_KEY=SECRET, MY_ORG="org-1")
    (address,) = re.findall(r'base_url = "(.*?)"', PROVIDER_TOML)
    path = urlsplit(address).path
    with Recorder() as server:
        text = PROVIDER_TOML.replace(address, server.root + path)
        (tmp_path / "llmdash.toml").write_text(text)
        refused = llmdash("ask", "hi", cwd=tmp_path, env=env)
        assert (refused.code, server.requests) == (ExitCode.USAGE, [])
        assert llmdash("trust", cwd=tmp_path, env=env).code == 0
        ended = llmdash("ask", "hi", cwd=tmp_path, env=env)
        assert (ended.code, ended.out) == (0, "OK\n"), ended.err
        (request,) = server.requests
    assert request.path == f"{path}/chat/completions?api-version=2024-10-21"
    wanted = {"api-key": SECRET, "x-title": "mine", "x-org": "org-1"}
    assert wanted.items() <= request.headers.items()
    assert "authorization" not in request.headers
    assert {"model": "gpt-4o", "temperature": 0, "top_p": 0.9}.items() <= request.body.items()


def test_the_forms_for_the_command_line_do_the_same(tmp_path: Path) -> None:
    """What the text names beside the settings file: auth, proxy, certificates, a time limit."""
    (sentence,) = re.findall(r"On the command line, for one endpoint,(.*?)\n\n", README, re.DOTALL)
    forms = [word for form in re.findall(r"`(--.*?)`", sentence) for word in form.split()]
    assert len(forms) == 8
    shutil.copy(certifi.where(), tmp_path / CERTIFICATES)
    with Recorder() as server:
        env = environment(tmp_path, API_KEY=SECRET, BASE_URL=f"{server.root}/v1")
        ended = llmdash("ask", "hi", *forms, cwd=tmp_path, env=env)
        assert (ended.code, ended.out) == (0, "OK\n"), ended.err
        (request,) = server.requests
    assert request.headers["api-key"] == SECRET


@pytest.mark.parametrize("text", blocks("toml", README))
def test_every_settings_file_loads_without_a_warning(text: str, tmp_path: Path) -> None:
    shutil.copy(certifi.where(), tmp_path / CERTIFICATES)
    (tmp_path / "here.toml").write_text(text.replace(CERTIFICATES, str(tmp_path / CERTIFICATES)))
    variables = set(re.findall(r'(?:api_key_env|env) = "(\w+)"', text))
    settings = load_settings(
        {},
        environ=dict.fromkeys(variables, SECRET),
        cwd=tmp_path,
        user_config=tmp_path / "none.toml",
        config=tmp_path / "here.toml",
    )
    assert settings.warnings == ()
    assert [each.name for each in settings.endpoints] == re.findall(r'^name = "(.*?)"', text, re.MULTILINE)


def test_every_provider_that_init_knows_is_named() -> None:
    (line,) = re.findall(r"^llmdash init --provider .*$", README, re.MULTILINE)
    assert [name for name in PRESETS if not re.search(rf"(?<!\S){name}(,|\s|$)", line)] == []


def every_command(group: click.Group) -> Iterator[click.Command]:
    """The commands of a group, and those of the groups in it."""
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command)


def test_every_option_that_is_named_exists() -> None:
    ours = README.split("\n## Your own prompts", 1)[1].split("\n## How it is built", 1)[0]
    ours = re.sub(r"```(?:bash|python|yaml)\n.*?```", "", ours, flags=re.DOTALL)  # commands of other programs
    assert isinstance(main, click.Group)
    known = {
        name
        for command in every_command(main)
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ours)) - known == set()


def test_every_exit_code_has_its_row() -> None:
    rows = re.findall(r"^\| (\d+) \|", text_of("Without a screen"), re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


def test_the_line_of_results_has_the_fields_of_a_real_one(
    folder: Path, simulator: Callable[..., Simulated]
) -> None:
    shown = json.loads(blocks("json", README)[0])
    ended = llmdash(
        *("run", "sums.jsonl", "--out", "r.jsonl"), cwd=folder, env=environment(folder, simulator())
    )
    assert ended.code == 0, ended.err
    (real,) = results(folder / "r.jsonl")
    assert list(real) == list(shown)
    assert list(real["usage"]) == list(shown["usage"])
