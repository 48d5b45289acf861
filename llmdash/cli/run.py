"""`llmdash run` and `llmdash demo`: run a batch, in the dashboard or headless."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.batch_options import BATCH_OPTIONS, batch_terms
from llmdash.cli.cluster_options import CLUSTER_OPTIONS, tls_files
from llmdash.cli.contradictions import refuse_contradictions
from llmdash.cli.errors import guarded, has_terminal, settings_from, settings_in_folder
from llmdash.cli.help_layout import LaidOutCommand
from llmdash.cli.options import (
    AUTO_OPTION,
    MODEL_OPTION,
    SETTING_OPTIONS,
    SIMULATE_OPTION,
    TUNING_OPTIONS,
    with_options,
)
from llmdash.cli.run_options import (
    BOUND_OPTIONS,
    INPUT_OPTIONS,
    JUDGEMENT_OPTIONS,
    REUSE_OPTIONS,
    RUN_OPTIONS,
    file_after_switch,
    reading_of,
    split,
)

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.launch.run_input import Input
    from llmdash.launch.run_order import RunOrder
    from llmdash.launch.workers import WorkersOrder
    from llmdash.simulator.settings import SimulatorSettings

__all__ = ["demo", "run"]


@click.command(cls=LaidOutCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@with_options(SETTING_OPTIONS)
@AUTO_OPTION
@with_options(RUN_OPTIONS)
@with_options(BOUND_OPTIONS)
@click.option("--resume", is_flag=True, help="Resume the last run over FILE, or the one in --run-dir.")
@click.option("--retry-failed", is_flag=True, help="With --resume: try the failed jobs again.")
@click.option(
    "--release", is_flag=True, help="With --resume: run the rest after a trial, or what no batch takes."
)
@click.option(
    "--changed",
    type=click.Choice(["ok"]),
    help="With --resume: go on with other settings than those the run was begun with.",
)
@SIMULATE_OPTION
@with_options(INPUT_OPTIONS)
@with_options(JUDGEMENT_OPTIONS)
@with_options(CLUSTER_OPTIONS)
@with_options(REUSE_OPTIONS)
@with_options(BATCH_OPTIONS)
@click.option("--strict", is_flag=True, help="Refuse input with bad lines instead of leaving them out.")
def run(file: Path | None, **options: Any) -> None:
    """Run the prompts in FILE (- for standard input).

    FILE holds JSON lines, a JSON array, CSV or TSV, plain text (a prompt a line, or sections between lines of
    ---), a TOML prompt set, an OpenAI or Anthropic batch, or Parquet; gzip, bzip2, xz and Zstandard are read
    too.
    """
    file, options = file_after_switch(file, options)
    run_options = split(options)
    refuse_contradictions(run_options)
    with _front(run_options) as front:
        guarded(lambda: _run(front, _input(file, run_options), run_options, options))


def _input(file: Path | None, run: Mapping[str, Any]) -> Input:
    from llmdash.launch.run_input import Input

    return Input(file, allow_bad_lines=run["allow_bad_lines"], **reading_of(run))


@click.command(cls=LaidOutCommand)
@MODEL_OPTION
@with_options(TUNING_OPTIONS)
@AUTO_OPTION
@with_options(RUN_OPTIONS)
@with_options(BOUND_OPTIONS)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Decides expressions, answers and faults."
)
def demo(seed: int, **options: Any) -> None:
    """Run arithmetic on the built-in simulator: no key, no cost."""
    run_options = {
        **split(options),
        "resume": False,
        "retry_failed": False,
        "strict": False,
        "simulate": True,
    }
    with _front(run_options) as front:
        from llmdash.launch.run_input import Input
        from llmdash.launch.run_order import DEMO_RATE, PRACTICE

        options["rate"] = options["rate"] or f"{DEMO_RATE:g}/s"
        guarded(lambda: _run(front, Input(seed=seed), run_options, options, replace(PRACTICE, seed=seed)))


Front = Callable[["RunOrder", "Settings"], int]
"""Shows a run, or leaves it to itself, and returns the exit code."""


@contextmanager
def _front(run: Mapping[str, Any]) -> Iterator[Front | None]:
    """What a run has for a front end, None without one. Its engine begins to load at once."""
    if not run["detach"] and (run["headless"] or run["as_json"] or not has_terminal()):
        yield None
        return
    from llmdash.launch.engine_process import EngineProcess

    def show(order: RunOrder, settings: Settings) -> int:
        if run["detach"]:
            from llmdash.launch.detaching import run_detached

            return run_detached(engine, order, settings, json=run["as_json"])
        from llmdash.launch.watching import show_run

        return show_run(engine, order, settings)

    with EngineProcess() as engine:
        yield show


def _workers(run: Mapping[str, Any]) -> WorkersOrder:
    """Who makes the attempts, as the command line says."""
    from llmdash.launch.workers import PATIENCE_S, WorkersOrder

    return WorkersOrder(
        workers=run["workers"],
        cluster=run.get("cluster"),
        tls=tls_files(run),
        insecure=bool(run.get("allow_insecure")),
        send_keys=bool(run.get("send_keys")),
        patience_s=PATIENCE_S if run["patience"] is None else run["patience"],
    )


def _run(
    front: Front | None,
    given: Input,
    run: Mapping[str, Any],
    flags: Mapping[str, Any],
    practice: SimulatorSettings | None = None,
) -> int:
    from llmdash.launch.judgement import judgement_of
    from llmdash.launch.run_order import PRACTICE, RunOrder

    asked, given_now, simulated = flags, flags, run["simulate"]
    if run["resume"]:
        from llmdash.launch.resuming import resumed_flags

        resumed = resumed_flags(given, run["run_dir"], given_now, settings_in_folder)
        flags, asked, simulated = resumed.flags, resumed.asked, resumed.is_simulated
    settings = settings_from(flags, simulated=simulated, given=given_now)
    terms = batch_terms(run)
    if run["forecast"]:
        from llmdash.launch.forecast import show_forecast

        return show_forecast(
            given,
            settings,
            asked,
            simulated=run["simulate"],
            in_batches=terms.all_pending,
            strict=run["strict"],
            json=run["as_json"],
        )
    if run["out"] is not None:
        from llmdash.reports.export import check_writable

        check_writable(run["out"])
    order = RunOrder(
        given,
        asked=asked,
        flags=given_now,
        changed=run.get("changed") is not None,
        judgement=judgement_of(
            run.get("check"),
            run.get("schema"),
            repair=run.get("repair"),
            empty_fails=None if run.get("empty") is None else run["empty"] == "fail",
        ),
        run_dir=run["run_dir"],
        resume=run["resume"],
        retry_failed=run["retry_failed"],
        trial=run["trial"],
        release=bool(run.get("release")),
        practice=practice or (PRACTICE if run["simulate"] else None),
        stay=front is not None,
        out=run["out"],
        overwrite=run["overwrite"],
        reasoning=run["reasoning"],
        stdin=True,
        strict=run["strict"],
        workers=_workers(run),
        batch=terms,
    )
    return front(order, settings) if front is not None else _run_headless(order, settings, run)


def _run_headless(order: RunOrder, settings: Settings, run: Mapping[str, Any]) -> int:
    from llmdash.launch.headless import run_headless
    from llmdash.launch.preparing import prepare

    with prepare(order, settings) as prepared:
        return run_headless(prepared.plan, settings, json=run["as_json"], out=prepared.out)
