"""`llmdash run` and `llmdash demo`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import (
    guarded,
    has_terminal,
    made,
    redactor_in_use,
    refuse,
    refuse_without_keys,
    settings_from,
    tell_problems,
)
from llmdash.cli.options import RUN_OPTIONS, SETTING_OPTIONS, split, with_options

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.launch.plan_builder import Input
    from llmdash.simulator.process import SimulatorProcess
    from llmdash.simulator.settings import SimulatorSettings

__all__ = ["demo", "open_dashboard", "run"]


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_options(SETTING_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option(
    "--resume", is_flag=True, help="Go on with the last run over FILE, or with the one in --run-dir."
)
@click.option("--retry-failed", is_flag=True, help="With --resume: try the failed jobs again.")
@click.option("--simulate", is_flag=True, help="Use the built-in simulator instead of an endpoint.")
@click.option("--strict", is_flag=True, help="Refuse input with bad lines instead of leaving them out.")
def run(file: Path | None, **options: Any) -> None:
    """Run the prompts in FILE (- for standard input).

    FILE holds JSON lines, a JSON array, CSV or TSV, plain text (a prompt a line, or sections between lines of
    ---), a TOML prompt set, or an OpenAI or Anthropic batch.
    """
    from llmdash.launch.plan_builder import Input

    run_options = split(options)
    if run_options["retry_failed"] and not run_options["resume"]:
        refuse("--retry-failed goes with --resume; add it, or leave out --retry-failed")
    guarded(lambda: _run(Input(file), run_options, options))


@click.command()
@with_options(SETTING_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Decides expressions, answers and faults."
)
def demo(seed: int, **options: Any) -> None:
    """Run the arithmetic batch on the built-in simulator: no key, no cost."""
    from llmdash.launch.plan_builder import DEMO_RATE, PRACTICE, Input

    run_options = {
        **split(options),
        "resume": False,
        "retry_failed": False,
        "strict": False,
        "simulate": True,
    }
    options["rate"] = options["rate"] or f"{DEMO_RATE:g}/s"
    guarded(lambda: _run(Input(seed=seed), run_options, options, replace(PRACTICE, seed=seed)))


def _run(
    given: Input, run: Mapping[str, Any], flags: Mapping[str, Any], practice: SimulatorSettings | None = None
) -> int:
    from llmdash.launch import plan_builder as plans
    from llmdash.reports.export import check_writable

    settings = settings_from(flags)
    given = replace(given, limit=settings.limit)
    if run["out"] is not None:
        check_writable(run["out"])
    folder = None
    if run["resume"]:
        folder, given, facts = plans.earlier_run(run["run_dir"], given)
        practice = practice or plans.practice_settings(facts)
        settings = plans.with_rate_of(facts, settings)
    elif given.path is not None and str(given.path) == "-":
        folder = made(lambda: plans.run_folder(run["run_dir"], "stdin"))
        given = replace(given, path=plans.spool(sys.stdin.buffer, folder))
    _refuse_results_over(given.path, run["out"])
    if run["simulate"]:
        practice = practice or plans.PRACTICE
    if practice is None and settings.without_keys:
        refuse_without_keys(settings)
    source = plans.open_input(given)
    tell_problems(source.problems, strict=run["strict"])
    settings = plans.with_options_of(source, settings, asked=flags)
    folder = folder or made(lambda: plans.run_folder(run["run_dir"], source.name))
    simulator = _start_simulator(practice)
    headless = run["headless"] or run["as_json"] or not has_terminal()
    try:
        plan = plans.make_plan(
            source,
            given,
            settings,
            folder,
            simulator,
            resume=run["resume"],
            retry_failed=run["retry_failed"],
            stay=not headless,
            key_file=plans.key_file(flags, redactor_in_use()),
            out=run["out"],
        )
        if not headless:
            return open_dashboard(
                settings, plan=plan, simulator=simulator, out=run["out"], redactor=redactor_in_use()
            )
        from llmdash.launch.headless import run_headless

        redact = redactor_in_use().redact
        return run_headless(plan, json=run["as_json"], out=run["out"], redact=redact)
    finally:
        if simulator is not None:
            simulator.close()


def _refuse_results_over(prompts: Path | None, out: Path | None) -> None:
    """Results in the place of the prompts would leave nothing to resume with."""
    if (
        prompts is not None
        and out is not None
        and out.exists()
        and prompts.exists()
        and out.samefile(prompts)
    ):
        refuse(f"--out {out} is the file of prompts; name another one")


def _start_simulator(practice: SimulatorSettings | None) -> SimulatorProcess | None:
    from llmdash.simulator.process import SimulatorProcess

    return SimulatorProcess(practice) if practice is not None else None


def open_dashboard(settings: Settings, **how: Any) -> int:
    """Show the dashboard, or the start screen."""
    from llmdash.launch.dashboard import show

    return show(settings, **how)
