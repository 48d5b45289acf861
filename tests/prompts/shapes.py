"""Rows of 240 shapes, made of the names of request bodies and of common data sets, and what is due."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from llmdash.prompts.request_fields import PUBLISHED

__all__ = ["SHAPES", "Shape"]

DATA_FIELDS = {
    "answer": "4",
    "label": 1,
    "category": "sums",
    "source": "web",
    "title": "Sums",
    "context": ["a", "b"],
    "split": "train",
    "row_ref": 12,
    "difficulty": 0.5,
    "choices": {"A": "4", "B": "5"},
    "subject": None,
    "created_at": "2026-01-31",
    "question_id": "q-7",
    "url_of_page": "https://h/x",
    "tags": [],
    "verified": True,
    "output": "4",
    "ideal": "four",
    "row.nested": {"deep": [{"x": 1}]},
    "ключ": "значение",
}
VALUES: dict[str, Any] = {
    "model": "m-1",
    "temperature": 0,
    "top_p": 0.5,
    "max_tokens": 7,
    "max_completion_tokens": 7,
    "max_output_tokens": 16,
    "stop": ["END"],
    "stop_sequences": ["END"],
    "n": 1,
    "best_of": 1,
    "seed": 5,
    "user": "u-1",
    "metadata": {"batch": "7"},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
    "thinking": {"type": "disabled"},
    "reasoning": {"effort": "low"},
    "system": "Be brief.",
    "instructions": "Be brief.",
    "logprobs": True,
    "logit_bias": {"5": 1},
    "text": {"format": {"type": "text"}},
    "prompt": {"id": "pmpt_1"},
}
INPUTS = frozenset(("messages", "input", "prompt"))
DELIVERY = frozenset(("stream", "stream_options"))
ALWAYS: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "stop_sequences": ["x"]},
    "chat": {"seed": 3},
}
"""What the API requires, or what shows the format of a row."""


@dataclass
class Shape:
    """A row; the body that a plain client would send for it in `wire`, and what is to be carried."""

    wire: str
    row: dict[str, Any]
    body: dict[str, Any]
    carried: dict[str, Any]
    read: set[str] = field(default_factory=set)


def _question(number: int) -> str:
    return f"What is {number} + 2?"


def _asked(wire: str, number: int) -> dict[str, Any]:
    if wire == "completions":
        return {"prompt": _question(number)}
    if wire == "responses":
        return {"input": _question(number)}
    return {"messages": [{"role": "user", "content": _question(number)}]}


def _published(wire: str, rng: random.Random) -> dict[str, Any]:
    names = sorted(PUBLISHED[wire] - INPUTS - DELIVERY - {"model"})
    fields = {name: VALUES.get(name, {"of": name}) for name in rng.sample(names, rng.randrange(0, 9))}
    return {**ALWAYS.get(wire, {}), **fields, **({"model": "m-1"} if rng.random() < 0.7 else {})}


def _data(rng: random.Random) -> dict[str, Any]:
    return {name: DATA_FIELDS[name] for name in rng.sample(sorted(DATA_FIELDS), rng.randrange(0, 9))}


def _mixed(rng: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    names = list(row)
    rng.shuffle(names)
    return {name: row[name] for name in names}


def _request_row(wire: str, number: int, rng: random.Random) -> Shape:
    body = {**_asked(wire, number), **_published(wire, rng)}
    carried = _data(rng)
    if wire == "responses":
        body["model"] = "m-1"
    if "metadata" in body and rng.random() < 0.5:
        carried["metadata"] = {"row": number}
        del body["metadata"]
    more = {"id": f"r-{number}", "expected": number + 2, "stream": True}
    return Shape(wire, _mixed(rng, {**body, **carried, **more}), body, carried, set(more))


def _envelope(wire: str, number: int, rng: random.Random) -> Shape:
    body = {**_asked(wire, number), **_published(wire, rng), **_data(rng)}
    carried = {f"x_{name}": value for name, value in _data(rng).items()}
    urls = {"chat": "/v1/chat/completions", "completions": "/v1/completions", "responses": "/v1/responses"}
    around = {"params": body} if wire == "messages" else {"url": urls[wire], "method": "POST", "body": body}
    row = {"custom_id": f"e-{number}", **around, **carried}
    return Shape(wire, _mixed(rng, row), body, carried, {"custom_id", *around})


def _data_row(number: int, rng: random.Random) -> Shape:
    system = {"system": "Be brief."} if rng.random() < 0.5 else {}
    options = {"options": {"seed": number}, "options.top_p": 0.5} if rng.random() < 0.5 else {}
    # Names of request fields are data here.
    carried = {**_data(rng), **_published("chat", rng)}
    turns = [{"role": "system", "content": "Be brief."}] if system else []
    ways: list[tuple[dict[str, Any], str]] = [
        ({"prompt": _question(number)}, _question(number)),
        ({"instruction": "Add.", "input": _question(number)}, f"Add.\n\n{_question(number)}"),
        ({"conversations": [{"from": "human", "value": _question(number)}]}, _question(number)),
    ]
    asked, text = rng.choice(ways)
    body: dict[str, Any] = {"messages": [*turns, {"role": "user", "content": text}]}
    body |= {"seed": number, "top_p": 0.5} if options else {}
    row = {**asked, **system, **options, "id": f"d-{number}", **carried}
    return Shape("chat", _mixed(rng, row), body, carried, {"id", *asked, *system, *options})


def _shape(number: int) -> Shape:
    rng = random.Random(number)
    kind = number % 8
    if kind < 3:
        return _request_row(("chat", "messages", "responses")[kind], number, rng)
    if kind < 7:
        return _envelope(("chat", "messages", "responses", "completions")[kind - 3], number, rng)
    return _data_row(number, rng)


SHAPES = [_shape(number) for number in range(240)]
