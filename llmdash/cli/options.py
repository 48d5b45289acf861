"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "CLUSTER_OPTIONS",
    "ENDPOINT_OPTIONS",
    "INPUT_OPTIONS",
    "JUDGEMENT_OPTIONS",
    "OVERWRITE_OPTION",
    "RUN_OPTIONS",
    "SETTING_OPTIONS",
    "SET_OPTION",
    "TLS_OPTIONS",
    "names_in",
    "split",
    "tls_files",
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

ENDPOINT_OPTIONS = (
    click.option("--model", help="Model to ask for.  [default: gpt-4o-mini]"),
    click.option("--base-url", metavar="URL", help="The endpoint, such as http://127.0.0.1:8000/v1."),
    click.option(
        "--dialect",
        metavar="NAME",
        help="What the endpoint speaks, such as anthropic.  [default: openai-chat]",
    ),
    click.option(
        "--endpoint",
        multiple=True,
        metavar="NAME",
        help="Only this [[endpoint]] of llmdash.toml; may be given several times.",
    ),
    *_CONNECTION_OPTIONS,
)

SETTING_OPTIONS = (
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
    *ENDPOINT_OPTIONS,
)

OVERWRITE_OPTION = click.option(
    "--overwrite", is_flag=True, help="With --out: replace a file that holds something else."
)

JUDGEMENT_OPTIONS = (
    click.option(
        "--check",
        metavar="HOW",
        help="How answers are compared with what is expected: equal, number, contains, pattern or json.",
    ),
    click.option(
        "--schema",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A JSON schema: answers are asked for by it, and validated.",
    ),
    click.option("--repair", is_flag=True, help="With --schema: ask once more for an invalid answer."),
    click.option(
        "--empty",
        type=click.Choice(["done", "fail"]),
        help="What an empty answer is.  [default: done]",
    ),
)

INPUT_OPTIONS = (
    click.option("--template", metavar="TEXT", help="The prompt of each row, such as 'Why {{question}}?'."),
    click.option("--prompt-column", metavar="NAME", help="The field or column that is the prompt."),
    click.option("--system", metavar="TEXT", help="A system message for every prompt without its own."),
    click.option("--send", multiple=True, metavar="F", help="Send these fields of a row (F,G); repeatable."),
    click.option(
        "--carry",
        multiple=True,
        metavar="F",
        help="Carry these fields into the results, and do not send them; none carries nothing.",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The table of a prompt set, in place of its own.",
    ),
    click.option(
        "--allow-bad-lines", is_flag=True, help="Exit with 0, not 8, where input lines were left out."
    ),
)

RUN_OPTIONS = (
    click.option("--headless", is_flag=True, help="No dashboard; the default without a terminal."),
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
        "--workers",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Let N processes of this machine make the requests.  [extra: cluster]",
    ),
    click.option(
        "--patience",
        type=click.FloatRange(0.0),
        metavar="S",
        help="Without a dashboard: how long to wait for a worker.  [default: 300]",
    ),
)

TLS_OPTIONS = (
    click.option(
        "--tls-ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Who is trusted, in PEM.",
    ),
    click.option(
        "--tls-cert",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The certificate of this side, in PEM.",
    ),
    click.option(
        "--tls-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Its key, in PEM.",
    ),
    click.option(
        "--allow-insecure", is_flag=True, help="Connect to another machine without encryption (tcp://)."
    ),
)

CLUSTER_OPTIONS = (
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Let the workers of this Dask scheduler make the requests, such as tls://host:8786.",
    ),
    *TLS_OPTIONS,
    click.option(
        "--send-keys", is_flag=True, help="Send keys to the workers; else they look them up by fingerprint."
    ),
)


def with_options(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def split(options: dict[str, Any]) -> dict[str, Any]:
    """Remove what is not a setting from `options`, and return it."""
    names = (
        *(
            "headless",
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
        *("template", "prompt_column", "system", "send", "carry", "data", "allow_bad_lines"),
        *("check", "schema", "repair", "empty", "changed"),
        *("workers", "patience", "cluster", "tls_ca", "tls_cert", "tls_key", "allow_insecure", "send_keys"),
    )
    return {name: options.pop(name) for name in names if name in options}


def names_in(given: Sequence[str]) -> tuple[str, ...]:
    """Return the names in an option that may be repeated, each with a list of names in it: `a,b`."""
    names = (name.strip() for text in given for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def tls_files(given: Mapping[str, Any]) -> tuple[Path, Path, Path] | None:
    """Return the files of an encrypted connection, None if there are none. Raises UsageError if some lack."""
    ca, cert, key = (given.get(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    if ca and cert and key:
        return ca, cert, key
    if ca or cert or key:
        raise click.UsageError("--tls-ca, --tls-cert and --tls-key belong together; give all three")
    return None
