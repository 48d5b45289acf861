"""`llmdash trust`: trust the settings files of this folder that decide where keys are sent."""

from __future__ import annotations

import os

import click

from llmdash.cli.errors import guarded, settings_in_folder

__all__ = ["trust"]


@click.command()
def trust() -> None:
    """Trust llmdash.toml and .env of this folder as they are.

    A file found in the current folder may say where your keys are sent (base_url, api_key_env, proxy, headers
    and others) or which code is run. It is used once you trust it; a change of one of these fields asks
    again.
    """
    guarded(_trust)


def _trust() -> int:
    from llmdash.launch.trust import TrustStore, refusal, untrusted
    from llmdash.sanitize import clean_line

    files = untrusted(settings_in_folder({}).trustable, os.environ)
    if not files:
        click.echo("There is nothing to trust here: no file of this folder sends keys that it does not hold.")
        return 0
    for line in refusal(files).splitlines()[:-1]:
        click.echo(line)
    TrustStore().add(files)
    names = ", ".join(clean_line(file.path.name) for file in files)
    click.echo(f"Trusted: {names}, until one of these fields changes.")
    return 0
