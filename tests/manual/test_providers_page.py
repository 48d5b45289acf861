"""The manual's page about providers: its commands and settings reach a server as it says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from llmdash.config.presets import PRESETS
from llmdash.exit_codes import ExitCode
from llmdash.manual import page_of
from tests.cli.command import environment, llmdash
from tests.named_files import folder_of_files
from tests.pages import CERTIFICATES, SECRET, blocks, command_lines, work_in
from tests.recording import Recorder
from tests.simulated import Simulated

PAGE = page_of("providers").text
ADDRESS = "http://127.0.0.1:4000/v1"
SETTINGS = blocks("toml", PAGE)[0]


def test_every_command_works(tmp_path: Path, simulator: Callable[..., Simulated]) -> None:
    """One after the other in a folder, whose `llmdash.toml` the first one writes."""
    folder = folder_of_files(tmp_path)
    simulated = simulator()
    env = environment(
        folder,
        BASE_URL=simulated.base_url,
        API_KEY=",".join(simulated.keys),
        LITELLM_API_KEY=simulated.keys[0],
        MY_ORG="org-1",
        LLMDASH_RATE="unlimited",
    )
    found = command_lines(PAGE)
    assert len(found) >= 4
    assert sum(ADDRESS in line for line in found) == 1
    work_in(folder, env, [line.replace(ADDRESS, simulated.base_url) for line in found])


def test_the_settings_are_asked_as_it_says(tmp_path: Path) -> None:
    """The settings file, once it is trusted: URL, key, headers and options of the request."""
    shutil.copy(certifi.where(), tmp_path / CERTIFICATES)
    env = environment(tmp_path, AZURE_OPENAI_API_KEY=SECRET, MY_ORG="org-1")
    (address,) = re.findall(r'base_url = "(.*?)"', SETTINGS)
    path = urlsplit(address).path
    with Recorder() as server:
        text = SETTINGS.replace(address, server.root + path)
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
    (sentence,) = re.findall(r"On the command line, for one endpoint,(.*?)\n\n", PAGE, re.DOTALL)
    forms = [word for form in re.findall(r"`(--.*?)`", sentence) for word in form.split()]
    assert len(forms) == 8
    shutil.copy(certifi.where(), tmp_path / CERTIFICATES)
    with Recorder() as server:
        env = environment(tmp_path, API_KEY=SECRET, BASE_URL=f"{server.root}/v1")
        ended = llmdash("ask", "hi", *forms, cwd=tmp_path, env=env)
        assert (ended.code, ended.out) == (0, "OK\n"), ended.err
        (request,) = server.requests
    assert request.headers["api-key"] == SECRET


def test_every_provider_that_init_knows_is_named() -> None:
    (line,) = re.findall(r"^llmdash init --provider .*$", PAGE, re.MULTILINE)
    assert [name for name in PRESETS if not re.search(rf"(?<!\S){name}(,|\s|$)", line)] == []
