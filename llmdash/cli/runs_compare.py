"""`llmdash runs compare`: what changed from one kept run to another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, has_terminal, refuse
from llmdash.cli.options import OVERWRITE_OPTION
from llmdash.engine.model.changes import CHANGE_NAMES

__all__ = ["compare_runs"]


@click.command("compare")
@click.argument("a", shell_complete=run_names)
@click.argument("b", shell_complete=run_names)
@click.option(
    "--changes",
    type=click.Choice(list(CHANGE_NAMES)),
    metavar="KIND",
    multiple=True,
    help=f"Only rows of this kind: {', '.join(CHANGE_NAMES)}; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the changed rows, side by side: .jsonl, .csv or .tsv.",
)
@OVERWRITE_OPTION
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with --changes one a row before it.")
@click.option("--markdown", is_flag=True, help="The totals in Markdown.")
@click.option("--plain", is_flag=True, help="The totals as text; the default without a terminal.")
def compare_runs(a: str, b: str, **options: Any) -> None:
    """Compare two kept runs, prompt by prompt.

    Shows what became right or wrong, failed, or says something else. A and B are folders of runs, their names
    or the start or end of these, or `last`. Prompts are matched by id, else by what they say. Nothing in the
    folders is changed; a run may still be at work.
    """
    if sum(options[name] for name in ("as_json", "markdown", "plain")) > 1:
        refuse("--json, --markdown and --plain exclude each other; leave all but one of them out")
    guarded(lambda: _compare(a, b, options))


def _compare(a: str, b: str, options: Mapping[str, Any]) -> int:
    from llmdash.launch.compared_runs import ComparisonOrder, compare_in_words, compare_on_screen
    from llmdash.runs.catalogue import find_run

    order = ComparisonOrder(
        find_run(a),
        find_run(b),
        frozenset(CHANGE_NAMES[name] for name in options["changes"]),
        options["out"],
        options["overwrite"],
    )
    worded = options["as_json"] or options["markdown"] or options["plain"] or options["out"] is not None
    if not worded and has_terminal():
        return compare_on_screen(order)
    return compare_in_words(order, _form(options))


def _form(options: Mapping[str, Any]) -> str:
    return "json" if options["as_json"] else "markdown" if options["markdown"] else "text"
