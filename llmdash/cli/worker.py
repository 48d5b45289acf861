"""`llmdash worker`: make requests for the runs of a cluster."""

from __future__ import annotations

from typing import Any

import click

from llmdash.cli.cluster_options import TLS_OPTIONS, tls_files
from llmdash.cli.errors import guarded
from llmdash.cli.options import with_options

__all__ = ["worker"]


@click.command()
@click.argument("address")
@click.option("--name", metavar="NAME", help="What runs call this worker.  [default: host and process]")
@with_options(TLS_OPTIONS)
def worker(address: str, name: str | None, **options: Any) -> None:
    """Make requests for runs, as a worker of a Dask scheduler.

    ADDRESS is that of the scheduler, such as tls://host:8786. The worker finds the keys of a run among its
    own, in the .env of this folder and in the environment. It starts again when it ends, and joins again when
    the scheduler comes back. Ctrl-C ends it.
    """
    guarded(lambda: _work(address, name, options))


def _work(address: str, name: str | None, options: dict[str, Any]) -> int:
    from llmdash.launch.workers import WorkersOrder, work_for

    insecure = options["allow_insecure"]
    return work_for(WorkersOrder(cluster=address, tls=tls_files(options), insecure=insecure), name)
