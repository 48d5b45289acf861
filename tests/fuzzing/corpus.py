"""What is mutated: fine answers of every dialect, and errors."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.faults.errors import BUSY, LIMIT, NO_KEY, PURSE
from tests.faults.scene import DIALECTS, answer_to, scene_of, separated

_ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "What is 1 + 1?"}],
    "prompt": "What is 1 + 1?",
    "input": "What is 1 + 1?",
}


def _corpus() -> dict[str, list[bytes]]:
    """Streams and documents that are fine, and errors, by the path of their dialect."""
    found: dict[str, list[bytes]] = {}
    for path, dialect in DIALECTS.items():
        for streamed in (True, False):
            body = json.dumps({**_ASKED, "stream": streamed}).encode()
            headers = [(b"anthropic-version", b"1")]
            scene = scene_of(dialect, headers, body, _NO_WIRE, rng=random.Random(0), identity="1")
            text = separated(answer_to(scene.reply.questions[0]).text)
            found.setdefault(path, []).append(b"".join(scene.answering(text).parts()))
            for words in (BUSY, LIMIT, PURSE, NO_KEY):
                found[path] += [scene.said(words), b"".join(scene.begun()) + scene.said_in_stream(words)]
    return found


_NO_WIRE: Any = (None, None)
ANSWERS = _corpus()
"""By the path of their dialect."""

ALL_ANSWERS = [answer for answers in ANSWERS.values() for answer in answers]
