"""What a group of errors is, whom it hits and what may help, in lines of pieces.

A piece is (text, style, action): the style a theme variable or ""; a click runs the action of the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from llmdash.engine.model.counts import counted
from llmdash.engine.model.errors import ErrorClass, ErrorExample, ErrorGroup
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.rows import KeyRow
from llmdash.engine.model.states import KeyState
from llmdash.ui.text.format import count, dollars, rate, span

__all__ = [
    "NOTHING_FAILED",
    "Phrase",
    "bench_target",
    "copied_words",
    "example_lines",
    "group_lines",
    "headline",
]

NOTHING_FAILED: Final = "Nothing has failed, no try and no job."

_MUTED: Final = "$text-muted"
_KEY: Final = "$text-accent bold"
_EXPLAINED: Final = {
    ErrorClass.STALLED: "The server accepted the request, then sent nothing for too long.",
    ErrorClass.TIMEOUT: "No connection, no first byte or no end of the answer came in time.",
    ErrorClass.CONNECTION: "The connection failed: nothing of an answer arrived.",
    ErrorClass.TRUNCATED: "The answer ended before its end, or is none; what came is not kept as an answer.",
    ErrorClass.SERVER: "The server says that it is at fault; it is asked again later.",
    ErrorClass.THROTTLED: "Rate limited: the key rests as long as the server asks, and no try is used up.",
    ErrorClass.QUOTA: "The key has no money left: it gets no work, and its jobs go to the others.",
    ErrorClass.KEY: "The server refuses the key. After a second refusal it is dead, and its jobs move on.",
    ErrorClass.REQUEST: "The request itself is refused: the same request would be refused again.",
    ErrorClass.SETTINGS: "The endpoint is not as the settings say: it is paused, the message names the fix.",
    ErrorClass.MACHINE: "This machine could not send: no address, no network, or no more sockets.",
    ErrorClass.INVALID: "The answer came whole, but breaks a rule: its schema, or it is empty.",
    ErrorClass.OTHER: "No try failed so: the job could not be sent, or it was lost with its worker.",
}
_SETTINGS: Final = {
    ErrorClass.STALLED: "stall_timeout",
    ErrorClass.TIMEOUT: "connect_timeout, first_byte_timeout, total_timeout",
    ErrorClass.THROTTLED: "--rate, and rpm and tpm of a key",
    ErrorClass.CONNECTION: "base_url, proxy, ssl_cert_file",
    ErrorClass.SETTINGS: "base_url, model, path of the endpoint",
    ErrorClass.INVALID: "--check, --schema, --repair",
}
_MAY_BE_PAID: Final = (ErrorClass.STALLED, ErrorClass.TIMEOUT, ErrorClass.TRUNCATED)
_NAME: Final = 26
_ROOMY: Final = 100


class Phrase(NamedTuple):
    """A piece of a line."""

    text: str
    style: str = ""
    action: str = ""


Line = tuple[Phrase, ...]
_BLANK: Line = ()


def headline(frame: Frame, width: int) -> Line:
    """Return what failed over the run: jobs, tries, and how many of these were made good; in fewer words
    where there are few cells.
    """
    run = frame.run
    jobs = run.failed + run.invalid
    failed = Phrase(f"{counted(jobs, 'job')} failed", "$text-error bold" if jobs else _MUTED)
    tries = Phrase(
        f"{counted(run.failed_tries, 'try', 'tries')} failed", "$text-warning" if run.failed_tries else _MUTED
    )
    how = " by a retry" if width >= _ROOMY else ""
    good = Phrase(f", {count(run.made_good)} made good{how}", _MUTED)
    name = (Phrase(f"{run.name}   ", "bold"),) if width >= _ROOMY else ()
    return (
        Phrase("Errors   " if name else "Errors  ", "$text-primary bold"),
        *name,
        failed,
        Phrase(" · ", _MUTED),
        tries,
        good,
    )


def group_lines(group: ErrorGroup, frame: Frame, key: str, examples: Sequence[ErrorExample]) -> list[Line]:
    """Return what is known of a group, and what may help; `key` is the one that `b` benches."""
    lines: list[Line] = [(Phrase(_EXPLAINED[group.kind]),)]
    if group.keys:
        lines.append((Phrase(_spread(group, frame.keys), _MUTED),))
    lines += [_BLANK, (Phrase("What may help", "bold"),), *_actions(group, frame, key), _BLANK]
    if (settings := _SETTINGS.get(group.kind)) is not None:
        lines.append((Phrase("Set by  ", _MUTED), Phrase(settings)))
    if group.kind in _MAY_BE_PAID and group.tries and frame.run.spends:
        tries = counted(group.tries, "try", "tries")
        said = f"Up to {tries} may have been paid for: what it did is not known."
        lines.append((Phrase(said, _MUTED),))
    words = _in_words(group, examples)
    lines += [(Phrase("In the server's words  ", _MUTED), Phrase(words))]
    return lines


def example_lines(group: ErrorGroup, examples: Sequence[ErrorExample]) -> list[Line]:
    """Return jobs of a group with the keys of their tries, and what the last one leaves to go on with."""
    width = max((len(example.id) for example in examples), default=0)
    lines: list[Line] = [
        (
            Phrase(f"{example.id:<{width}}", "$text-primary", f"inspect_job({example.job})"),
            Phrase(f"  {counted(len(example.keys), 'try', 'tries'):<7}  ", _MUTED),
            Phrase(" ".join(example.keys)),
        )
        for example in examples
    ]
    if examples and (more := group.jobs - len(examples)) > 0:
        lines.append((Phrase(f"{count(more)} more", _MUTED),))
    last = next((example for example in examples if example.request_id), None)
    lines += [_BLANK, (Phrase("last request id   ", _MUTED), Phrase(last.request_id or "–" if last else "–"))]
    if group.code is not None:
        lines.append((Phrase("code              ", _MUTED), Phrase(group.code)))
    keys = (("⏎", "show them", "choose"), ("i", "inspect one", "inspect"), ("c", "copy", "copy"))
    return [*lines, _BLANK, tuple(piece for each in keys for piece in _key(*each))]


def copied_words(group: ErrorGroup, examples: Sequence[ErrorExample]) -> str:
    """Return a group as text to paste into a report to the provider."""
    head = f"{group.kind} {group.words}: {counted(group.jobs, 'job')}, {counted(group.tries, 'try', 'tries')}"
    ids = [f"request {example.request_id}" for example in examples if example.request_id]
    return "\n".join([head, *dict.fromkeys(example.message for example in examples if example.message), *ids])


def bench_target(group: ErrorGroup | None, key: str) -> str:
    """Return the key that is benched: the one that errors are shown of, else the one that is hit most."""
    if group is None or not group.keys:
        return ""
    return key or group.keys[0][0]


def _actions(group: ErrorGroup, frame: Frame, key: str) -> Iterable[Line]:
    is_live = frame.replay is None and not frame.kept
    if group.jobs and is_live:
        jobs = counted(group.jobs, "job")
        yield _action("r", f"retry the {jobs}", _price(group.jobs, frame), "retry")
    if key and is_live:
        yield _action("b", *_benching(key, frame.keys), "bench")
    yield _action("k", "skip: leave it as it is", "folded away; k takes it back", "skip")
    if group.jobs:
        yield _action(
            "⏎",
            f"show the {counted(group.jobs, 'job')}",
            f"filter error:{group.kind}",
            "choose",
        )
    else:
        yield _action("⏎", "show its jobs", f"filter had:{group.kind}", "choose")


def _action(key: str, name: str, price: str, action: str) -> Line:
    pad = " " * max(2, _NAME - len(name))
    return Phrase(f"  {key}  ", _KEY, action), Phrase(name, "", action), Phrase(f"{pad}{price}", _MUTED)


def _key(key: str, name: str, action: str) -> Line:
    return Phrase(f"{key} ", _KEY, action), Phrase(f"{name}   ", _MUTED, action)


def _price(jobs: int, frame: Frame) -> str:
    """What it takes to ask that many jobs again."""
    run, parts = frame.run, []
    ended = run.done + run.invalid + run.failed
    if run.cost is not None and ended:
        parts.append(f"about {dollars(run.cost / ended * jobs)}")
    pace = frame.rate.rate or run.requests_per_s
    if pace:
        parts.append(f"{span(max(1.0, jobs / pace))} at {rate(pace).strip()}")
    return ", ".join(parts)


def _benching(key: str, rows: Iterable[KeyRow]) -> tuple[str, str]:
    """What `b` is called, and what comes of it."""
    known = {row.label: row for row in rows}
    row = known.get(key)
    if row is not None and row.state is KeyState.DISABLED:
        return f"use {key} again", "it gets its share of the requests"
    others = [each for each in known.values() if each.label != key and each.state is KeyState.HEALTHY]
    if not others:
        return f"bench {key}", "no other key is healthy: nothing would be sent"
    in_flight = 0 if row is None else row.in_flight
    finish = f"{in_flight} in flight finish; " if in_flight else ""
    return f"bench {key}", f"{finish}{counted(len(others), 'key')} left"


def _spread(group: ErrorGroup, rows: Iterable[KeyRow]) -> str:
    """Whom a group hits: `31 of 71 on 9bc0, 22 on a1f2.`, with the endpoints where there are several."""
    places = {row.label: row.endpoint for row in rows}
    several = len({*places.values()}) > 1
    shown = [
        f"{count(tries)}{f' of {count(group.tries)}' if not number else ''} on {key}"
        + (f" @ {places[key]}" if several and places.get(key) else "")
        for number, (key, tries) in enumerate(group.keys[:6])
    ]
    more = len(group.keys) + group.more_keys - len(shown)
    return ", ".join(shown) + (f", {counted(more, 'more key')}." if more else ".")


def _in_words(group: ErrorGroup, examples: Sequence[ErrorExample]) -> str:
    said = next((example.message for example in examples if example.message), group.words)
    if group.status is None and group.kind in (ErrorClass.STALLED, ErrorClass.TIMEOUT, ErrorClass.CONNECTION):
        return f"none, it said nothing. Here: {said}"
    return said
