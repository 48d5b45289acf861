"""A kept run in full: lines for people, and a JSON object for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from llmdash.engine.model.counts import counted, listed
from llmdash.reports.wording import UNKNOWN, count, duration, export_command, money, seconds, share
from llmdash.runs.details import RunDetails
from llmdash.runs.entry import KeptState
from llmdash.runs.removal import Removed
from llmdash.runs.table import as_record, moment
from llmdash.sanitize import clean_line

__all__ = ["as_lines", "as_object", "removed_line", "size"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(number: float) -> str:
    """Return a number of bytes: `812 bytes`, `1.2 MB`."""
    place = 0
    while number >= 1000 and place < len(_UNITS) - 1:
        number, place = number / 1000, place + 1
    return f"{number:,.0f} {_UNITS[place]}" if not place or number >= 100 else f"{number:.1f} {_UNITS[place]}"


def as_lines(details: RunDetails) -> list[str]:
    """Return what is known of a run, a name and a value a line. Safe to show."""
    pairs = [*_head(details), *_figures(details), *_rest(details)]
    width = max(len(name) for name, _ in pairs)
    return [f"{name:<{width}}  {clean_line(value)}" for name, value in pairs]


def _head(details: RunDetails) -> Iterator[tuple[str, str]]:
    entry = details.entry
    yield "run", entry.id
    yield "name", entry.title
    if entry.tags:
        yield "tags", ", ".join(entry.tags)
    at_work = f", process {entry.pid}" if entry.pid is not None else ""
    yield "state", f"{entry.state.value}{at_work}"
    if entry.problem is not None:
        yield "problem", entry.problem
    yield "model", " @ ".join(part for part in (entry.model, entry.endpoint) if part) or UNKNOWN
    yield "started", moment(entry.started)
    if entry.ended is not None:
        yield "ended", moment(entry.ended)
    if entry.elapsed_s is not None:
        yield "at work", duration(entry.elapsed_s)


def _figures(details: RunDetails) -> Iterator[tuple[str, str]]:
    entry = details.entry
    if entry.state is KeptState.DAMAGED:
        return
    parts = [f"{count(entry.done)} done", f"{count(entry.failed)} failed"]
    parts += [f"{count(entry.invalid)} invalid"] if entry.invalid else []
    parts += [f"{count(entry.cancelled)} cancelled"] if entry.cancelled else []
    parts += [f"{count(entry.pending)} pending"] if entry.pending else []
    parts += [f"{count(entry.batched)} sent in batches that are open"] if entry.batched else []
    jobs = UNKNOWN if entry.jobs is None else count(entry.jobs)
    yield "jobs", f"{jobs}: {', '.join(parts)}"
    if details.failures:
        yield "failures", ", ".join(f"{count(number)} {kind}" for kind, number in details.failures.items())
    if details.failed_tries:
        made_good = f"{count(details.made_good)} made good by a retry"
        yield "failed tries", f"{count(details.failed_tries)}, {made_good}"
    if entry.scored:
        wrong = f"{count(details.not_equal)} not equal, {count(details.not_parseable)} not parseable"
        yield "right", f"{share(entry.accuracy)}: {count(entry.right)} of {count(entry.scored)}, {wrong}"
    if entry.input_tokens is not None and entry.output_tokens is not None:
        yield "tokens", f"{count(entry.input_tokens)} in, {count(entry.output_tokens)} out"
    unsure = f", of which {money(entry.cost_uncertain)} for requests without an outcome"
    yield "cost", money(entry.cost) + (unsure if entry.cost_uncertain else "")
    if details.latency_s is not None:
        first = "" if details.ttft_s is None else f"first token {seconds(details.ttft_s)}, "
        means = f"{first}answer {seconds(details.latency_s)} on average"
        yield "times", f"{means}, {seconds(details.longest_s)} at most"
    for key in details.keys:
        parts = [f"{count(key.sent)} sent", f"{count(key.ok)} ok", f"{count(key.throttled)} rate limited"]
        without = "in flight" if entry.alive else "without outcome"
        parts += [counted(key.errors, "error"), f"{count(key.unknown)} {without}"]
        yield f"key {clean_line(key.label)}", ", ".join(parts)


def _number(value: object) -> str:
    return count(value) if isinstance(value, int) else UNKNOWN


def _bounds(bounds: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(trial := bounds.get("trial"), dict):
        held = "released" if trial.get("released") else "the rest waits to be released"
        yield "trial", f"{_number(trial.get('size'))} of {_number(trial.get('of'))}, {held}"
    if isinstance(budget := bounds.get("budget"), int | float):
        yield "budget", money(budget)
    if "held" in bounds:
        yield "held by", f"its {bounds['held']}"
    for name in ("reuse", "dedupe"):
        if isinstance(asked := bounds.get(name), dict):
            runs = listed(asked.get("runs") or ["all runs"], most=3) if name == "reuse" else "on"
            yield name, f"{runs}{', sampled answers too' if asked.get('sampled') else ''}"
    if "reused" in bounds:
        yield "reused", f"{counted(bounds['reused'], 'answer')} known from before"


def _rest(details: RunDetails) -> Iterator[tuple[str, str]]:
    yield from _bounds(details.bounds)
    if details.rate is not None:
        yield "rate", f"{details.rate:g}/s{' at most, found by itself (auto)' if details.auto else ''}"
    elif details.auto:
        yield "rate", "found by itself (auto)"
    if details.concurrency is not None:
        yield "concurrency", count(details.concurrency)
    for name, value in details.settings.items():
        yield from ((name, words) for words in _in_words(value))
    if details.input is not None:
        yield "input", details.input if details.input_is_there else f"{details.input} (is not there any more)"
    if details.entry.out is not None:
        yield "results", str(details.entry.out)
    yield "keeps", details.entry.keep
    yield "folder", str(details.entry.folder)
    for name, number in details.files.items():
        yield "  file", f"{name}, {size(number)}"
    for command in details.go_on:
        yield "answers" if command == export_command(details.entry.folder) else "go on", command


def _in_words(value: object) -> Iterator[str]:
    """The lines of a setting: one for each of several values, the parts of a table after their names."""
    if isinstance(value, list):
        for each in value:
            yield from _in_words(each)
    elif isinstance(value, dict):
        yield ", ".join(f"{name} {'; '.join(_in_words(part))}" for name, part in value.items())
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def removed_line(removed: Removed) -> str:
    """Say that a run was deleted, and which files stay in its folder. Safe to show."""
    words = f"deleted {removed.folder}, {size(removed.bytes)}"
    if removed.left:
        words += f"; the folder stays with what is not of the run: {listed(removed.left, most=10)}"
    return clean_line(words)


def as_object(details: RunDetails) -> dict[str, Any]:
    """Return what is known of a run as a JSON object: that of the list, and more after it."""
    out = details.entry.out
    return {
        **as_record(details.entry),
        "failures": dict(details.failures),
        "failed_tries": details.failed_tries,
        "made_good": details.made_good,
        "not_equal": details.not_equal,
        "not_parseable": details.not_parseable,
        "ttft_s": details.ttft_s,
        "latency_s": details.latency_s,
        "longest_s": details.longest_s,
        "keys": [asdict(key) for key in details.keys],
        "rate": details.rate,
        "auto": details.auto,
        "concurrency": details.concurrency,
        "bounds": dict(details.bounds),
        "settings": dict(details.settings),
        "input": details.input,
        "input_is_there": details.input_is_there,
        "out": str(out) if out is not None else None,
        "files": dict(details.files),
        "go_on": list(details.go_on),
    }
