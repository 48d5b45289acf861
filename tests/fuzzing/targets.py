"""What is fuzzed: each target takes a random source, makes one case of it and tries it.

A target raises for a finding: whatever is not the documented exception, and every promise that is broken.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from llmdash.llms.messages import Delta
from llmdash.llms.wire.anthropic import MessageReader
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.chat import ChatReader, CompletionReader
from llmdash.llms.wire.failures import Failure, from_body, from_response
from llmdash.llms.wire.rate_limit_headers import HINT_LIMIT_S, parse_limits, retry_after
from llmdash.llms.wire.responses import ResponsesReader
from llmdash.llms.wire.sse import LineTooLong, ServerSentEvent, SSEParser
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError
from tests.faults.errors import BUSY, LIMIT, NO_KEY, PURSE
from tests.faults.scene import DIALECTS, Words
from tests.fuzzing.corpus import ALL_ANSWERS, ANSWERS
from tests.fuzzing.mutate import TOKENS, VALUES, in_pieces, mutated, spoilt_json
from tests.fuzzing.wire import wire

Target = Callable[[random.Random], None]

_READERS: dict[str, type[BodyReader]] = {
    "/chat/completions": ChatReader,
    "/completions": CompletionReader,
    "/responses": ResponsesReader,
    "/messages": MessageReader,
}


def parser(rng: random.Random) -> None:
    """Where the bytes are cut makes no difference; a line or an event beyond the cap is refused."""
    stream = mutated(rng.choice(ALL_ANSWERS), ALL_ANSWERS, rng)
    limit = rng.choice((50, 1000, 1_000_000))
    whole, pieces = _events([stream], limit), _events(in_pieces(stream, rng), limit)
    assert (whole is None) == (pieces is None), "refused in one way of cutting and not in the other"
    assert whole == pieces, "the cuts made a difference"


def _events(pieces: list[bytes], limit: int) -> list[ServerSentEvent] | None:
    """The events; None for a line that is too long."""
    parsing, events = SSEParser(limit), []
    try:
        for piece in pieces:
            events += parsing.feed(piece)
    except LineTooLong:
        return None
    assert all(len(event.data) <= limit for event in events)
    return events


def readers(rng: random.Random) -> None:
    """A body becomes Deltas of text that can be stored, or a Failure; no more after the end."""
    path = rng.choice(list(_READERS))
    body = mutated(rng.choice(ANSWERS[path]), ALL_ANSWERS, rng)
    reader = _READERS[path]({}, str)
    deltas: list[Delta] = []
    try:
        for piece in in_pieces(body, rng):
            deltas += reader.feed(piece, 1.0)
        deltas += reader.close(1.0, eof_ends=rng.random() < 0.2)
    except Failure as failure:
        _check_failure(failure)
        assert not reader.finished, "a Failure after the answer was whole"
    else:
        assert reader.finished
        assert not any(delta.finish_reason or delta.flags for delta in deltas[:-1])
    for delta in deltas:
        _check_delta(delta)


def _check_delta(delta: Delta) -> None:
    for text in (delta.text, delta.reasoning, delta.finish_reason or ""):
        assert isinstance(text, str)
        text.encode()
    if delta.usage is not None:
        assert all(
            type(count) is int and 0 <= count < 2**63
            for count in (delta.usage.input_tokens, delta.usage.output_tokens)
        )


def _check_failure(failure: Failure) -> None:
    assert failure.message.strip()
    assert len(failure.message) <= 2000
    for text in (failure.message, failure.code or "", failure.request_id or ""):
        text.encode()
    assert failure.retry_after is None or 0 < failure.retry_after <= HINT_LIMIT_S


_HEADER_NAMES = (
    "retry-after",
    "retry-after-ms",
    "date",
    "x-should-retry",
    "x-request-id",
    "request-id",
    "location",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-input-tokens-remaining",
)
_HEADER_VALUES = (
    b"1",
    b"0.5",
    b"6m0s",
    b"120ms",
    b"1h2m3.5s",
    b"Wed, 21 Oct 2015 07:28:00 GMT",
    b"2015-10-21T07:28:00Z",
    b"2015-10-21T07:28:00+23:59",
    b"0001-01-01T00:00:00+23:59",
    b"9999-12-31T23:59:59-23:59",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"1445412490000",
    b"true",
    b"-1",
    b"nan",
)


def _headers(rng: random.Random) -> dict[str, str]:
    headers = {}
    for name in rng.sample(_HEADER_NAMES, rng.randint(0, 6)):
        value = rng.choice(_HEADER_VALUES)
        if rng.random() < 0.7:
            value = mutated(value, _HEADER_VALUES, rng)
        # A header that was received holds no line break; what is no UTF-8 in it are lone surrogates.
        headers[name] = value[:300].decode("utf-8", "surrogateescape").replace("\r", "").replace("\n", "")
    return headers


def hints(rng: random.Random) -> None:
    """Headers give a span that can be waited for, or none."""
    headers = _headers(rng)
    found = retry_after(headers)
    assert found is None or (math.isfinite(found) and 0 < found <= HINT_LIMIT_S), (headers, found)
    told = parse_limits(headers)
    for name in () if told is None else told.__struct_fields__:
        value = getattr(told, name)
        assert value is None or 0 <= value < 2**62, (headers, name, value)


def failures(rng: random.Random) -> None:
    """Every status, with any headers and body, and every error inside a 200 is some Failure."""
    words = rng.choice((BUSY, LIMIT, PURSE, NO_KEY, Words("no", "error")))
    dialect = rng.choice(list(DIALECTS.values()))
    body = json.dumps(words.document(dialect)).encode()
    body = mutated(body, ALL_ANSWERS, rng) if rng.random() < 0.6 else spoilt_json(body, rng)
    status = rng.choice((400, 401, 402, 403, 404, 429, 500, 529, rng.randint(100, 999)))
    if 200 <= status < 300:
        status = 500
    _check_failure(from_response(status, _headers(rng), body))
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        error = rng.choice(VALUES)
    _check_failure(from_body(error, _headers(rng)))


_JSON_LINES = b"""{"prompt": "What is 1 + 1?", "id": "a", "expected": 2}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}
{"prompt": "x", "options": {"temperature": 0.5, "max_tokens": 5, "model": "m"}}
{"word": "sea", "prompt": "Say {{word}}"}
"""
_BATCH = b"""{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", \
"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "max_tokens": 5}}
{"custom_id": "b", "params": {"model": "m", "max_tokens": 5, "system": "s", "messages": \
[{"role": "user", "content": "Hi"}]}}
"""
_TABLE = [
    ["id", "prompt", "expected"],
    ["1", "Say \u2028 sea", "sea"],
    ["2", 'He said "no", twice\nand left', ""],
]
_SET = b"""name = "words"
template = "Say {{word}}."
system = "Be brief."
repeat = 2
[options]
temperature = 0.5
[[fields]]
word = "sea"
expected = "sea"
"""
_PROMPTS = b"""[[prompt]]
text = "Hello"
id = 7
[[prompt]]
messages = [{role = "user", content = "Hi"}]
"""


def _table(delimiter: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(_TABLE)
    return out.getvalue().encode()


_FILES: tuple[tuple[str, bytes], ...] = (
    (".jsonl", _JSON_LINES),
    (".jsonl", _BATCH),
    (".json", b"[" + b",\n".join(_JSON_LINES.splitlines()) + b"]"),
    (".csv", _table(",")),
    (".csv", _table(";")),
    (".tsv", _table("\t")),
    (".txt", b"One prompt\nAnother\n\n---\nA third\n"),
    (".toml", _SET),
    (".toml", _PROMPTS),
    (".toml", b'task = "arithmetic"\n[arithmetic]\ncount = 3\nseed = 1\n'),
    (".toml", b'template = "Say {{word}}."\ndata = "words.csv"\n'),
)
_INPUTS = [data for _, data in _FILES] + [b"word,expected\nsea,sea\n", *TOKENS]


def prompt_files(rng: random.Random) -> None:
    """A file of any content is a source of prompts, or an InputError."""
    suffix, data = rng.choice(_FILES)
    if rng.random() < 0.1:
        suffix = rng.choice(_FILES)[0]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "words.csv").write_bytes(mutated(b"word,expected\nsea,sea\n", _INPUTS, rng))
        path = Path(folder) / f"prompts{suffix}"
        path.write_bytes(mutated(data, _INPUTS, rng))
        try:
            _read_all(path, rng)
        except InputError as error:
            assert str(error).strip()


def _read_all(path: Path, rng: random.Random) -> None:
    template = "Say {{word}}." if path.suffix != ".toml" and rng.random() < 0.2 else None
    source = open_source(path, limit=rng.choice((None, None, 1, 3)), template=template)
    assert len(source.fingerprint) == 64
    assert all(str(problem) for problem in source.problems)
    for number in range(min(len(source), 50)):
        prompt = source.prompt(number)
        assert prompt.id
        assert prompt.messages
        assert all(isinstance(text, str) for pair in prompt.messages for text in pair)
        source.score(prompt, "sea")


TARGETS: dict[str, Target] = {
    "parser": parser,
    "readers": readers,
    "hints": hints,
    "failures": failures,
    "input": prompt_files,
    "wire": wire,
}
