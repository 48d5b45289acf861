"""`llmdash simulate`: serve the simulated endpoint."""

from __future__ import annotations

from typing import Any

import click

from llmdash.cli.errors import refuse

__all__ = ["simulate"]


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free port."
)
@click.option(
    "--keys", default="sim-key-1", show_default=True, metavar="A,B,C", help="The API keys it accepts."
)
@click.option(
    "--rpm", type=click.FloatRange(min=0), default=0, help="Requests a minute and key; 0 is no limit."
)
@click.option(
    "--tpm", type=click.FloatRange(min=0), default=0, help="Tokens a minute and key; 0 is no limit."
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
    """Serve a simulated endpoint with OpenAI's and Anthropic's dialects on 127.0.0.1 until interrupted.

    The first line of output is its base URL. GET /__sim__/stats returns what it has seen.
    """
    from llmdash.simulator.server import serve
    from llmdash.simulator.settings import SimulatorSettings

    try:
        settings = SimulatorSettings(
            keys=tuple(key.strip() for key in keys.split(",") if key.strip()), **behaviour
        )
        serve(settings, port=port, ready=lambda base_url: click.echo(base_url))
    except ValueError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"port {port} cannot be used: {error.strerror}; take another, or 0")
