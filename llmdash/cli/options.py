"""The options that several commands share, and how a command takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from llmdash.cli.completing import dialects, endpoint_names, one_of
from llmdash.cli.number_range import NumberRange

__all__ = [
    "AUTO_OPTION",
    "ENDPOINT_OPTIONS",
    "HEADLESS_OPTION",
    "MODEL_OPTION",
    "OVERWRITE_OPTION",
    "SETTING_OPTIONS",
    "SET_OPTION",
    "SIMULATE_OPTION",
    "TUNING_OPTIONS",
    "own_folder_option",
    "practice_options",
    "with_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_CONNECTION_OPTIONS = (
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME=VALUE",
        help="A header for every request; NAME=env:VARIABLE takes its value from the environment or .env.",
    ),
    click.option(
        "--query", multiple=True, metavar="NAME=VALUE", help="A parameter of the URL, in the same ways."
    ),
    click.option(
        "--auth", metavar="HOW", help="How the key is sent: bearer, header:NAME or none.  [default: as usual]"
    ),
    click.option(
        "--proxy", metavar="URL", help="The proxy for requests; environment for that of HTTPS_PROXY, or none."
    ),
    click.option(
        "--ca-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Certificates to trust, in PEM.",
    ),
    click.option(
        "--timeout",
        multiple=True,
        metavar="NAME=S",
        help="A time limit in seconds: connect, first-byte, stall or total.",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read this file in place of the folder's llmdash.toml.",
    ),
)

SET_OPTION = click.option(
    "--set",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="A request option, such as top_p=0.9; the value is JSON, or else text. May be given several times.",
)

MODEL_OPTION = click.option("--model", metavar="NAME", help="Model to ask for.  [default: gpt-4o-mini]")

ENDPOINT_OPTIONS = (
    MODEL_OPTION,
    click.option("--base-url", metavar="URL", help="The endpoint, such as http://127.0.0.1:8000/v1."),
    click.option(
        "--dialect",
        metavar="NAME",
        shell_complete=dialects,
        help="What the endpoint speaks, such as anthropic.  [default: openai-chat]",
    ),
    click.option(
        "--endpoint",
        multiple=True,
        metavar="NAME",
        shell_complete=endpoint_names,
        help="Only this [[endpoint]] of llmdash.toml; may be given several times.",
    ),
    *_CONNECTION_OPTIONS,
)

TUNING_OPTIONS = (
    click.option(
        "--rate", metavar="RATE", help="Requests started, as 5/s, 300/min or unlimited.  [default: 5/s a key]"
    ),
    click.option("--concurrency", metavar="N", help="Requests in flight at most.  [default: 64]"),
    click.option("--limit", metavar="N", help="Only the first N prompts."),
    click.option("--temperature", metavar="T", help="Sampling temperature, 0 to 2."),
    click.option("--max-tokens", metavar="N", help="Longest answer, in tokens."),
    SET_OPTION,
    click.option(
        "--stream/--no-stream", default=None, help="Stream answers or fetch them whole.  [default: stream]"
    ),
    click.option("--fps", metavar="N", help="Frames per second, 5 to 30.  [default: 15]"),
    click.option(
        "--notify",
        metavar="HOW",
        shell_complete=one_of("bell", "desktop", "none"),
        help="When the run is done, held or stopped: bell, desktop (where the terminal can) or none.  "
        "[default: bell]",
    ),
    click.option(
        "--on-end",
        metavar="CMD",
        help="Then run this in a shell, with the summary as JSON on its standard input and no keys.",
    ),
)
"""How a run goes, whatever endpoint it asks."""

SETTING_OPTIONS = (*TUNING_OPTIONS, *ENDPOINT_OPTIONS)

AUTO_OPTION = click.option(
    "--auto/--no-auto",
    default=None,
    help="Find the rate by itself, from what is refused and how long answers take; --rate is the most.",
)

HEADLESS_OPTION = click.option(
    "--headless", is_flag=True, help="No dashboard; the default without a terminal."
)

SIMULATE_OPTION = click.option(
    "--simulate", is_flag=True, help="Use the built-in simulator instead of an endpoint."
)

OVERWRITE_OPTION = click.option(
    "--overwrite", is_flag=True, help="With --out: replace a file that holds something else."
)


def practice_options(latency: float) -> tuple[Callable[[F], F], ...]:
    """Return the options to measure on the simulator, whose answers take a mean `latency` in s."""
    return (
        SIMULATE_OPTION,
        click.option(
            "--latency",
            type=NumberRange(min=0),
            default=latency,
            show_default=True,
            metavar="S",
            help="With --simulate: mean seconds an answer.",
        ),
    )


def own_folder_option(what: str) -> Callable[[F], F]:
    """Return the option that says where `what` is kept, of a command that makes runs of its own."""
    return click.option(
        "--run-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help=f"Keep {what} here.  [default: with all other runs]",
    )


def with_options(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
