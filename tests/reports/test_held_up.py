"""What held a run up is said once it has ended with jobs left, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.model.frame import Alert, Frame, RunPart
from llmdash.engine.model.states import AlertKind, RunState, Severity
from llmdash.launch.shutdown import write_last_words
from llmdash.reports.alerts import held_up_text

DOWN = Alert(AlertKind.ENDPOINT, "openai is down: \x1b[31mrefused", passes_in_s=8.0)
TRIAL = Alert(AlertKind.TRIAL, "Trial held: 20 of 100 done", severity=Severity.INFORMATION)
LEFT = RunPart("sums", jobs=100, done=20, state=RunState.STOPPED)


def test_the_most_severe_trouble_is_named_without_a_countdown() -> None:
    said = held_up_text(Frame(alerts=(DOWN, TRIAL)))
    assert said.startswith("openai is down: ") and said.endswith("refused")
    assert "\x1b" not in said


def test_what_the_user_asked_for_is_no_trouble() -> None:
    assert held_up_text(Frame(alerts=(TRIAL,))) == held_up_text(Frame()) == ""


@pytest.mark.parametrize(
    ("run", "held_up", "is_said"),
    [(LEFT, "openai is down", True), (LEFT, "", False), (replace(LEFT, done=100), "openai is down", False)],
)
def test_the_exit_line_says_why_jobs_are_left(
    run: RunPart, held_up: str, is_said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    write_last_words(run, Path("kept"), None, (), held_up)
    said = capsys.readouterr().out
    assert ("\nHeld up at the end: openai is down\n" in said) is is_said
    assert ("Held up" in said) is is_said
