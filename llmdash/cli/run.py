"""`llmdash run` and `llmdash demo`: run a batch, in the dashboard or headless."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import guarded, has_terminal, refuse, settings_from, settings_in_folder, show_input
from llmdash.cli.options import (
    CLUSTER_OPTIONS,
    INPUT_OPTIONS,
    JUDGEMENT_OPTIONS,
    RUN_OPTIONS,
    SETTING_OPTIONS,
    names_in,
    split,
    tls_files,
    with_options,
)

if TYPE_CHECKING:
    from llmdash.launch.inputs import Input
    from llmdash.launch.workers import WorkersOrder
    from llmdash.simulator.settings import SimulatorSettings

__all__ = ["demo", "run"]


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_options(SETTING_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option("--resume", is_flag=True, help="Resume the last run over FILE, or the one in --run-dir.")
@click.option("--retry-failed", is_flag=True, help="With --resume: try the failed jobs again.")
@click.option(
    "--changed",
    type=click.Choice(["ok"]),
    help="With --resume: go on with other settings than those the run was begun with.",
)
@click.option("--simulate", is_flag=True, help="Use the built-in simulator instead of an endpoint.")
@with_options(INPUT_OPTIONS)
@with_options(JUDGEMENT_OPTIONS)
@with_options(CLUSTER_OPTIONS)
@click.option("--strict", is_flag=True, help="Refuse input with bad lines instead of leaving them out.")
def run(file: Path | None, **options: Any) -> None:
    """Run the prompts in FILE (- for standard input).

    FILE holds JSON lines, a JSON array, CSV or TSV, plain text (a prompt a line, or sections between lines of
    ---), a TOML prompt set, an OpenAI or Anthropic batch, or Parquet; gzip, bzip2, xz and Zstandard are read
    too.
    """
    from llmdash.launch.inputs import Input

    run_options = split(options)
    if run_options["retry_failed"] and not run_options["resume"]:
        refuse("--retry-failed needs --resume; add it, or leave out --retry-failed")
    if run_options["repair"] and run_options["schema"] is None and not run_options["resume"]:
        refuse("--repair needs --schema, which says what a valid answer is")
    given = Input(
        file,
        template=run_options["template"],
        prompt_column=run_options["prompt_column"],
        system=run_options["system"],
        send=names_in(run_options["send"]),
        carry=names_in(run_options["carry"]),
        data=run_options["data"],
        allow_bad_lines=run_options["allow_bad_lines"],
    )
    guarded(lambda: _run(given, run_options, options))


@click.command()
@with_options(SETTING_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Decides expressions, answers and faults."
)
def demo(seed: int, **options: Any) -> None:
    """Run the arithmetic batch on the built-in simulator: no key, no cost."""
    from llmdash.launch.inputs import Input
    from llmdash.launch.plan_builder import DEMO_RATE, PRACTICE

    run_options = {
        **split(options),
        "resume": False,
        "retry_failed": False,
        "strict": False,
        "simulate": True,
    }
    options["rate"] = options["rate"] or f"{DEMO_RATE:g}/s"
    guarded(lambda: _run(Input(seed=seed), run_options, options, replace(PRACTICE, seed=seed)))


def _workers(run: Mapping[str, Any]) -> WorkersOrder:
    """Who makes the attempts, as the command line says."""
    from llmdash.launch.workers import PATIENCE_S, WorkersOrder

    if run["workers"] is not None and run.get("cluster") is not None:
        refuse("--workers starts workers on this machine, --cluster uses others; give one of them")
    return WorkersOrder(
        workers=run["workers"],
        cluster=run.get("cluster"),
        tls=tls_files(run),
        insecure=bool(run.get("allow_insecure")),
        send_keys=bool(run.get("send_keys")),
        patience_s=PATIENCE_S if run["patience"] is None else run["patience"],
    )


def _run(
    given: Input, run: Mapping[str, Any], flags: Mapping[str, Any], practice: SimulatorSettings | None = None
) -> int:
    from llmdash.launch.judgement import judgement_of
    from llmdash.launch.plan_builder import PRACTICE, RunOrder, prepare
    from llmdash.launch.resuming import resumed_flags
    from llmdash.reports.export import check_writable

    asked = given_now = flags
    if run["resume"]:
        flags, asked = resumed_flags(given, run["run_dir"], given_now, settings_in_folder)
    settings = settings_from(flags, simulated=run["simulate"])
    if run["out"] is not None:
        check_writable(run["out"])
    headless = run["headless"] or run["as_json"] or not has_terminal()
    order = RunOrder(
        given,
        asked=asked,
        flags=given_now,
        changed=run.get("changed") is not None,
        judgement=judgement_of(
            run.get("check"),
            run.get("schema"),
            repair=bool(run.get("repair")),
            empty_fails=run.get("empty") == "fail",
        ),
        run_dir=run["run_dir"],
        resume=run["resume"],
        retry_failed=run["retry_failed"],
        practice=practice or (PRACTICE if run["simulate"] else None),
        stay=not headless,
        out=run["out"],
        overwrite=run["overwrite"],
        reasoning=run["reasoning"],
        stdin=sys.stdin.buffer,
        accept=lambda source: show_input(source, strict=run["strict"]),
        workers=_workers(run),
    )
    with prepare(order, settings) as prepared:
        if headless:
            from llmdash.launch.headless import run_headless

            return run_headless(
                prepared.plan, json=run["as_json"], out=prepared.out, redactor=settings.redactor
            )
        from llmdash.launch.dashboard import show_run

        return show_run(prepared, settings, prepared.out)
