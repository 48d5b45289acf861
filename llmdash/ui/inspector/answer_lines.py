"""What stands in the pane of an answer: its text, how it compares with what was expected, its JSON, or how it
differs from another attempt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Final

from llmdash.engine.model.comparison import Piece
from llmdash.engine.model.frame import Inspection
from llmdash.engine.model.states import Verdict
from llmdash.engine.model.word_difference import marked
from llmdash.ui.inspector.markdown import USUAL_WIDTH, markdown_lines
from llmdash.ui.stream.wrapping import Kind, Line, Span, lines_of, plain
from llmdash.ui.text.badges import VERDICTS
from llmdash.ui.text.format import count, significant

__all__ = ["answer_lines", "compared_lines", "difference_lines", "first_json", "prompt_lines"]

_LONGEST_PARSED: Final = 200_000
"""Characters of an answer in which JSON is looked for."""
_LONGEST_COMPARED: Final = 200_000
"""Characters of two texts that are compared word by word."""
_LONGEST_VALUE: Final = 400
_MOST_FIELDS: Final = 200
_LABEL: Final = 11
_ABSENT: Final = "–"


def prompt_lines(inspection: Inspection) -> list[Line]:
    """Return the messages of a prompt, each under its role."""
    if not inspection.messages:
        return [(Span("the prompt is being read", Kind.WORDS),)]
    lines: list[Line] = []
    for role, text in inspection.messages:
        if lines:
            lines.append(())
        lines += [(Span(plain(role), Kind.ROLE),), *lines_of(text)]
    return lines


def answer_lines(inspection: Inspection, *, rendered: bool, width: int = USUAL_WIDTH) -> list[Line]:
    """Return the answer, its Markdown `rendered` in `width` cells or not, then how it compares, its JSON and
    its thoughts.
    """
    if inspection.answer:
        lines = markdown_lines(inspection.answer, width) if rendered else lines_of(inspection.answer)
    else:
        lines = [(_missing(inspection),)]
    compared = list(compared_lines(inspection))
    if compared:
        lines += [(), *compared]
    found = first_json(inspection.answer)
    if found is not None:
        lines += [(), *lines_of(json.dumps(found, indent=2, ensure_ascii=False), Kind.CODE)]
    reasoning = inspection.record.reasoning if inspection.record is not None else None
    if reasoning:
        lines += [(), (Span("reasoning", Kind.ROLE),), *lines_of(reasoning, Kind.WORDS)]
    return lines


def _missing(inspection: Inspection) -> Span:
    if not inspection.row.state.ended:
        return Span("no answer yet", Kind.WORDS)
    error = inspection.row.error
    return Span(f"no answer: {plain(error)}", Kind.ERROR) if error else Span("no answer", Kind.WORDS)


def compared_lines(inspection: Inspection) -> Iterator[Line]:
    """Yield how an answer compares with what was expected, field by field where both are JSON objects."""
    row, expected = inspection.row, inspection.expected
    if not row.state.ended:
        if expected is not None:
            yield _labelled("expected", _short(expected), Kind.TEXT)
        return
    if expected is not None:
        found, wanted = first_json(inspection.answer), first_json(expected)
        if found is not None and wanted is not None:
            yield from _fields(found, wanted)
        elif inspection.answer:
            yield from _values(inspection, found, expected)
        else:
            yield _labelled("expected", plain(expected), Kind.TEXT)
    if row.state.ended and row.error and inspection.answer:
        yield _labelled("invalid", plain(row.error), Kind.ERROR)
    if inspection.check or row.verdict is not Verdict.UNSCORED:
        verdict = VERDICTS[row.verdict]
        right = row.verdict is Verdict.RIGHT
        line = _labelled("check", inspection.check or "as the prompts say", Kind.TEXT)
        words = f"     {verdict.text}" if verdict.word else ""
        yield (*line, Span(words, Kind.SUCCESS if right else Kind.WARNING)) if words else line


def _values(inspection: Inspection, found: dict[str, object] | None, expected: str) -> Iterator[Line]:
    """Yield the one value that is compared, and the expected one below it."""
    value = found.get("result", inspection.answer) if found is not None else inspection.answer
    differs = inspection.row.verdict in (Verdict.NOT_EQUAL, Verdict.NOT_PARSEABLE)
    yield _labelled("result", _short(value), Kind.WARNING if differs else Kind.TEXT)
    line = _labelled("expected", _short(expected), Kind.TEXT)
    by = _apart(value, expected) if differs else None
    yield (*line, Span(f"     ≠ by {by}", Kind.WARNING)) if by is not None else line


def _apart(value: object, expected: str) -> str | None:
    """How far two numbers are apart; None if they are not."""
    try:
        distance = abs(float(str(value)) - float(expected))
    except ValueError:
        return None
    if not math.isfinite(distance):
        return None
    return count(int(distance)) if distance == int(distance) else f"{significant(distance):g}"


def _fields(found: Mapping[str, object], wanted: Mapping[str, object]) -> Iterator[Line]:
    """Yield a line for each field of two objects: its name, its value, and what was expected."""
    one, other = dict(_flat(found)), dict(_flat(wanted))
    names = [*other, *(name for name in one if name not in other)][:_MOST_FIELDS]
    texts = {name: _short(one[name]) if name in one else _ABSENT for name in names}
    name_width = min(32, max([_LABEL, *(len(name) for name in names)]))
    value_width = min(40, max([8, *map(len, texts.values())]))
    yield (Span(f"{'field':<{name_width}}  {'answer':<{value_width}}  expected", Kind.WORDS),)
    for name in names:
        expected = _short(other[name]) if name in other else _ABSENT
        same = name in one and name in other and one[name] == other[name]
        kind = Kind.TEXT if same or name not in other else Kind.WARNING
        sign = " " if kind is Kind.TEXT else "≠"
        yield (
            Span(f"{plain(name):<{name_width}} {sign}", Kind.WORDS if kind is Kind.TEXT else kind),
            Span(f"{texts[name]:<{value_width}}  ", kind),
            Span(expected, Kind.TEXT if name in other else Kind.WORDS),
        )


def _flat(value: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the fields of an object with those of objects in it, named by their path."""
    for name, inner in value.items():
        path = f"{before}{name}"
        if isinstance(inner, dict) and inner and before.count(".") < 8:
            yield from _flat(inner, f"{path}.")
        else:
            yield path, inner


def _labelled(label: str, text: str, kind: Kind) -> Line:
    return (Span(f"  {label:<{_LABEL - 2}}  ", Kind.WORDS), Span(text.replace("\n", " "), kind))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = plain(text[: _LONGEST_VALUE + 1]).replace("\n", " ").strip()
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


_SIGNS: Final = {False: ("[-", "-]", Kind.TAKEN), True: ("{+", "+}", Kind.ADDED)}
"""The signs of `wdiff`, and the kinds of what they stand around."""


def difference_lines(before: str, after: str) -> list[Line]:
    """Return two texts in one: what only `before` has, and what only `after` has, word by word."""
    one, other = plain(before[:_LONGEST_COMPARED]), plain(after[:_LONGEST_COMPARED])
    if one == other:
        return [(Span("no difference", Kind.WORDS),), (), *lines_of(one)]
    taken, added, is_marked = marked(one, other)
    spans: list[Span] = []
    for piece, is_added in _merged(taken, added):
        if piece.differs:
            begin, end, kind = _SIGNS[is_added]
            spans.append(Span(f"{begin}{piece.text}{end}", kind))
        else:
            spans.append(Span(piece.text, Kind.TEXT))
    lines = _split(spans)
    if not is_marked:
        lines = [(Span("too much differs to be marked word by word", Kind.WORDS),), (), *lines]
    return lines


def _merged(taken: tuple[Piece, ...], added: tuple[Piece, ...]) -> Iterator[tuple[Piece, bool]]:
    """Yield the pieces of both texts in order, each with whether it is of the second; same ones once."""
    left, right = list(taken)[::-1], list(added)[::-1]
    while left or right:
        if left and left[-1].differs:
            yield left.pop(), False
        elif right and right[-1].differs:
            yield right.pop(), True
        else:
            yield from ((piece, True) for piece in _common(left, right))


def _common(left: list[Piece], right: list[Piece]) -> Iterator[Piece]:
    """Take the longest piece that both begin with; the rest of the longer one stays."""
    if not left or not right:
        yield (left or right).pop()
        return
    one, other = left.pop(), right.pop()
    length = min(len(one.text), len(other.text))
    yield Piece(one.text[:length], False)
    if len(one.text) > length:
        left.append(Piece(one.text[length:], False))
    if len(other.text) > length:
        right.append(Piece(other.text[length:], False))


def _split(spans: list[Span]) -> list[Line]:
    lines: list[Line] = []
    line: list[Span] = []
    for span in spans:
        first, *rest = span.text.split("\n")
        line.append(span._replace(text=first))
        for text in rest:
            lines.append(tuple(each for each in line if each.text))
            line = [span._replace(text=text)]
    return [*lines, tuple(each for each in line if each.text)]


def first_json(text: str) -> dict[str, object] | None:
    """Return the first JSON object in `text`, or None; tries a few opening braces only, to stay cheap."""
    decoder = json.JSONDecoder()
    text = text[:_LONGEST_PARSED]
    start = -1
    for _try in range(8):
        start = text.find("{", start + 1)
        if start < 0:
            return None
        try:
            found, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None
