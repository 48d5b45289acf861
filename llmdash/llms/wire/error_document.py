"""What an error document says, whatever its shape: codes in their order, words, what it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from llmdash.llms.wire.body_hints import is_daily, normal, wait_in_fields, walk
from llmdash.llms.wire.numeric_codes import word_for

__all__ = ["MESSAGE_LIMIT", "Said", "is_error", "read_error", "short"]

MESSAGE_LIMIT = 500
_WORDS_LIMIT = 8000
_DEEPEST = 3
Redact = Callable[[str], str]

_MESSAGES = (
    "message",
    "msg",
    "detail",
    "error_message",
    "error_msg",
    "errorMessage",
    "status_msg",
    "faultstring",
    "Message",
)
_LAST_MESSAGES = ("error", "title", "description", "reason")
_CODES = ("code", "error_code", "errorCode", "status_code", "Code")
_TYPES = ("type", "error_type", "__type")
_STATUSES = (*_CODES, "status", "statusCode", "http_status", "httpStatus", "http_code")
_INNER = ("error", "base_resp", "fault", "detail")
_ANSWERS = ("choices", "output", "content", "candidates", "data", "response", "usage")
_FINE = ("", "0", "200", "ok", "success", "succeeded", "completed", "true", "none", "null")
_NO_CODES = ("error", "about:blank")
_A_CODE = re.compile(r"[A-Za-z][\w.:#-]{0,79}", re.ASCII)
_A_STATUS = re.compile("[3-5][0-9][0-9]")


class Said(NamedTuple):
    """What a server says of a failure.

    `codes` are code, type, status and reasons in this order, in the style of `normal`; `types` those of
    them that are no more than a type; `within` those of an error that it passes on. `words` is all it says,
    redacted; `message` what of it is shown. `status` is an HTTP status inside the document, `param` the part
    of the request it names, `wait` the seconds a field asks for. `is_daily`: a day's quota is used up.
    `is_page`: it is HTML, not an error document. `is_cut`: its end did not arrive, and with it perhaps the
    codes, so that words do not tell the class.
    """

    codes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    words: str = ""
    message: str = ""
    code: str | None = None
    named: bool = False
    status: int | None = None
    param: str = ""
    wait: float | None = None
    is_daily: bool = False
    is_page: bool = False
    is_cut: bool = False


def is_error(document: Any) -> bool:
    """Whether a JSON document that should have been an answer says that it is an error."""
    one = document[0] if isinstance(document, list) and document else document
    if not isinstance(one, Mapping):
        return False
    if any(one.get(name) for name in ("error", "errors", "fault")) or one.get("success") is False:
        return True
    given = one.get("base_resp")
    if isinstance(given, Mapping) and _code(given.get("status_code")).lower() not in _FINE:
        return True
    if any(one.get(name) for name in _ANSWERS):
        return False
    says = any(isinstance(one.get(name), str | list) for name in _MESSAGES)
    code = next((_code(one[name]) for name in _CODES if one.get(name) is not None), None)
    return says and (code is None or code.lower() not in _FINE)


def read_error(document: Any, redact: Redact, depth: int = 0) -> Said:
    """Return what `document` says: an error in any known shape, its inner part alone, or a text."""
    if isinstance(document, list) and document:
        document = document[0]
    if isinstance(document, str):
        return _of_text(document, redact, depth)
    if not isinstance(document, Mapping):
        return Said()
    layers = list(_layers(document))
    passed_on = _passed_on(layers, redact, depth)
    own = _message(layers)
    nested = _as_document(own)
    if nested is not None and depth < _DEEPEST:
        found = read_error(nested, redact, depth + 1)
        passed_on, own = (found, "") if found.words else (passed_on, own)
    words = redact(own)[:_WORDS_LIMIT]
    if passed_on.words and passed_on.words not in words:
        words = f"{words}: {passed_on.words}" if words else passed_on.words
    shown = _shown_code(layers) or passed_on.code or ""
    return Said(
        codes=tuple(dict.fromkeys(code for code in _codes(document, layers) if code)),
        types=_types(layers),
        within=passed_on.codes + passed_on.within,
        words=words,
        message=short(words),
        code=short(redact(shown)) or None,
        named=_has_named_code(layers),
        status=_status(layers),
        param=redact(_param(layers))[:100] or passed_on.param,
        wait=wait_in_fields(document) or passed_on.wait,
        is_daily=is_daily(document),
    )


def _of_text(text: str, redact: Redact, depth: int) -> Said:
    """An error that is text: a document in its turn, a code alone, or words."""
    nested = _as_document(text)
    if nested is not None and depth < _DEEPEST:
        return read_error(nested, redact, depth + 1)
    words = redact(text)[:_WORDS_LIMIT]
    codes = (normal(text),) if _A_CODE.fullmatch(text) else ()
    return Said(codes=codes, words=words, message=short(words))


def _layers(document: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The error's innermost part, then what stands around it."""
    found = document.get("errors")
    inner = found[0] if isinstance(found, list) and found else found
    for one in (inner, *(document.get(name) for name in _INNER)):
        if isinstance(one, Mapping) and one and depth < _DEEPEST:
            yield from _layers(one, depth + 1)
    yield document


def _passed_on(layers: list[Mapping[str, Any]], redact: Redact, depth: int) -> Said:
    """The error of another server that this one passes on as `metadata.raw`."""
    for layer in layers:
        more = layer.get("metadata")
        raw = more.get("raw") if isinstance(more, Mapping) else None
        if raw and depth < _DEEPEST:
            return read_error(raw, redact, depth + 1)
    return Said()


def _as_document(text: str) -> Any:
    """The document that a text holds, None if it holds none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(layers: list[Mapping[str, Any]]) -> str:
    outer = layers[-1]
    error = outer.get("error")
    if isinstance(error, str) and error:
        more = outer.get("message")
        return f"{error}: {more}" if isinstance(more, str) and more else error
    first = outer.get("errors")
    if isinstance(first, list) and first and isinstance(first[0], str):
        return "; ".join(text for text in first if isinstance(text, str))
    for names in (_MESSAGES, _LAST_MESSAGES):
        for layer in layers:
            for name in names:
                value = layer.get(name)
                if isinstance(value, str | list) and value:
                    return value if isinstance(value, str) else _written(value)
    found = (layer[name] for layer in layers for name in _MESSAGES if layer.get(name))
    return next((_written(value) for value in found if value not in layers), "")


def _written(value: Any) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        return ""


def _codes(document: Any, layers: list[Mapping[str, Any]]) -> Iterator[str]:
    """Codes, then types, then reasons; numbers as the words they stand for too."""
    for names in (_CODES, (*_TYPES, "status")):
        for layer in layers:
            for name in names:
                code = _code(layer.get(name))
                if code.isdecimal() and len(code) > 3:
                    yield word_for(int(code[:9]), in_base_resp="status_code" in layer)
                if code.lower() not in (*_NO_CODES, *_FINE):
                    yield normal(code[:100])
    error = layers[-1].get("error")
    if isinstance(error, str) and _A_CODE.fullmatch(error):
        yield normal(error)
    for name, value in walk(document):
        if name == "reason" or (name == "code" and isinstance(value, str)):
            yield normal(value[:100]) if isinstance(value, str) and _A_CODE.fullmatch(value) else ""


def _types(layers: list[Mapping[str, Any]]) -> tuple[str, ...]:
    codes = {normal(_code(layer.get(name))[:100]) for layer in layers for name in (*_CODES, "status")}
    types = (normal(_code(layer.get(name))[:100]) for layer in layers for name in _TYPES)
    return tuple(kind for kind in types if kind and kind not in codes)


def _shown_code(layers: list[Mapping[str, Any]]) -> str:
    for names in (_CODES, _TYPES):
        for layer in layers:
            found = next((code for name in names if (code := _code(layer.get(name)))), "")
            if found and found.lower() not in (*_NO_CODES, *_FINE):
                return found
    return ""


def _has_named_code(layers: list[Mapping[str, Any]]) -> bool:
    """Whether there is a code that is more than a number."""
    codes = (_code(layer.get(name)) for layer in layers for name in _CODES)
    return any(code and not code.isdecimal() and code.lower() not in _FINE for code in codes)


def _status(layers: list[Mapping[str, Any]]) -> int | None:
    codes = (_code(layer.get(name)) for layer in layers for name in _STATUSES)
    return next((int(code) for code in codes if _A_STATUS.fullmatch(code)), None)


def _param(layers: list[Mapping[str, Any]]) -> str:
    """The part of the request that an error names: its `param`, or the place that a validator gives."""
    for layer in layers:
        if isinstance(found := layer.get("param"), str) and found:
            return found
        places = layer.get("detail")
        place = (
            places[0].get("loc")
            if isinstance(places, list) and places and isinstance(places[0], Mapping)
            else None
        )
        if isinstance(place, list):
            return ".".join(str(part) for part in place if part != "body")
    return ""


def _code(value: Any) -> str:
    """A code as text: a word, or a number a code could be."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 10**9 else ""


def short(text: str) -> str:
    """At most MESSAGE_LIMIT characters, all of which UTF-8 can hold."""
    cut = text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"
    return cut.encode("utf-8", "replace").decode()
