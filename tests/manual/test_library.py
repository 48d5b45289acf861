"""The manual's pages: whole, true, and found by what one looks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from llmdash.cli import main
from llmdash.engine.frames.filter import compile_filter
from llmdash.engine.store.job_columns import JobColumns
from llmdash.exit_codes import ExitCode
from llmdash.manual import TOPICS, UnknownTopic, find_pages, page_of, pages
from llmdash.prompts import checks
from llmdash.ui.screens.actions import every_action
from llmdash.ui.settings.chosen_keys import read_keys
from llmdash.ui.settings.themes import read_theme
from tests.cli.command import environment, llmdash, results
from tests.cli.parsed import parse
from tests.manual import keyboard_page
from tests.named_files import folder_of_files
from tests.pages import blocks, check_settings, command_lines, unknown_options, work_in
from tests.simulated import Simulated
from tests.test_words import REPLACED

PAGES = Path(keyboard_page.PAGE).parent
RUN_FOR_REAL = ("files", "templates", "checks", "themes")
"""Pages whose commands need nothing but files; those of others are parsed, and run where they are tested."""


def every_line() -> Iterator[tuple[str, str]]:
    return ((page.topic, line) for page in pages() for line in command_lines(page.text))


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
    assert unknown_options(page_of(topic).text) <= {"--help"}
    text = re.sub(r"^ *```.*?^ *```$", "", page_of(topic).text, flags=re.DOTALL | re.MULTILINE)
    assert isinstance(main, click.Group)
    context = click.Context(main)
    for line in re.findall(r"`(llmdash [^`]*)`", text):
        words = line.split()
        assert main.get_command(context, words[1]) is not None, line


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


SETTINGS_FILES = [
    pytest.param(text, id=page.topic)
    for page in pages()
    for text in blocks("toml", page.text)
    if re.search(r"^\[\[endpoint|^\[prices", text, re.MULTILINE)
]


@pytest.mark.parametrize("text", SETTINGS_FILES)
def test_every_settings_file_loads_without_a_warning(text: str, tmp_path: Path) -> None:
    check_settings(text, tmp_path)


@pytest.mark.parametrize("topic", RUN_FOR_REAL)
def test_every_command_of_a_page_works(
    topic: str, tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    folder = folder_of_files(tmp_path)
    env = environment(folder, simulator(), LLMDASH_RATE="unlimited")
    work_in(folder, env, command_lines(page_of(topic).text))


def test_the_line_of_results_has_the_fields_of_a_real_one(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    (text,) = blocks("json", page_of("results").text)
    shown = json.loads(text)
    folder = folder_of_files(tmp_path)
    ended = llmdash(
        *("run", "sums.jsonl", "--out", "r.jsonl"), cwd=folder, env=environment(folder, simulator())
    )
    assert ended.code == 0, ended.err
    (real,) = results(folder / "r.jsonl")
    assert list(real) == list(shown)
    assert list(real["usage"]) == list(shown["usage"])


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
