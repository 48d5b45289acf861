"""Options of `llmdash run` that have no meaning without another one, or beside it: refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmdash.cli.batch_options import BATCH_OPTION_NAMES
from llmdash.cli.errors import refuse

__all__ = ["refuse_contradictions"]

_NEEDS: Final = (
    ("retry_failed", ("resume",), "--retry-failed needs --resume"),
    (
        "release",
        ("resume",),
        "--release needs --resume: it runs the rest of a run that is held after a trial, or by --batch-only",
    ),
    ("changed", ("resume",), "--changed ok needs --resume: a new run has the settings that are given"),
    ("overwrite", ("out", "resume"), "--overwrite needs --out: it replaces the file of results"),
    ("patience", ("workers", "cluster"), "--patience needs --workers or --cluster"),
    ("send_keys", ("cluster",), "--send-keys needs --cluster"),
    ("allow_insecure", ("cluster",), "--allow-insecure needs --cluster"),
    *(
        (name, ("batch", "resume"), f"--{name.replace('_', '-')} needs --batch")
        for name in BATCH_OPTION_NAMES
        if name != "batch"
    ),
    ("tls_ca", ("cluster",), "--tls-ca, --tls-cert and --tls-key need --cluster"),
)
"""An option, those of which it needs one, and what is said where there is none."""

_EXCLUDED: Final = (
    ("detach", "headless", "--detach and --headless exclude each other"),
    ("trial", "resume", "--trial begins a run; go on after a trial with --resume --release"),
    ("forecast", "resume", "--forecast is of a new run; leave out --resume"),
    ("strict", "allow_bad_lines", "--strict refuses bad lines, --allow-bad-lines leaves them out"),
    (
        "simulate",
        "batch_leave",
        "--simulate ends with the run, and what is left there with it; begin llmdash simulate, and name it "
        "with --base-url",
    ),
    ("batch", "cluster", "--batch sends nothing through workers; leave out --cluster"),
    ("workers", "cluster", "--workers starts workers on this machine, --cluster uses others"),
)
"""Two options, and what is said where both are given."""


def refuse_contradictions(given: Mapping[str, Any]) -> None:
    """Exit with 2 for an option that would have no effect, or two that exclude each other."""
    for option, others, message in _NEEDS:
        if _is(given, option) and not any(_is(given, other) for other in others):
            refuse(f"{message}; leave it out, or add that")
    for one, other, message in _EXCLUDED:
        if _is(given, one) and _is(given, other):
            refuse(message if ";" in message else f"{message}; give one of them")


def _is(given: Mapping[str, Any], option: str) -> bool:
    """True for an option that is given, were it 0; a switch that is off is not."""
    value = given.get(option)
    return value is not None and value is not False and value != ()
