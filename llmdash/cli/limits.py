"""`llmdash limits`: the limits that runs share, and who has what of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from llmdash.cli.cluster_options import TLS_OPTIONS, tls_files
from llmdash.cli.errors import guarded, refuse
from llmdash.cli.options import with_options

__all__ = ["limits"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--cluster", metavar="ADDRESS", help="Those of runs that use the workers of this scheduler.")
@with_options(TLS_OPTIONS)
def limits(as_json: bool, **options: Any) -> None:
    """Show the limits that runs share, and the part of each.

    A limit is defined in llmdash.toml, here or in the config folder: [limits."org-a"] with rate = "60/s",
    tpm = 200_000 or both. limit = "org-a" in an [[endpoint]] uses it; shared_limit = "org-a" does for all
    endpoints. The runs of a machine share it, and with --cluster those of all machines that use the cluster.
    """
    guarded(lambda: _limits(options, as_json=as_json))


def _limits(options: Mapping[str, Any], *, as_json: bool) -> int:
    from llmdash.engine.dispatch.leases import LeaseError
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.limits import defined_limits, limits_as_json, limits_as_text, rows_in_use
    from llmdash.launch.workers import WorkersOrder
    from llmdash.reports.output import Output

    insecure = options["allow_insecure"]
    order = WorkersOrder(cluster=options["cluster"], tls=tls_files(options), insecure=insecure)
    defined = defined_limits(Path.cwd())
    try:
        said = (limits_as_json if as_json else limits_as_text)(defined, rows_in_use(order))
    except LeaseError as error:
        refuse(str(error), ExitCode.STORAGE)
    Output(sys.stdout).line(said)
    return 0
