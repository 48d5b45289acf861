"""What the README says is so: its commands work in a fresh folder, its settings load, its links lead on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.manual import TOPICS
from tests.cli.command import environment, llmdash
from tests.cli.parsed import parse
from tests.cli.terminal import wait_for_end
from tests.named_files import folder_of_files
from tests.pages import blocks, check_settings, command_lines, unknown_options, work_in
from tests.readme_pictures.making import THEMES
from tests.simulated import Simulated

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = (
    "Your own prompts",
    "Tune the rate",
    "Several providers",
    "Half the price",
    "Resume",
    "In CI",
    "As a library",
    "Check answers",
    "Compare two models",
    "Watch from elsewhere",
)
"""The tasks: each has commands, and fits a screen."""
LONGEST_SECTION = 26
OF_A_TERMINAL = ("llmdash attach ", "llmdash web ")
"""Commands that go on until who sits there ends them: that they can be given is all that is tested here."""
WHILE_IT_RUNS = "Watch from elsewhere"
"""The section whose commands are given while a run is at work."""


def text_of(section: str) -> str:
    return README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_files(tmp_path)


def test_every_section_is_of_a_task_and_short() -> None:
    named = re.findall(r"^## (.*)$", README, re.MULTILINE)
    rest = ("Set up", "Speed", "The manual", "How it is built", "Development")
    assert named == [rest[0], *SECTIONS, *rest[1:]]
    for section in SECTIONS:
        assert len(text_of(section).splitlines()) <= LONGEST_SECTION, section


@pytest.mark.parametrize("section", SECTIONS)
def test_every_command_of_a_section_works(
    section: str, folder: Path, simulator: Callable[..., Simulated]
) -> None:
    simulated = simulator(answers=0 if section == WHILE_IT_RUNS else None, batch_speed=5_000)
    _put_files_of(section, folder, simulated)
    keys = ",".join(simulated.keys)
    env = environment(folder, simulated, ANTHROPIC_API_KEY=keys, LLMDASH_RATE="unlimited")
    found = command_lines(text_of(section))
    assert len(found) >= 2
    for line in found:
        parse(line)
    work_in(folder, env, [line for line in found if not line.startswith(OF_A_TERMINAL)])
    simulated.let_go()
    wait_for_end(folder)


def _put_files_of(section: str, folder: Path, simulated: Simulated) -> None:
    """What the section shows of `llmdash.toml`, with the simulator as every endpoint."""
    for text in blocks("toml", text_of(section)):
        for name, address in (("openai", simulated.base_url), ("claude", simulated.root)):
            text = text.replace(f'name = "{name}"', f'name = "{name}"\nbase_url = "{address}"')
        (folder / "llmdash.toml").write_text(text)


def test_keys_are_found_where_the_first_section_puts_them(
    folder: Path, simulator: Callable[..., Simulated]
) -> None:
    simulated = simulator(keys=("sk-first", "sk-second", "sk-third"))
    (text,) = blocks("", text_of("Your own prompts"))
    shown = text.replace("https://api.openai.com/v1", simulated.base_url)
    assert shown != text
    (folder / ".env").write_text(shown)
    (folder / ".env").chmod(0o600)
    checked = llmdash("check", "--json", cwd=folder, env=environment(folder))
    assert checked.code == 0, checked.err
    assert len(checked.out.splitlines()) == 3


def test_the_library_is_used_as_it_says(folder: Path, simulator: Callable[..., Simulated]) -> None:
    (program,) = blocks("python", text_of("As a library"))
    env = environment(folder, simulator(keys=("sim-a",)))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("|") >= 2


@pytest.mark.parametrize("text", blocks("toml", README))
def test_every_settings_file_loads_without_a_warning(text: str, tmp_path: Path) -> None:
    check_settings(text, tmp_path)


def test_every_option_that_is_named_exists() -> None:
    ours = README.split("\n## Your own prompts", 1)[1].split("\n## How it is built", 1)[0]
    assert unknown_options(ours) == set()


def test_every_link_leads_to_a_file() -> None:
    links = [link.partition("#") for link in set(re.findall(r"\]\(([^)]*)\)", README))]
    assert [file for file, _, _ in links if not (ROOT / file).is_file()] == []
    for file, _, heading in links:
        titles = re.findall(r"^## (.*)$", (ROOT / file).read_text("utf-8"), re.MULTILINE)
        assert not heading or heading in [title.lower().replace(" ", "-") for title in titles]


def test_every_page_of_the_manual_is_listed_once_in_its_order() -> None:
    rows = re.findall(r"^\| \[([a-z-]+)\]\(llmdash/manual/pages/([a-z-]+)\.md\) \| \S", README, re.MULTILINE)
    assert rows == [(topic, topic) for topic in TOPICS]


def test_every_recipe_that_is_named_exists() -> None:
    recipes = set(
        re.findall(r"^([a-z][a-z-]*)[^:\n]*:(?!=)", (ROOT / "justfile").read_text("utf-8"), re.MULTILINE)
    )
    contributing = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`just ([a-z-]+)", README + contributing)
    assert named
    assert set(named) <= recipes


def test_the_pictures_are_those_that_are_made() -> None:
    shown = re.findall(r'"\.github/pictures/(\S+)"', README)
    assert sorted(shown) == sorted(f"run-{shade}.svg" for shade in THEMES)
