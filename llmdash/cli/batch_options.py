"""The options of a run that sends its jobs in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.help_layout import OPTION_GROUPS
from llmdash.cli.number_range import WholeRange

if TYPE_CHECKING:
    from llmdash.engine.model.batch_terms import BatchTerms

__all__ = ["BATCH_OPTIONS", "BATCH_OPTION_NAMES", "batch_terms"]

BATCH_OPTIONS = (
    click.option(
        "--batch",
        is_flag=True,
        help="Send the jobs to the provider's batch service: mostly half the price, within 24 hours.",
    ),
    click.option(
        "--batch-deadline",
        metavar="T",
        help="Bring back what is out after 6h, or at 18:30, and send it one by one.",
    ),
    click.option("--batch-size", type=WholeRange(1), metavar="N", help="The most jobs of a batch."),
    click.option(
        "--batch-leave",
        is_flag=True,
        help="Exit with 10 once all jobs are with the provider; come back with --resume.",
    ),
    click.option(
        "--batch-only",
        is_flag=True,
        help="Hold what no batch takes or answers, in place of sending it one by one.",
    ),
    click.option("--batch-keep", is_flag=True, help="Leave the files of batches at the provider."),
    click.option(
        "--batch-abandon",
        is_flag=True,
        help="After the deadline, send again what the provider does not end; it may cost twice.",
    ),
)
BATCH_OPTION_NAMES = OPTION_GROUPS["Batches"]


def batch_terms(run: Mapping[str, Any]) -> BatchTerms:
    """Return what BATCH_OPTIONS say. Raises ConfigError for a deadline that is none."""
    from datetime import datetime

    from llmdash.engine.model.batch_terms import BatchTerms
    from llmdash.launch.batching import deadline_of

    deadline = run.get("batch_deadline")
    return BatchTerms(
        all_pending=bool(run.get("batch")),
        deadline=None if deadline is None else deadline_of(deadline, datetime.now().astimezone()),
        most_jobs=run.get("batch_size"),
        leaves=bool(run.get("batch_leave")),
        keeps=bool(run.get("batch_keep")),
        abandons=bool(run.get("batch_abandon")),
        only=bool(run.get("batch_only")),
    )
