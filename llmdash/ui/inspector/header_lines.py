"""Request, answer, limits and cost of a job in lines; nothing of it is a secret."""

from __future__ import annotations

import json
from typing import Final

from llmdash.engine.model.frame import Inspection, RequestPart
from llmdash.engine.model.records import AttemptRecord
from llmdash.ui.inspector.answer_headers import answer_headers
from llmdash.ui.stream.wrapping import Kind, Line, Span, plain
from llmdash.ui.text.format import count, dollars, fit, si, span

__all__ = ["header_lines"]

_LABEL: Final = 9
_NOT_SHOWN: Final = (
    "messages",
    "prompt",
    "input",
    "system",
    "model",
    "stream",
    "stream_options",
    "instructions",
)
_LONGEST_VALUE: Final = 60
_NO_REQUEST: Final = "not known here: the prompt is not kept, or the model's own class makes it"


def header_lines(inspection: Inspection, attempt: AttemptRecord | None, *, whole: bool) -> list[Line]:
    """Return a line each on the request, its answer, the limits of its key and its cost; all headers, and the
    body, if `whole`.
    """
    request = inspection.request
    lines = [_line("request", _request(request)), _line("answer", _answer(attempt))]
    if request is not None and (words := _limits(request)):
        lines.append(_line("limits", words))
    lines.append(_line("cost", _cost(inspection)))
    if whole and attempt is not None and (said := answer_headers(attempt).values):
        lines += [(), *(_line("answered", f"{name}: {value}") for name, value in said)]
    if whole and request is not None:
        lines += [(), *(_line("sent", f"{name}: {value}") for name, value in request.headers)]
        lines += [
            (),
            *(_line("body" if not number else "", text) for number, text in enumerate(_body(request))),
        ]
    return lines


def _line(label: str, words: str) -> Line:
    return (Span(f"{label:<{_LABEL}} ", Kind.WORDS), Span(plain(words).replace("\n", " "), Kind.TEXT))


def _request(request: RequestPart | None) -> str:
    if request is None:
        return _NO_REQUEST
    fields = _fields(request)
    options = [f"{name} {_short(value)}" for name, value in fields.items() if name not in _NOT_SHOWN]
    streamed = ["stream"] if fields.get("stream") else []
    return "   ".join([f"POST {request.url}", *streamed, *options])


def _fields(request: RequestPart) -> dict[str, object]:
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return fit(text, min(len(text), _LONGEST_VALUE)).rstrip() if text else '""'


def _body(request: RequestPart) -> list[str]:
    fields = _fields(request)
    return json.dumps(fields, indent=2, ensure_ascii=False).split("\n") if fields else [request.body]


def _answer(attempt: AttemptRecord | None) -> str:
    if attempt is None:
        return "none yet"
    said = answer_headers(attempt)
    status = said.status or (str(attempt.status) if attempt.status is not None else "no status on record")
    parts = [status, *(f"{name} {value}" for name, value in said.first)]
    if attempt.request_id and not said.values:
        parts.append(f"request id {attempt.request_id}")
    if attempt.retry_after_s is not None and not said.values:
        parts.append(f"retry-after {span(attempt.retry_after_s)}")
    if attempt.code:
        parts.append(f"code {attempt.code}")
    if attempt.model:
        parts.append(attempt.model)
    return "   ".join(parts)


def _limits(request: RequestPart) -> str:
    parts = [
        _limit("requests", request.limit_requests, request.remaining_requests, request.reset_requests_s),
        _limit("tokens", request.limit_tokens, request.remaining_tokens, request.reset_tokens_s),
    ]
    return "   ".join(part for part in parts if part)


def _limit(what: str, most: int | None, left: int | None, reset_s: float | None) -> str:
    """Words such as `requests 500/min, 128 left, full again in 44s`; none where the server said nothing."""
    words = []
    if most is not None:
        words.append(f"{_amount(most)}/min")
    if left is not None:
        words.append(f"{_amount(left)} left")
    if reset_s is not None:
        words.append(f"full again in {span(reset_s)}")
    return f"{what} {', '.join(words)}" if words else ""


def _amount(number: int) -> str:
    return count(number) if number < 10_000 else si(number).strip()


def _cost(inspection: Inspection) -> str:
    record = inspection.record
    words = [dollars(inspection.cost) if inspection.cost is not None else "no price is known"]
    if record is not None and (record.input_tokens is not None or record.output_tokens is not None):
        about = "~" if record.estimated else ""
        words.append(
            f"{about}{count(record.input_tokens or 0)} in ({count(record.cached_tokens or 0)} cached)"
        )
        thought = count(record.reasoning_tokens or 0)
        words.append(f"{about}{count(record.output_tokens or 0)} out ({thought} reasoning)")
    return "   ".join(words)
