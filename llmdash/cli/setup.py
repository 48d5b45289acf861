"""`llmdash init` and `llmdash check`: write a configuration, and try its keys."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import guarded, refuse, settings_from
from llmdash.cli.help_layout import LaidOutCommand
from llmdash.cli.init_questions import answers_for
from llmdash.cli.options import ENDPOINT_OPTIONS, with_options

if TYPE_CHECKING:
    from llmdash.config.file import Answers

__all__ = ["check", "init"]


@click.command(cls=LaidOutCommand)
@with_options(ENDPOINT_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each key.")
def check(as_json: bool, **flags: Any) -> None:
    """Make one small call with each key and say which work.

    Exits with 0 if all keys work, 3 if some do not, 5 if none does.
    """
    guarded(lambda: _check(flags, as_json=as_json))


def _check(flags: dict[str, Any], *, as_json: bool) -> int:
    import asyncio

    from llmdash.exit_codes import ExitCode, of_signal
    from llmdash.launch.key_check import check_keys
    from llmdash.launch.key_check_table import as_record, as_table
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line

    settings = settings_from(flags)
    try:
        checks = asyncio.run(check_keys(settings))
    except KeyboardInterrupt:
        return of_signal(signal.SIGINT)
    output = Output(sys.stdout)
    if as_json:
        for each in checks:
            output.line(encode_line(as_record(each)))
    else:
        output.line(as_table(checks))
    if all(each.works for each in checks):
        return 0
    return ExitCode.FAILED if any(each.works for each in checks) else ExitCode.NO_KEY


@click.command(cls=LaidOutCommand)
@click.option("--yes", is_flag=True, help="Ask nothing and take the defaults.")
@click.option("--force", is_flag=True, help="Overwrite an existing llmdash.toml.")
@click.option(
    "--provider",
    metavar="NAME",
    help="Write for this one: azure, azure-v1, openrouter, gemini, litellm, vllm, or a dialect.",
)
@click.option("--base-url", metavar="URL", help="The endpoint, in place of the provider's usual one.")
@click.option("--model", help="The model to ask for.")
def init(yes: bool, force: bool, **given: str | None) -> None:
    """Ask a few questions and write a commented llmdash.toml.

    Keys are never written into it: it names the variables that hold them. Keys typed here are not shown, and
    are written to .env only.
    """
    guarded(lambda: _init(Path.cwd(), given, yes=yes, force=force))


def _init(folder: Path, given: Mapping[str, str | None], *, yes: bool, force: bool) -> int:
    from llmdash import locations
    from llmdash.config.dotenv import read_dotenv
    from llmdash.config.file import append_variables, toml_text, write_config
    from llmdash.config.keys import Variables
    from llmdash.config.sources import VariableSource

    config, env = folder / locations.CONFIG_NAME, folder / locations.ENV_NAME
    if config.exists() and not force:
        refuse(f"{config.name} is there already; move it away, or overwrite it with: llmdash init --force")
    variables = Variables(
        VariableSource.of_environment(os.environ), VariableSource.of_dotenv(read_dotenv(env))
    )
    answers = answers_for(variables, given, yes=yes)
    missing = [name for name in _needed(answers) if variables.find(name) is None]
    values = [(name, _value(name, yes=yes)) for name in missing]
    written = [(name, value) for name, value in values if value]
    if written:
        append_variables(env, written)
        click.echo(
            f"{', '.join(name for name, _ in written)} written to {env.name}, which only you can read."
        )
    write_config(config, toml_text(answers), force=force)
    click.echo(f"{config.name} is written.")
    _trust(config)
    _show_next_steps(missing, written, answers)
    return 0


def _trust(config: Path) -> None:
    """Trust the file that was just written, as the user's own."""
    from llmdash.config import SETTINGS, ConfigError
    from llmdash.config.deciding import deciding_table_file
    from llmdash.config.toml import from_toml
    from llmdash.launch.trust import TrustStore

    deciding = deciding_table_file(config, from_toml(config, config.name, SETTINGS))
    if deciding is None:
        return
    try:
        TrustStore().add((deciding,))
    except ConfigError as error:
        click.echo(f"llmdash: {error}; trust it with: llmdash trust", err=True)


def _needed(answers: Answers) -> tuple[str, ...]:
    """Return the variables without which the file would not load."""
    from llmdash.config.endpoints import PROMPTLAYER_KEY
    from llmdash.llms.dialects import DIALECTS

    reporting = (PROMPTLAYER_KEY,) if DIALECTS[answers.dialect].reports else ()
    return tuple(dict.fromkeys((*answers.variables, *reporting)))


def _value(name: str, *, yes: bool) -> str:
    """Return keys for a variable that is not set: as typed, or a placeholder; empty to set it elsewhere."""
    from llmdash.config.file import PLACEHOLDER

    if yes:
        return PLACEHOLDER
    if not click.confirm(f"{name} is not set. Put it into .env?", default=True):
        return ""
    return _typed_keys(name) or PLACEHOLDER


def _typed_keys(name: str) -> str:
    from llmdash.config.key_list import parse_keys
    from llmdash.config.values import ConfigError

    def checked(text: str) -> str:
        try:
            keys, _ = parse_keys(text)
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        return ",".join(key.reveal() for key in keys)

    typed: str = click.prompt(
        f"{name}: keys, split by commas (not shown; empty for a placeholder)",
        default="",
        show_default=False,
        hide_input=True,
        value_proc=checked,
    )
    return typed


def _show_next_steps(missing: list[str], given: list[tuple[str, str]], answers: Answers) -> None:
    from llmdash.config.file import PLACEHOLDER
    from llmdash.config.presets import PRESETS

    preset = PRESETS.get(answers.name)
    blanks = [word for word in (preset.blanks if preset else ()) if word in answers.base_url + answers.model]
    if blanks:
        click.echo(f"Put your own names into llmdash.toml in place of {' and '.join(blanks)}.")

    unset = [name for name in missing if name not in dict(given)]
    open_ones = [name for name, value in given if value == PLACEHOLDER]
    if unset:
        click.echo(f"Set {', '.join(unset)} before you go on.")
    if open_ones:
        click.echo(f"Put your keys into .env in place of {PLACEHOLDER}.")
    click.echo("Then try it: llmdash check")
