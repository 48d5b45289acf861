"""What is copied of a job: a row of JSON, and a command of curl that a shell takes as it is meant."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.model.frame import Inspection, JobRow, RequestPart
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.model.states import JobState
from llmdash.ui.inspector.copied import curl_command, row_json

REQUEST = RequestPart(
    "https://api.example.com/v1/chat/completions?team=a b",
    (("content-type", "application/json"), ("authorization", "Bearer $API_KEY"), ("x-org", "a $5 org's")),
    '{"messages":[{"role":"user","content":"it\'s $HOME `x` \\\\n"}]}',
)


def test_the_key_is_a_variable_and_all_else_is_as_it_is_sent() -> None:
    command = curl_command(REQUEST)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["curl", "-sS", REQUEST.url]
    assert "authorization: Bearer $API_KEY" in words
    assert '"authorization: Bearer $API_KEY"' in command
    assert words[-1] == REQUEST.body


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=40))
def test_a_shell_expands_nothing_but_the_key(text: str) -> None:
    request = RequestPart(f"https://x/{text}", (("authorization", "Bearer $API_KEY"), ("x-a", text)), text)
    script = "curl() { printf '%s\\0' \"$@\"; }; API_KEY=sesame; " + curl_command(request)
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    sent = done.stdout.decode().split("\0")
    assert sent[1] == request.url
    assert sent[3:6:2] == ["authorization: Bearer sesame", f"x-a: {text}"]
    assert sent[7] == text


def test_the_row_is_the_result_without_what_is_not_known() -> None:
    record = ResultRecord(3, "add-3", "done", text="65", correct=True, input_tokens=54, flags=("length",))
    row = JobRow(3, "add-3", JobState.DONE)
    found = json.loads(row_json(Inspection(row, record=record)))
    assert found["text"] == "65" and found["correct"] is True and found["flags"] == ["length"]
    assert "error" not in found
    assert json.loads(row_json(Inspection(row))) == {"id": "add-3", "state": "done"}


def test_no_part_of_the_module_reads_the_environment() -> None:
    source = Path(curl_command.__code__.co_filename).read_text("utf-8")
    assert "environ" not in source
