"""The manual's pages: whole, true, and found by what one looks for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from llmdash.cli import main
from llmdash.config import load_settings
from llmdash.engine.frames.filter import compile_filter
from llmdash.engine.store.job_columns import JobColumns
from llmdash.exit_codes import ExitCode
from llmdash.manual import TOPICS, Page, UnknownTopic, find_pages, page_of, pages
from llmdash.prompts import checks
from llmdash.ui.screens.actions import every_action
from llmdash.ui.settings.chosen_keys import read_keys
from llmdash.ui.settings.themes import read_theme
from tests.cli.command import environment
from tests.cli.parsed import parse
from tests.manual import keyboard_page
from tests.named_files import folder_of_files
from tests.simulated import Simulated
from tests.test_readme import blocks, every_command
from tests.test_words import REPLACED

PAGES = Path(keyboard_page.PAGE).parent
RUN_FOR_REAL = ("files", "templates", "checks")


def commands(page: Page) -> list[str]:
    """The lines of the shell blocks of a page, without their comments."""
    found = "".join(
        re.findall(r"```sh\n(.*?)```", re.sub(r"^ +", "", page.text, flags=re.MULTILINE), re.DOTALL)
    )
    return [re.sub(r"\s{2,}#.*", "", line) for line in found.splitlines()]


def every_line() -> Iterator[tuple[str, str]]:
    return ((page.topic, line) for page in pages() for line in commands(page))


def test_every_topic_has_its_page_and_every_page_its_topic() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(TOPICS)
    assert [page.topic for page in pages()] == list(TOPICS)
    for page in pages():
        assert page.text.startswith(f"# {page.title}\n\n")
        assert len(page.text.splitlines()) > 10, page.topic


@pytest.mark.parametrize(("topic", "line"), list(every_line()))
def test_every_command_can_be_given(
    topic: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    parse(line)


@pytest.mark.parametrize("topic", TOPICS)
def test_every_option_and_command_that_is_named_exists(topic: str) -> None:
    text = re.sub(r"```(?!sh).*?```", "", page_of(topic).text, flags=re.DOTALL)
    assert isinstance(main, click.Group)
    known = {
        name
        for command in every_command(main)
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) - known == set()
    for line in re.findall(r"`(llmdash [^`]*)`", text):
        words = line.split()
        assert words[1] in main.commands, line


@pytest.mark.parametrize("topic", TOPICS)
def test_every_link_leads_to_a_page(topic: str) -> None:
    links = re.findall(r"\]\(([^)]*)\)", page_of(topic).text)
    assert {link.removesuffix(".md") for link in links} <= set(TOPICS) - {topic}
    assert links


@pytest.mark.parametrize("topic", TOPICS)
def test_pages_use_the_fields_words(topic: str) -> None:
    for word, use in REPLACED.items():
        found = re.search(rf"(?<![^\W_])({word})(?![^\W_])", page_of(topic).text, re.IGNORECASE)
        assert found is None, f"{found and found[0]}: write {use}"


def test_the_keyboards_page_lists_every_action_with_its_keys() -> None:
    assert keyboard_page.PAGE.read_text(encoding="utf-8") == keyboard_page.written(), (
        "call: python -m tests.manual.keyboard_page"
    )


def test_the_exit_codes_are_whole() -> None:
    rows = re.findall(r"^\| (\d+) \|", page_of("batch-in-ci").text, re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


def test_every_check_is_listed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| an answer", page_of("checks").text, re.MULTILINE)
    assert set(rows) == set(checks.CHECKS)


def test_every_settings_file_loads_without_a_warning(tmp_path: Path) -> None:
    for page in pages():
        for number, text in enumerate(blocks("toml", page.text)):
            if "[[endpoint]]" not in text and "[prices" not in text:
                continue
            file = tmp_path / f"{page.topic}-{number}.toml"
            file.write_text(text)
            names = dict.fromkeys(re.findall(r'api_key_env = "(\w+)"', text), "sk-canary-0123456789abcdef")
            settings = load_settings(
                {}, environ=names, cwd=tmp_path, user_config=tmp_path / "none.toml", config=file
            )
            assert settings.warnings == (), file.name


@pytest.mark.parametrize("topic", RUN_FOR_REAL)
def test_every_command_of_a_page_works(
    topic: str, tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    folder = folder_of_files(tmp_path)
    simulated = simulator()
    env = environment(folder, simulated, LLMDASH_RATE="unlimited")
    env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"
    for line in commands(page_of(topic)):
        ended = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"


def test_the_files_of_keys_and_themes_that_are_shown_can_be_used(tmp_path: Path) -> None:
    (keys,) = blocks("toml", page_of("keyboard").text)
    (tmp_path / "keys.toml").write_text(keys)
    chosen, problems = read_keys(tmp_path / "keys.toml", every_action().keys())
    assert problems == [] and len(chosen.keys) == 3
    (theme,) = blocks("toml", page_of("themes").text)
    (tmp_path / "mine.toml").write_text(theme)
    assert read_theme(tmp_path / "mine.toml").theme.name == "mine"


TERMS = re.findall(r"`((?:state|is|key|error):\w+|[a-z]+>=?\d\w*)`", page_of("filter").text)


@pytest.mark.parametrize("term", TERMS)
def test_every_term_of_the_filter_that_is_shown_is_one(term: str) -> None:
    assert compile_filter(term, JobColumns(1, range(1)), str) is not None


def test_every_state_of_the_filter_that_is_listed_is_one() -> None:
    rows = re.findall(r"^\| `(state|is):\w+` \| [^:]*: (.*) \|$", page_of("filter").text, re.MULTILINE)
    assert len(rows) == 2
    for name, values in rows:
        for value in re.findall(r"`(\w+)`", values):
            compile_filter(f"{name}:{value}", JobColumns(1, range(1)), str)


def test_a_topic_that_is_not_there_names_the_near_ones() -> None:
    with pytest.raises(UnknownTopic, match="did you mean rate"):
        page_of("raet")
    with pytest.raises(UnknownTopic, match=r"did you mean troubleshooting"):
        page_of("tmux")
    with pytest.raises(UnknownTopic, match="llmdash manual lists all topics"):
        page_of("zzzz")


def test_a_search_finds_pages_by_all_words_titles_first() -> None:
    assert next(find_pages("trial budget")).topic == "trial-and-budget"
    assert [page.topic for page in find_pages("")] == list(TOPICS)
    assert list(find_pages("no-such-word-anywhere")) == []


def test_the_wheel_carries_the_pages() -> None:
    code = "from llmdash.manual import pages; print(len(pages()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(TOPICS)
