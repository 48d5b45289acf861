"""The calls of the batch services: which there are, what they carry, and how their lists are paged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from llmdash.simulator.batches.multipart import FormReader, boundary_of
from llmdash.simulator.batches.orders import CallKind
from llmdash.simulator.batches.spool import Spool, body_pieces, spooled
from llmdash.simulator.connection import MAX_BODY, Receive, Scope
from llmdash.simulator.errors import ServedError

__all__ = [
    "Answered",
    "BatchCall",
    "Handler",
    "Target",
    "behind",
    "expiry",
    "page_size",
    "read_call",
    "target_of",
]

MOST_UPLOAD = 512 * 1024 * 1024
_FORMS = ("openai", "together")
"""The shapes whose files are sent in a form."""

_Calls = Mapping[tuple[str, str, int, str], CallKind]

_OPENAI: _Calls = {
    ("POST", "files", 0, ""): "upload",
    ("GET", "files", 0, ""): "files",
    ("GET", "files", 1, ""): "file",
    ("GET", "files", 1, "content"): "download",
    ("DELETE", "files", 1, ""): "delete",
    ("POST", "batches", 0, ""): "create",
    ("GET", "batches", 0, ""): "list",
    ("GET", "batches", 1, ""): "look",
    ("POST", "batches", 1, "cancel"): "cancel",
}
_TOGETHER: _Calls = {
    **{known: kind for known, kind in _OPENAI.items() if kind != "upload"},
    ("POST", "files", 1, ""): "upload",  # /files/upload
}
_ANTHROPIC: _Calls = {
    ("POST", "batches", 0, ""): "create",
    ("GET", "batches", 0, ""): "list",
    ("GET", "batches", 1, ""): "look",
    ("POST", "batches", 1, "cancel"): "cancel",
    ("GET", "batches", 1, "results"): "download",
    ("DELETE", "batches", 1, ""): "delete",
}
_COMPATIBLE: _Calls = {
    ("POST", "batches", 0, ""): "create",
    ("GET", "batches", 1, ""): "look",
}
_GEMINI: _Calls = {
    ("GET", "files", 0, ""): "files",
    ("GET", "files", 1, ""): "file",
    ("GET", "files", 1, "download"): "download",
    ("DELETE", "files", 1, ""): "delete",
    ("GET", "batches", 0, ""): "list",
    ("GET", "batches", 1, ""): "look",
    ("POST", "batches", 1, "cancel"): "cancel",
}
_UPLOADS: _Calls = {("POST", "files", 0, ""): "begin"}  # an upload that is begun has an id in its query
_PLACES: tuple[tuple[str, str, _Calls], ...] = (
    ("/v1/messages/", "anthropic", _ANTHROPIC),
    ("/v1/", "openai", _OPENAI),
    ("/together/v1/", "together", _TOGETHER),
    ("/v1beta/openai/", "compatible", _COMPATIBLE),
    ("/v1beta/", "gemini", _GEMINI),
    ("/download/v1beta/", "gemini", _GEMINI),
    ("/upload/v1beta/", "gemini", _UPLOADS),
)
"""What is below which path; the first that has such a thing counts."""


class Target(NamedTuple):
    """What a call is for. `kind` is None if there is no such call."""

    shape: str
    kind: CallKind | None
    identity: str = ""


def target_of(method: str, path: str, query: str = "") -> Target | None:
    """Return what a request is for; None if it is none of the batch services'."""
    for place, shape, known in _PLACES:
        if not path.startswith(place):
            continue
        what, *rest = path[len(place) :].strip("/").split("/")
        if any(call[1] == what for call in known):
            found = _target(method, shape, known, what, rest)
            goes_on = found.kind == "begin" and "upload_id=" in query
            return found._replace(kind="upload") if goes_on else found
    return None


def _target(method: str, shape: str, known: _Calls, what: str, rest: list[str]) -> Target:
    """What a call is for; Google's ids are names, such as `batches/abc`, and its verbs are behind a colon."""
    if rest[:1] == [what]:
        rest = rest[1:]
    identity, _, verb = (rest[0] if rest else "").partition(":")
    action = "/".join([verb, *rest[1:]] if verb else rest[1:])
    return Target(shape, known.get((method, what, int(bool(identity)), action)), identity)


class BatchCall(msgspec.Struct, frozen=True):
    """A call with its body: `form` of an upload, else `body`. `root` is the address it was sent to. The names
    of `headers` are in lower case.
    """

    target: Target
    key: str
    query: Mapping[str, str]
    root: str
    headers: Mapping[bytes, str]
    form: FormReader | None = None
    body: Spool | None = None


class Answered(NamedTuple):
    """What a call is answered: a document or a file, and the id of what it was about."""

    content: Any
    identity: str = ""
    headers: Sequence[tuple[bytes, bytes]] = ()


Handler = Callable[[BatchCall], Awaitable[Answered]]


async def read_call(scope: Scope, receive: Receive, target: Target, key: str) -> BatchCall | ServedError:
    """Return the call that a request is, once all of it is here, or why it cannot be read.

    Raises ClientGoneError if it is cut.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    root = f"http://{headers.get(b'host', 'simulator')}"
    if target.kind == "upload" and target.shape in _FORMS:
        form = await _form(headers.get(b"content-type", ""), receive)
        if isinstance(form, ServedError):
            return form
        return BatchCall(target, key, query, root, headers, form=form)
    most = MOST_UPLOAD if target.shape == "anthropic" or target.kind == "upload" else MAX_BODY
    body = await spooled(receive, most)
    if body is None:
        return ServedError(413, f"The body is larger than {most} bytes.")
    return BatchCall(target, key, query, root, headers, body=body)


async def _form(content_type: str, receive: Receive) -> FormReader | ServedError:
    """A form, read to its end whatever is wrong with it: so its sender hears of that."""
    wrong: ServedError | None = None
    form: FormReader | None = None
    size = 0
    try:
        form = FormReader(boundary_of(content_type))
    except ServedError as error:
        wrong = error
    async for piece in body_pieces(receive):
        size += len(piece)
        if size > MOST_UPLOAD and wrong is None:
            wrong = ServedError(413, f"The file is larger than {MOST_UPLOAD} bytes.")
        if wrong is None and form is not None:
            try:
                form.feed(piece)
            except ServedError as error:
                wrong = error
    if form is None or wrong is not None:
        return wrong or ServedError(400, "The form could not be read.")
    return form if form.complete else ServedError(400, "The form has no end.")


def page_size(query: Mapping[str, str], usual: int, most: int) -> int:
    """Return the `limit` of a list. Raises ServedError if it is out of bounds."""
    text = query.get("limit", str(usual))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ServedError(400, f"limit must be a whole number from 1 to {most}.", "limit")
    return int(text)


_Named = TypeVar("_Named")


def behind(items: Sequence[_Named], cursor: str | None, name: Callable[[_Named], str]) -> Sequence[_Named]:
    """Return the items behind the one of this id; all of them without a cursor.

    Raises ServedError if there is none of this id.
    """
    if not cursor:
        return items
    for place, item in enumerate(items):
        if name(item) == cursor:
            return items[place + 1 :]
    raise ServedError(400, f"There is nothing with the id {cursor[:100]!r}.", "after")


def page_of(
    items: Sequence[_Named], limit: int, document: Callable[[_Named], dict[str, Any]]
) -> dict[str, Any]:
    """Return the first of the items as a page of a list, as OpenAI has it."""
    page = [document(item) for item in items[:limit]]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > limit,
    }


def expiry(anchor: object, seconds: object, param: str) -> float:
    """Return for how many seconds a file is kept. Raises ServedError unless it is 1 h to 30 days."""
    given = int(seconds) if isinstance(seconds, str) and seconds.isdecimal() else seconds
    if anchor != "created_at":
        raise ServedError(400, f"{param}.anchor must be 'created_at'.", param)
    if isinstance(given, bool) or not isinstance(given, int) or not 3_600 <= given <= 2_592_000:
        raise ServedError(400, f"{param}.seconds must be from 3600 to 2592000.", param)
    return float(given)
