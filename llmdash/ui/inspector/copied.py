"""What is copied of a job: its row as JSON, and its request as a command of curl without the key."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from llmdash.engine.model.frame import Inspection, RequestPart
from llmdash.engine.model.payment import Payment
from llmdash.ui.inspector.attempt_lines import attempts_text

__all__ = ["attempts_copied", "curl_command", "prompt_text", "row_json"]

_ATTEMPTS_WIDTH: Final = 200
"""Cells of a line of the attempts."""
_VARIABLE: Final = re.compile(r"\$[A-Z][A-Z0-9_]*\Z")
_LEFT_OUT: Final = ("accept-encoding", "user-agent", "content-length")


def prompt_text(inspection: Inspection) -> str:
    """Return every message of the prompt, a blank line between two."""
    return "\n\n".join(text for _role, text in inspection.messages)


def attempts_copied(inspection: Inspection, payment: Payment) -> str:
    """Return the attempts in lines."""
    return attempts_text(inspection.attempts, _ATTEMPTS_WIDTH, payment)


def row_json(inspection: Inspection) -> str:
    """Return the result of a job as one JSON object, as an export has it; without what is not known."""
    if inspection.record is None:
        fields: dict[str, Any] = {"id": inspection.row.id, "state": inspection.row.state.name.lower()}
    else:
        fields = asdict(inspection.record)
    known = {name: value for name, value in fields.items() if value not in (None, (), "")}
    return json.dumps(known, ensure_ascii=False, indent=2, default=str)


def curl_command(request: RequestPart) -> str:
    """Return a command for a POSIX shell that sends the request; with `$API_KEY` in place of the key."""
    return " \\\n  ".join(_words(request))


def _words(request: RequestPart) -> Iterator[str]:
    yield f"curl -sS {shlex.quote(request.url)}"
    for name, value in request.headers:
        if name not in _LEFT_OUT:
            yield f"-H {_header(name, value)}"
    yield f"--data-binary {shlex.quote(request.body)}"


def _header(name: str, value: str) -> str:
    """Return a header as a word of the shell, in which only the variable of a secret is expanded."""
    found = _VARIABLE.search(value)
    if found is None:
        return shlex.quote(f"{name}: {value}")
    before = f"{name}: {value[: found.start()]}"
    escaped = "".join(f"\\{letter}" if letter in '"\\`$' else letter for letter in before)
    return f'"{escaped}{found.group()}"'
