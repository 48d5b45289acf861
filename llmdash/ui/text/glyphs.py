"""What each glyph on the screen means: states as their badges have them, and the marks of the panels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from llmdash.ui.text.badges import (
    ALL_BATCHED,
    BATCH_STATES,
    ENDPOINT_STATES,
    JOB_STATES,
    KEY_STATES,
    RUN_STATES,
    VERDICTS,
    WORKER_STATES,
    Badge,
)

__all__ = ["LEGEND", "Glyph"]


class Glyph(NamedTuple):
    """A glyph of one cell, what it means, and the theme's variable that it is drawn in."""

    glyph: str
    meaning: str
    tint: str


_TINTS: Final[Mapping[str, str]] = {
    "success": "$text-success",
    "warning": "$text-warning",
    "error": "$text-error",
    "active": "$text-primary",
    "waiting": "$text-secondary",
    "muted": "$text-muted",
}


_IN_FULL: Final[Mapping[str, str]] = {
    "limiter": "limiter: waits for the rate",
    "key": "key: waits for one that may send",
    "backoff": "backoff: failed once, next try soon",
    "sent": "sent, no answer yet",
    "stream": "stream: the answer arrives",
    "batched": "batched: with a provider, at its price for batches",
    "invalid": "invalid: does not match the schema",
    "rests": "rests after a 429, as long as the server says",
    "cooldown": "cooldown: it fails where other keys do not",
    "no quota": "no quota left; tried again from time to time",
    "dead": "dead: refused by the server",
    "off": "off: you turned it off",
    "down": "down: nothing is sent but a try from time to time",
    "probing": "probing: one request tries it again",
    "not equal": "not equal to what was expected",
    "planned": "planned: its file is written, nothing is sent",
    "uploaded": "uploaded: its file is at the provider, which has not begun",
    "creating": "creating: whether the provider has it is not known yet",
    "out": "out: the provider works on it",
    "cancelling": "cancelling: the provider was asked to end it",
    "ended": "ended: its results are being fetched",
    "held": "held: it waits for you",
    "closed": "closed: each job has its result, or is pending again",
    "dropped": "dropped: never created, its jobs are pending again",
    "not parseable": "not parseable: no result was found in it",
}
"""Words of states that do not explain themselves."""


def _states(badges: Iterable[Badge]) -> tuple[Glyph, ...]:
    return tuple(
        Glyph(each.glyph, _IN_FULL.get(each.word, each.word), _TINTS[each.style])
        for each in badges
        if each.word
    )


_PRESS: Final = "$text-accent"
_MOVES: Final = "$text-primary"
_QUIET: Final = "$text-muted"
_INK: Final = "$foreground"

LEGEND: Final[tuple[tuple[str, tuple[Glyph, ...]], ...]] = (
    ("A job", _states(JOB_STATES.values())),
    ("Its answer", _states(VERDICTS.values())),
    (
        "The bar of a job",
        (
            Glyph("·", "waited until it was sent", _QUIET),
            Glyph("─", "sent, until the first token", "$text-secondary"),
            Glyph("━", "the answer streams in", _MOVES),
            Glyph("╸", "it goes on", _MOVES),
            Glyph("»", "longer than the scale", _QUIET),
        ),
    ),
    (
        "A table",
        (
            Glyph("›", "the row under the cursor", _PRESS),
            Glyph("▾", "sorted by this column, largest or newest first", _INK),
            Glyph("▴", "sorted by this column, smallest or oldest first", _INK),
        ),
    ),
    ("A key", (Glyph("▌", "a request was sent with it just now", _MOVES), *_states(KEY_STATES.values()))),
    ("An endpoint", _states(ENDPOINT_STATES.values())),
    (
        "The sliders",
        (
            Glyph("◆", "what is set", _PRESS),
            Glyph("◇", "what was asked for, until it holds", "$text-warning"),
            Glyph("▲", "what is achieved", "$text-success"),
            Glyph("◈", "both at the same place", _PRESS),
            Glyph("┼", "a decade of the scale", _QUIET),
        ),
    ),
    (
        "The stream",
        (
            Glyph("|", "between two chunks, as they came from the server", _PRESS),
            Glyph("▂", "the gap before a chunk, as a height", _QUIET),
            Glyph("█", "a gap so long that the stream stalled; its time stands beside it", "$text-warning"),
            Glyph("‖", "the stream stalled here, in a line of gap times", "$text-warning"),
            Glyph("▍", "more is to come", _MOVES),
        ),
    ),
    (
        "The header",
        (
            Glyph("━", "the share that is done", "$text-success"),
            Glyph("×", "the share that failed", "$text-error"),
            Glyph("╍", "the share that is in flight", _MOVES),
            Glyph("╌", "the share that is in batches", _MOVES),
            Glyph("│", "parts groups of figures, and the panel's keys from those of everywhere", _QUIET),
            Glyph("!", "how many things block the run or need you; the key ! lists them", _PRESS),
        ),
    ),
    ("A run", _states((*RUN_STATES.values(), ALL_BATCHED))),
    ("A worker", _states(WORKER_STATES.values())),
    ("A batch", _states(BATCH_STATES.values())),
)
"""The glyphs of each place, in the order in which the eye meets them."""
