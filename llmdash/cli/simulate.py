"""`llmdash simulate`: serve the simulated endpoint."""

from __future__ import annotations

from typing import Any

import click

from llmdash.cli.errors import refuse
from llmdash.cli.number_range import NumberRange, WholeRange

__all__ = ["simulate"]


@click.command()
@click.option("--port", type=WholeRange(0, 65535), default=0, show_default=True, help="0 picks a free port.")
@click.option(
    "--keys", default="sim-key-1", show_default=True, metavar="A,B,C", help="The API keys it accepts."
)
@click.option("--rpm", type=NumberRange(min=0), default=0, help="Requests a minute and key; 0 is no limit.")
@click.option("--tpm", type=NumberRange(min=0), default=0, help="Tokens a minute and key; 0 is no limit.")
@click.option(
    "--latency", type=NumberRange(min=0), default=0.4, show_default=True, help="Mean seconds an answer."
)
@click.option(
    "--error-rate", type=NumberRange(0, 1), default=0.0, help="Share of requests answered with 500."
)
@click.option("--wrong-rate", type=NumberRange(0, 1), default=0.0, help="Share of arithmetic answered wrong.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:VARIANT][=P]",
    help="Serve a fault of real servers to a share P (1 if left out) of what it concerns; repeatable.",
)
@click.option("--list-faults", is_flag=True, help="List the faults, what each does, and its variants.")
@click.option(
    "--strict", is_flag=True, help="Refuse request fields that the provider does not publish, with 400."
)
@click.option(
    "--cached", type=NumberRange(0, 1), default=0.0, help="Share of prompt tokens read from the cache."
)
@click.option(
    "--reasoning", type=WholeRange(min=0), default=0, help="Tokens of reasoning before every answer."
)
@click.option(
    "--batch-speed",
    type=NumberRange(min=0.001),
    default=60,
    show_default=True,
    help="Seconds of the batch services that pass in one: at 60, a batch of ten minutes takes ten seconds.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides answers, delays and faults.")
def simulate(port: int, keys: str, faults: tuple[str, ...], list_faults: bool, **behaviour: Any) -> None:
    """Serve a simulated endpoint on 127.0.0.1, until interrupted.

    It speaks OpenAI's and Anthropic's dialects, and runs batches in the shapes of both, of Together and
    of Gemini. The first line of output is its base URL. GET /__sim__/stats returns what it has seen, GET
    /__sim__/requests what it was sent, and GET /__sim__/batches what batches and files it holds.
    """
    from llmdash.simulator.server import serve
    from llmdash.simulator.settings import SimulatorSettings

    if list_faults:
        _list()
        return
    try:
        settings = SimulatorSettings(
            keys=tuple(key.strip() for key in keys.split(",") if key.strip()),
            faults=dict(_share(fault) for fault in faults),
            **behaviour,
        )
        serve(settings, port=port, ready=lambda base_url: click.echo(base_url))
    except ValueError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"port {port} cannot be used: {error.strerror}; take another, or 0")


def _share(fault: str) -> tuple[str, float]:
    """Return a fault and its share: of `NAME=P` both, of `NAME` 1. Raises ValueError if P is no number."""
    name, equals, share = fault.partition("=")
    try:
        return name.strip(), float(share) if equals else 1.0
    except ValueError:
        raise ValueError(f"faults: {name}: {share!r} is not a number from 0 to 1") from None


def _list() -> None:
    """Print every fault with what it does, whom it concerns, and its variants."""
    from llmdash.simulator.faults.registry import FAULTS

    for fault in FAULTS.values():
        click.echo(f"{fault.name}: {fault.about} ({fault.reach.value})")
        if len(fault.variants) > 1:
            click.echo(f"    variants: {', '.join(fault.variants)}")
