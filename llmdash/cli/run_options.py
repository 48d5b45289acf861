"""The options of a run: its input, what answers have to be, where it is kept, and its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from llmdash.cli.batch_options import BATCH_OPTION_NAMES
from llmdash.cli.completing import one_of
from llmdash.cli.number_range import NumberRange, WholeRange
from llmdash.cli.options import HEADLESS_OPTION, OVERWRITE_OPTION

__all__ = [
    "BOUND_OPTIONS",
    "CHECK_OPTION",
    "INPUT_OPTIONS",
    "JUDGEMENT_OPTIONS",
    "READING_OPTIONS",
    "REUSE_OPTIONS",
    "RUN_OPTIONS",
    "file_after_switch",
    "names_in",
    "reading_of",
    "split",
]

READING_OPTIONS = (
    click.option("--template", metavar="TEXT", help="The prompt of each row, such as 'Why {{question}}?'."),
    click.option("--prompt-column", metavar="NAME", help="The field or column that is the prompt."),
    click.option(
        "--expected-column",
        metavar="NAME",
        help="The field or column with the expected answer.  [default: expected]",
    ),
    click.option("--system", metavar="TEXT", help="A system message for every prompt without its own."),
    click.option("--send", multiple=True, metavar="F", help="Send these fields of a row (F,G); repeatable."),
    click.option(
        "--carry",
        multiple=True,
        metavar="F",
        help="Carry these fields into the results, as all that are not sent are; none carries nothing.",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The table of a prompt set, in place of its own.",
    ),
)
"""How the input is read."""

INPUT_OPTIONS = (
    *READING_OPTIONS,
    click.option(
        "--allow-bad-lines", is_flag=True, help="Exit with 0, not 8, where input lines were left out."
    ),
)

CHECK_OPTION = click.option(
    "--check",
    metavar="HOW",
    shell_complete=one_of("equal", "number", "contains", "pattern", "json"),
    help="How answers are compared with what is expected: equal, number, contains, pattern or json.",
)

JUDGEMENT_OPTIONS = (
    CHECK_OPTION,
    click.option(
        "--schema",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A JSON schema: answers are asked for by it, and validated.",
    ),
    click.option(
        "--repair/--no-repair", default=None, help="With --schema: ask once more for an invalid answer."
    ),
    click.option(
        "--empty",
        type=click.Choice(["done", "fail"]),
        help="What an empty answer is.  [default: done]",
    ),
)

RUN_OPTIONS = (
    HEADLESS_OPTION,
    click.option(
        "--detach", is_flag=True, help="Begin the run without a dashboard, and leave it; see llmdash attach."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the last one the summary."),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the results: .jsonl, .json, .csv, .tsv, .parquet or .batch.jsonl.",
    ),
    OVERWRITE_OPTION,
    click.option("--reasoning", is_flag=True, help="With --out: what the models thought, too."),
    click.option("--run-dir", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the run."),
    click.option(
        "--keep",
        metavar="WHAT",
        shell_complete=one_of("answers", "all", "none"),
        help="What its folder keeps: answers; all, prompts too; or none: ids alone, the texts are in --out "
        "FILE.jsonl.  [default: answers]",
    ),
    click.option(
        "--workers",
        type=WholeRange(1, 256),
        metavar="N",
        help="Let N processes of this machine make the requests.  [extra: cluster]",
    ),
    click.option(
        "--patience",
        type=NumberRange(0.0),
        metavar="S",
        help="Without a dashboard: how long to wait for a worker.  [default: 300]",
    ),
)

REUSE_OPTIONS = (
    click.option(
        "--reuse",
        is_flag=False,
        flag_value="all",
        multiple=True,
        metavar="[RUN|any]",
        help="Take answers that kept runs have to the same requests: of all, or of RUN; may be given several "
        "times. Needs temperature 0; --reuse=any takes sampled answers too.",
    ),
    click.option(
        "--dedupe",
        is_flag=False,
        flag_value="all",
        metavar="[any]",
        help="Ask equal requests of this run once. Needs temperature 0; --dedupe=any shares sampled answers.",
    ),
)

BOUND_OPTIONS = (
    click.option(
        "--trial",
        type=WholeRange(1),
        metavar="N",
        help="Run N prompts, spread over the file, then hold and show what the rest will take.",
    ),
    click.option(
        "--budget",
        metavar="DOLLARS",
        help="Spend at most this over all starts: each request is reserved for; none lifts it.",
    ),
    click.option(
        "--forecast", is_flag=True, help="Show what the run will ask for, cost and take; send nothing."
    ),
)


def split(options: dict[str, Any]) -> dict[str, Any]:
    """Remove what is not a setting from `options`, and return it."""
    names = (
        *(
            "headless",
            "detach",
            "as_json",
            "out",
            "overwrite",
            "reasoning",
            "run_dir",
            "resume",
            "retry_failed",
            "simulate",
            "strict",
        ),
        *("template", "prompt_column", "expected_column", "system", "send", "carry", "data"),
        "allow_bad_lines",
        *("check", "schema", "repair", "empty", "changed"),
        *("trial", "release", "forecast"),
        *BATCH_OPTION_NAMES,
        *("workers", "patience", "cluster", "tls_ca", "tls_cert", "tls_key", "allow_insecure", "send_keys"),
    )
    return {name: options.pop(name) for name in names if name in options}


def file_after_switch(file: Path | None, options: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """Return FILE and the options, where FILE follows a `--reuse` or `--dedupe` without a value: no run is a
    file, nor is standard input one.
    """
    given = {"reuse": options["reuse"], "dedupe": (options["dedupe"],) if options["dedupe"] else ()}
    for name, values in given.items():
        for value in values if file is None else ():
            if value == "-" or Path(value).is_file():
                file = Path(value)
                rest = tuple("all" if each == value else each for each in values)
                options = {**options, name: rest if name == "reuse" else "all"}
    return file, options


def names_in(given: Sequence[str]) -> tuple[str, ...]:
    """Return the names in an option that may be repeated, each with a list of names in it: `a,b`."""
    names = (name.strip() for text in given for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def reading_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what READING_OPTIONS say, as the fields of an Input."""
    lists = {name: names_in(options[name]) for name in ("send", "carry")}
    names = ("template", "prompt_column", "expected_column", "system", "data")
    return {**{name: options[name] for name in names}, **lists}
