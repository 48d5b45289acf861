"""`llmdash limits`: the limits that runs share, and who has what of them."""

from __future__ import annotations

from pathlib import Path

import click

from llmdash.cli.errors import guarded, refuse

__all__ = ["limits"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def limits(as_json: bool) -> None:
    """Show the limits that runs share, and what each run has of them.

    A limit is defined in llmdash.toml, here or in the config folder: [limits."org-a"] with rate = "60/s",
    tpm = 200_000 or both. limit = "org-a" in an [[endpoint]] uses it; shared_limit = "org-a" does for all
    endpoints.
    """
    guarded(lambda: _limits(as_json=as_json))


def _limits(*, as_json: bool) -> int:
    from llmdash.engine.dispatch.leases import LeaseError
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.limits import defined_limits, limits_as_json, limits_as_text

    defined = defined_limits(Path.cwd())
    try:
        click.echo((limits_as_json if as_json else limits_as_text)(defined))
    except LeaseError as error:
        refuse(str(error), ExitCode.STORAGE)
    return 0
