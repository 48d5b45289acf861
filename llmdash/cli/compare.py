"""`llmdash compare`: run the same prompts in several ways, and print a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import guarded, has_terminal, refuse, settings_from
from llmdash.cli.help_layout import LaidOutCommand
from llmdash.cli.options import (
    HEADLESS_OPTION,
    SETTING_OPTIONS,
    own_folder_option,
    practice_options,
    with_options,
)
from llmdash.cli.run_options import CHECK_OPTION, READING_OPTIONS, reading_of

if TYPE_CHECKING:
    from llmdash.compare.report import Comparison, Row
    from llmdash.compare.session import ComparingSession
    from llmdash.compare.ways import Experiment
    from llmdash.config import Settings
    from llmdash.launch.run_folders import NewFolder
    from llmdash.launch.run_input import Input

__all__ = ["compare"]

_EXPRESSIONS = 90
_SEED = 1
_GREETINGS = "greeting.toml"
_WAYS = ("serial", "one-key", "all-keys", "limited")
_OWN = (
    *("simulate", "latency", "skip", "models", "greetings", "headless", "as_json", "markdown", "run_dir"),
    *("template", "prompt_column", "expected_column", "system", "send", "carry", "data", "check"),
)


@click.command(cls=LaidOutCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_options(SETTING_OPTIONS)
@with_options(practice_options(3.7))
@with_options(READING_OPTIONS)
@CHECK_OPTION
@click.option("--skip", type=click.Choice(_WAYS), multiple=True, help="Leave a way out; may be repeated.")
@click.option("--models", metavar="A,B", help="Compare these models instead, at once with all keys.")
@click.option("--greetings", is_flag=True, help="Ten greetings, one after the other and all at once.")
@HEADLESS_OPTION
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a row, and a summary as the last line."
)
@click.option("--markdown", is_flag=True, help="The table in Markdown.")
@own_folder_option("the runs")
def compare(file: Path | None, **options: Any) -> None:
    """Run the same prompts in several ways, or with several models.

    Puts wall time, accuracy, times, tokens and cost side by side.

    The ways: one after the other; at once with one key; at once with all keys; at once below --rate (here
    15/s by default). At once means all prompts, but at most 500 or --concurrency. FILE is as for `llmdash
    run`; without it there are 90 arithmetic expressions.
    """
    own = {name: options.pop(name) for name in _OWN}
    if own["as_json"] and own["markdown"]:
        refuse("--json and --markdown exclude each other; leave one of them out")
    if own["greetings"] and file is not None:
        refuse("--greetings brings its own prompts; leave out FILE or --greetings")
    if own["greetings"] and own["models"]:
        refuse("--greetings and --models exclude each other; for both, name greeting.toml as FILE")
    guarded(lambda: _compare(file, own, options))


def _compare(file: Path | None, own: Mapping[str, Any], flags: Mapping[str, Any]) -> int:
    from llmdash.compare.session import ComparingSession
    from llmdash.config.prices import load_prices
    from llmdash.engine.model.counts import counted
    from llmdash.launch.compare import Bench, practice
    from llmdash.launch.inputs import open_input, show_input
    from llmdash.launch.judgement import judgement_of
    from llmdash.launch.llm_factory import require_usable
    from llmdash.launch.request_options import options_of, with_model_of
    from llmdash.launch.run_folders import NewFolder

    settings = settings_from(flags, simulated=own["simulate"])
    if settings.kept.keep == "none":
        refuse("a comparison keeps the answers of its runs; leave out keep = none (LLMDASH_KEEP)")
    if not own["simulate"]:
        require_usable(settings)
    simulated = practice(own["latency"]) if own["simulate"] else None
    prices = load_prices()
    with NewFolder(own["run_dir"]) as place:
        folder = place.make("compare") if own["run_dir"] is not None else None
        given = _input(file, own, settings, place)
        source = open_input(given)
        show_input(source, strict=False)
        source, settings = with_model_of(source, settings, flags, simulated=own["simulate"])
        keys = len(simulated.keys) if simulated is not None else _keys(settings)
        chosen = _experiments(own, len(source), keys, settings)
        options = options_of(source, settings, flags)
        judgement = judgement_of(own["check"], None)
        bench = Bench(source, given, settings, folder, prices, simulated, options, judgement)
        session = ComparingSession(bench, chosen)
    base = None if own["models"] else "serial"
    return _show(session, settings, own, f"{source.name}, {counted(len(source), 'prompt')}", base)


def _input(file: Path | None, own: Mapping[str, Any], settings: Settings, place: NewFolder) -> Input:
    from llmdash import locations
    from llmdash.launch.inputs import spool
    from llmdash.launch.run_input import Input

    if own["greetings"]:
        return Input(locations.sample_prompts_dir() / _GREETINGS, settings.limit)
    if file is None:
        return Input(limit=settings.limit or _EXPRESSIONS, seed=_SEED)
    is_spooled = str(file) == "-"
    if is_spooled:
        file = spool(sys.stdin.buffer, place.made or place.make("compare stdin"))
    return Input(file, settings.limit, is_spooled=is_spooled, **reading_of(own))


def _keys(settings: Settings) -> int:
    """Return the number of keys of all endpoints; a model that brings its own key counts as one."""
    return sum(len(endpoint.keys) or 1 for endpoint in settings.endpoints)


def _experiments(own: Mapping[str, Any], jobs: int, keys: int, settings: Settings) -> list[Experiment]:
    from llmdash.compare.ways import models_of, ways

    if own["models"] is not None:
        names = list(dict.fromkeys(name.strip() for name in own["models"].split(",") if name.strip()))
        if len(names) < 2:
            refuse("--models compares two models or more; separate them by commas, such as a,b")
        return models_of(names, jobs, settings)
    skip = {*own["skip"], *(("all-keys", "limited") if own["greetings"] else ())}
    chosen = ways(jobs, keys, settings, skip=skip)
    if not chosen:
        refuse("every way is left out; take one --skip away")
    return chosen


def _show(
    session: ComparingSession, settings: Settings, own: Mapping[str, Any], name: str, base: str | None
) -> int:
    """Run the experiments, in the dashboard or without, and print the results. Return the exit code."""
    from llmdash.compare.report import Comparison
    from llmdash.launch.compare import compare_headless, show_comparison

    headless = own["headless"] or own["as_json"] or own["markdown"] or not has_terminal()
    try:
        if headless:
            return compare_headless(session)
        return show_comparison(session, settings, paid=not own["simulate"])
    finally:
        if session.rows or session.crash is None:
            _print(Comparison(name, session.rows, base), own)
            _print_folders(session.rows)


def _print_folders(rows: Sequence[Row]) -> None:
    """Print where the answers are."""
    from llmdash.reports.output import Output
    from llmdash.reports.wording import compare_command
    from llmdash.sanitize import clean_line

    output = Output(sys.stderr)
    for row in rows:
        output.line(f"llmdash: {clean_line(row.name)} is kept in {clean_line(str(row.folder))}")
    folders = [row.folder for row in rows if row.folder is not None]
    if len(folders) > 1:
        output.line(f"llmdash: prompt by prompt: {compare_command(folders[0], folders[-1])}")


def _print(comparison: Comparison, own: Mapping[str, Any]) -> None:
    from llmdash.compare.table import markdown_table, print_table
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line

    output = Output(sys.stdout)
    if own["as_json"]:
        for row in comparison.rows:
            output.line(encode_line(comparison.record(row)))
        output.line(encode_line(comparison.summary()))
    elif own["markdown"]:
        output.line(markdown_table(comparison))
    else:
        print_table(comparison)
