"""The options for workers elsewhere, and for the encrypted way to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

__all__ = ["CLUSTER_OPTIONS", "TLS_OPTIONS", "tls_files"]

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


def tls_files(given: Mapping[str, Any]) -> tuple[Path, Path, Path] | None:
    """Return the files of an encrypted connection, None if there are none. Raises UsageError if some lack."""
    ca, cert, key = (given.get(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    if ca and cert and key:
        return ca, cert, key
    if ca or cert or key:
        raise click.UsageError("--tls-ca, --tls-cert and --tls-key belong together; give all three")
    return None
