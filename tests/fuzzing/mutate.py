"""Spoils what is well formed: bytes at random, and JSON in its structure."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

TOKENS = (
    b"",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xa8",
    b"data: ",
    b"data:\n",
    b"event: error\n",
    b": ping\n\n",
    b"data: [DONE]\n\n",
    b"[DONE]",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\ud83d",
    b"\\ude00",
    b",",
    b"null",
    b"NaN",
    b"-0",
    b"1e999",
    b"9" * 400,
    b"[" * 2000,
    b'{"a":' * 1500,
    b"x" * 5000,
    b"{{",
    b"}}",
    b"---\n",
    b'"""',
    b"=",
    b"#",
    b";",
    b"\t",
    b"\x1a",
    b"\x1b[2J",
    b"0",
    b"-1",
    b"99999999999999999999",
    b"2026-13-45",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    -(10**30),
    float("inf"),
    float("nan"),
    "",
    "x",
    "stop",
    "error",
    "\ud83d",
    "\ude00",
    "\x00",
    "a\u2028b",
    "429",
    "9" * 300,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"message": None},
    {"error": {"message": ["x"]}},
    ["a", 1],
    {"type": "text", "text": 7},
)
"""What may stand where something else is expected."""

_DATA = re.compile(rb"data: (.*)")


def mutated(seed: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """`seed` with one to eight things wrong in it."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        seed = rng.choice(_WAYS)(seed, rng) if rng.random() < 0.9 else _spliced(seed, rng.choice(others), rng)
    return seed


def in_pieces(data: bytes, rng: random.Random) -> list[bytes]:
    """`data` cut anywhere."""
    if rng.random() < 0.1:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((0, 1, 3, 20))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def spoilt_json(text: bytes, rng: random.Random) -> bytes:
    """The document with one of its values replaced, dropped or put elsewhere; as it is if it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    places = list(_places(document))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    holder, name = rng.choice(places)
    way = rng.random()
    if way < 0.6:
        holder[name] = rng.choice(VALUES)
    elif way < 0.8:
        del holder[name]
    else:
        other, place = rng.choice(places)
        holder[name] = copy.deepcopy(other[place])
    return _written(document, rng)


def _written(document: Any, rng: random.Random) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"[" * 2000


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every (holder, name or number) in a document."""
    found: list[tuple[Any, Any]] = []
    todo = [document] if isinstance(document, dict | list) else []
    while todo:
        holder = todo.pop()
        names = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for name in names:
            found.append((holder, name))
            if isinstance(holder[name], dict | list):
                todo.append(holder[name])
        if len(found) > 500:
            break
    return found


def _event_spoilt(seed: bytes, rng: random.Random) -> bytes:
    """JSON in one of the lines spoilt: of an event, of JSON lines, or all of a document."""
    events = list(_DATA.finditer(seed))
    if events:
        chosen = rng.choice(events)
        return seed[: chosen.start(1)] + spoilt_json(chosen[1], rng) + seed[chosen.end(1) :]
    lines = seed.split(b"\n")
    number = rng.randrange(len(lines))
    lines[number] = spoilt_json(lines[number], rng)
    return b"\n".join(lines) if rng.random() < 0.5 else spoilt_json(seed, rng)


def _flipped(seed: bytes, rng: random.Random) -> bytes:
    if not seed:
        return seed
    at = rng.randrange(len(seed))
    return seed[:at] + bytes([rng.randrange(256)]) + seed[at + 1 :]


def _dropped(seed: bytes, rng: random.Random) -> bytes:
    start = rng.randint(0, len(seed))
    return seed[:start] + seed[start + rng.choice((1, 2, 10, 100)) :]


def _cut(seed: bytes, rng: random.Random) -> bytes:
    return seed[: rng.randint(0, len(seed))]


def _doubled(seed: bytes, rng: random.Random) -> bytes:
    start = rng.randint(0, len(seed))
    piece = seed[start : start + rng.choice((1, 10, 200))]
    return seed[:start] + piece * rng.choice((2, 3, 50)) + seed[start + len(piece) :]


def _inserted(seed: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(seed))
    return seed[:at] + rng.choice(TOKENS) + seed[at:]


def _noise(seed: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(seed))
    return seed[:at] + rng.randbytes(rng.choice((1, 4, 40))) + seed[at:]


def _spliced(seed: bytes, other: bytes, rng: random.Random) -> bytes:
    return seed[: rng.randint(0, len(seed))] + other[rng.randint(0, len(other)) :]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _event_spoilt,
    _event_spoilt,
    _event_spoilt,
    _flipped,
    _dropped,
    _cut,
    _doubled,
    _inserted,
    _inserted,
    _noise,
)
