"""Flaws that were seen on the screen, and what is right."""

from __future__ import annotations

__all__ = ["SCREEN"]

SCREEN = {
    "A. Header and verdict": {
        "eta-range": "the range of an estimate is whole, both units named, and does not move the bar",
        "final-rates": "a run that has ended shows its means, and nothing of it is painted again",
        "cancelled-red": "a cancelled job is no error in the bar",
        "cost-digits": "a cost has the digits that count, however small it is",
        "what-binds": "what binds keeps its word for two seconds, and is true at 256 in flight",
        "alert-line": "the verdict always has its line, so that no panel moves",
        "nothing-blocks": "a dead key is named in the verdict, and never passed over",
    },
    "B. Tables": {
        "waiting-rows": "jobs that wait are summed up in a row, and take none of their own",
        "why-failed": "a row says why its job failed, at every width",
        "wide-table": "on a wide screen result and answer have a column each",
        "scrollbar": "the scrollbar stands beside the rows, and not in the header",
        "three-numbers": "a job has its id and a number from 1; the manual says what an index is",
        "key-labels": "a key is called by its last characters, and the manual says so",
        "enter-on-key": "Enter on a key shows its jobs",
    },
    "C. Streams and graphs": {
        "no-text": "a stream without text says why",
        "small-plots": "small plots are lines with an axis, p50 and p95 in one",
        "graph-width": "a graph uses at least half of its width, and says what was measured",
    },
    "D. Keys and words": {
        "glyphs": "help explains every glyph that there is",
        "pause-name": "the palette says Go on while paused",
        "footer-focus": "the key bar follows the focus, and help is on it everywhere",
        "copy-notice": "each copy says once what was copied and where it is, or that it is nowhere",
        "one-retry": "one of a kind is no plural",
    },
    "E. Files and terminals": {
        "float-digits": "times are written without digits that no clock measures",
        "compared-models": "a comparison has no empty column, and its sentence is of all models",
        "doctor-twice": "two reports under tmux stand one below the other",
    },
}
