"""The command line, and the root where everything is put together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from llmdash import __version__

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.plans import Input
    from llmdash.simulator.process import SimulatorProcess
    from llmdash.simulator.settings import SimulatorSettings

__all__ = ["main"]

F = TypeVar("F", bound=Callable[..., Any])

_SETTING_OPTIONS = (
    click.option("--model", help="Model to ask for.  [default: gpt-4o-mini]"),
    click.option(
        "--rate", metavar="RATE", help="Requests started, as 5/s, 300/min or unlimited.  [default: 5/s a key]"
    ),
    click.option("--concurrency", metavar="N", help="Requests in flight at most.  [default: 64]"),
    click.option("--limit", metavar="N", help="Only the first N prompts."),
    click.option("--temperature", metavar="T", help="Sampling temperature, 0 to 2."),
    click.option("--max-tokens", metavar="N", help="Longest answer, in tokens."),
    click.option(
        "--stream/--no-stream", default=None, help="Stream answers or fetch them whole.  [default: stream]"
    ),
    click.option("--fps", metavar="N", help="Pictures a second, 5 to 30.  [default: 15]"),
    click.option("--base-url", metavar="URL", help="The endpoint, such as http://127.0.0.1:8000/v1."),
)

_RUN_OPTIONS = (
    click.option(
        "--headless", is_flag=True, help="No dashboard; chosen by itself where there is no terminal."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the last one the summary."),
    click.option(
        "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the results as JSON lines."
    ),
    click.option("--run-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where the run is kept."),
)


def _with(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llmdash")
@click.pass_context
def main(context: click.Context) -> None:
    """Run a file of prompts through a pool of API keys, and watch.

    Without a command the dashboard asks what to run. Keys come from .env (API_KEY=a,b,c and BASE_URL=...) or
    OPENAI_API_KEY, never from the command line.
    """
    if context.invoked_subcommand is None:
        if not _has_terminal():
            _refuse("a terminal is needed to choose from; name what to run: llmdash run FILE --headless")
        _guarded(lambda: _open_dashboard(_settings({})))


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_with(_SETTING_OPTIONS)
@_with(_RUN_OPTIONS)
@click.option(
    "--resume", is_flag=True, help="Go on with the last run over FILE, or with the one in --run-dir."
)
@click.option("--retry-failed", is_flag=True, help="With --resume: try the failed jobs again.")
@click.option("--simulate", is_flag=True, help="Use the built-in simulator instead of an endpoint.")
@click.option("--strict", is_flag=True, help="Refuse input with bad lines instead of leaving them out.")
def run(file: Path | None, **options: Any) -> None:
    """Run the prompts in FILE (- for standard input).

    FILE holds JSON lines, a JSON array, CSV, plain text (one prompt a line) or a TOML prompt set.
    """
    from llmdash.plans import Input

    run_options = _split(options)
    _guarded(lambda: _run(Input(file), run_options, options))


@main.command()
@_with(_SETTING_OPTIONS)
@_with(_RUN_OPTIONS)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Decides expressions, answers and faults."
)
def demo(seed: int, **options: Any) -> None:
    """Run the arithmetic batch on the built-in simulator: no key, no cost."""
    from llmdash.plans import DEMO_RATE, PRACTICE, Input

    run_options = {
        **_split(options),
        "resume": False,
        "retry_failed": False,
        "strict": False,
        "simulate": True,
    }
    options["rate"] = options["rate"] or f"{DEMO_RATE:g}/s"
    _guarded(lambda: _run(Input(seed=seed), run_options, options, replace(PRACTICE, seed=seed)))


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one."
)
@click.option(
    "--keys", default="sim-key-1", show_default=True, metavar="A,B,C", help="The API keys it accepts."
)
@click.option(
    "--rpm", type=click.FloatRange(min=0), default=0, help="Requests a minute and key; 0 is no limit."
)
@click.option(
    "--latency", type=click.FloatRange(min=0), default=0.4, show_default=True, help="Mean seconds an answer."
)
@click.option(
    "--error-rate", type=click.FloatRange(0, 1), default=0.0, help="Share of requests answered with 500."
)
@click.option(
    "--wrong-rate", type=click.FloatRange(0, 1), default=0.0, help="Share of arithmetic answered wrong."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides answers, delays and faults.")
def simulate(port: int, keys: str, **behaviour: Any) -> None:
    """Serve a simulated OpenAI endpoint on 127.0.0.1 until interrupted.

    The first line of output is its base URL. GET /__sim__/stats tells what it has seen.
    """
    from llmdash.simulator.server import serve
    from llmdash.simulator.settings import SimulatorSettings

    try:
        settings = SimulatorSettings(
            keys=tuple(key.strip() for key in keys.split(",") if key.strip()), **behaviour
        )
        serve(settings, port=port, ready=lambda base_url: click.echo(base_url))
    except ValueError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"port {port} cannot be had: {error.strerror}; take another, or 0")


def _split(options: dict[str, Any]) -> dict[str, Any]:
    """Take what is not a setting out of `options`."""
    names = ("headless", "as_json", "out", "run_dir", "resume", "retry_failed", "simulate", "strict")
    return {name: options.pop(name) for name in names if name in options}


def _run(
    given: Input, run: Mapping[str, Any], flags: Mapping[str, Any], practice: SimulatorSettings | None = None
) -> int:
    from llmdash import plans
    from llmdash.reports.export import check_writable

    settings = _settings(flags)
    given = replace(given, limit=settings.limit)
    if run["out"] is not None:
        check_writable(run["out"])
    folder = None
    if run["resume"]:
        folder, given, facts = plans.earlier_run(run["run_dir"], given)
        practice = practice or plans.practice_settings(facts)
    elif given.path is not None and str(given.path) == "-":
        folder = plans.run_folder(run["run_dir"], "stdin")
        given = replace(given, path=plans.spool(sys.stdin.buffer, folder))
    if run["simulate"]:
        practice = practice or plans.PRACTICE
    if practice is None and not settings.keys:
        _refuse_without_key()
    source = plans.open_input(given)
    _tell_problems(source.problems, strict=run["strict"])
    settings = plans.with_options_of(source, settings, asked=flags)
    folder = folder or plans.run_folder(run["run_dir"], source.name)
    simulator = _start_simulator(practice)
    headless = run["headless"] or run["as_json"] or not _has_terminal()
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
        )
        if not headless:
            return _open_dashboard(settings, plan=plan, simulator=simulator, out=run["out"])
        from llmdash.headless import run_headless

        return run_headless(plan, json=run["as_json"], out=run["out"])
    finally:
        if simulator is not None:
            simulator.close()


def _start_simulator(practice: SimulatorSettings | None) -> SimulatorProcess | None:
    from llmdash.simulator.process import SimulatorProcess

    return SimulatorProcess(practice) if practice is not None else None


def _open_dashboard(settings: Settings, **how: Any) -> int:
    from llmdash.interactive import show

    return show(settings, **how)


def _settings(flags: Mapping[str, Any]) -> Settings:
    from llmdash.config import load_settings

    settings = load_settings(flags, environ=os.environ, cwd=Path.cwd())
    for warning in settings.warnings:
        click.echo(f"llmdash: {warning}", err=True)
    return settings


def _tell_problems(problems: Any, *, strict: bool) -> None:
    from llmdash.prompts.source import InputError
    from llmdash.sanitize import clean_line

    for problem in problems:
        click.echo(f"llmdash: {clean_line(str(problem))}", err=True)
    if problems and strict:
        raise InputError(
            f"{len(problems)} bad lines, and --strict was given; mend them, or leave out --strict"
        )


def _guarded(work: Callable[[], int]) -> NoReturn:
    """Do `work` and exit with its code; what the user can mend becomes one line and the code for it."""
    from llmdash.config import ConfigError
    from llmdash.engine.journal import JournalError
    from llmdash.engine.lock import LockedError
    from llmdash.headless import EXIT_LOCKED, EXIT_STORAGE, EXIT_USAGE
    from llmdash.prompts.source import InputError
    from llmdash.reports.export import ExportError
    from llmdash.simulator.process import SimulatorError

    codes: dict[type[Exception], int] = {
        ConfigError: EXIT_USAGE,
        InputError: EXIT_USAGE,
        JournalError: EXIT_USAGE,
        ExportError: EXIT_STORAGE,
        LockedError: EXIT_LOCKED,
        SimulatorError: 1,
    }
    try:
        code = work()
    except tuple(codes) as error:
        _refuse(str(error), next(code for kind, code in codes.items() if isinstance(error, kind)))
    sys.exit(code)


def _refuse_without_key() -> NoReturn:
    _refuse("no API key: put API_KEY=... into .env, set OPENAI_API_KEY, or add --simulate to practise")


def _refuse(message: str, code: int = 2) -> NoReturn:
    from llmdash.sanitize import clean_line

    click.echo(f"llmdash: {clean_line(message)}", err=True)
    sys.exit(code)


def _has_terminal() -> bool:
    # Textual draws on standard error.
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


if __name__ == "__main__":
    main()
