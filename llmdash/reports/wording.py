"""Times, counts and shares as plain text, for reports."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from llmdash.engine.model.amounts import rate_words, share
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame, KeyRow, Notice, RatePart, RunPart
from llmdash.engine.model.states import RunState, Severity
from llmdash.sanitize import clean_line, shell_word

__all__ = [
    "answers_place",
    "attach_command",
    "collect_command",
    "compare_command",
    "cost_of_run",
    "count",
    "counts_text",
    "doctor_command",
    "duration",
    "endpoint",
    "eta",
    "export_command",
    "left",
    "money",
    "notice_line",
    "pending_words",
    "per_second",
    "rate_words",
    "resume_command",
    "run_state",
    "seconds",
    "share",
    "state_word",
    "staying_words",
    "times_text",
    "title",
    "way_on",
]

UNKNOWN = "–"
_RARE: Final = 0.5


def duration(value: float) -> str:
    """Return seconds as `HH:MM:SS.mmm`; hours may have more than two digits."""
    milliseconds = round(max(0.0, value) * 1000)
    whole, milliseconds = divmod(milliseconds, 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}.{milliseconds:03}"


def times_text(run: RunPart) -> str:
    """Return the time at work, and that from the first start to the end where it is longer by a second."""
    at_work = duration(run.elapsed_s)
    if run.wall_s is None or run.wall_s < run.elapsed_s + 1.0:
        return at_work
    return f"{at_work} at work, {duration(run.wall_s)} in all"


def eta(run: RunPart) -> str:
    """Return the middle estimate of the time left as `HH:MM:SS`; a dash while there is none."""
    return UNKNOWN if run.ends_in_s is None else duration(round(run.ends_in_s[1]))[:-4]


def seconds(value: float | None) -> str:
    """Return seconds for a report: `0.388 s`, `12.3 s`; a dash for None."""
    if value is None:
        return UNKNOWN
    return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def money(value: float | None) -> str:
    """Return dollars with as many decimals as needed: `$0.000812`, `$0.0812`, `$8.12`; a dash for None."""
    if value is None:
        return UNKNOWN
    decimals = 2 if value >= 1 or value == 0 else 4 if value >= 0.01 else 6
    return f"${value:,.{decimals}f}"


def cost_of_run(run: RunPart) -> str:
    """Return the dollars of a run; `≤$0.43` where it costs at most that much."""
    return ("≤" if run.cost_is_most else "") + money(run.cost)


def left(value: float) -> str:
    """Return the time until something happens, rounded up: `4s`, `15 min`, `3 h`."""
    whole = math.ceil(max(0.0, value))
    if whole < 120:
        return f"{whole}s"
    return f"{math.ceil(whole / 60)} min" if whole <= 7200 else f"{math.ceil(whole / 3600)} h"


def count(value: int) -> str:
    """Return a count with commas between thousands."""
    return f"{value:,}"


def per_second(value: float | None) -> str:
    """Return a rate in requests a second."""
    return UNKNOWN if value is None else f"{value:.1f}/s"


def pace(run: RunPart, rate: RatePart) -> str:
    """Return the requests a second of now, of how many that are set: `17.9/s of 20/s`, `12.4/s, auto`.

    A rate of less than one in two seconds stands alone: the few of the last seconds say nothing.
    """
    now, auto = per_second(run.requests_per_s), ", auto" if rate.auto.on else ""
    if run.requests_per_s is None or run.state.ended:
        return now
    if rate.rate is None:
        return now + auto
    most = rate_words(rate.rate)
    return (f"{now} of {most}" if rate.rate >= _RARE else f"at most {most}") + auto


def endpoint(run: RunPart) -> str:
    """Return model and endpoint: `gpt-4o-mini @ simulator`. Not sanitized."""
    return " @ ".join(part for part in (run.model, run.endpoint) if part)


def run_state(run: RunPart) -> str:
    """Return the state of the run if it is not simply running, such as `waiting on key`; else ""."""
    state, why = run.state.value, clean_line(run.state_detail)
    if run.state is RunState.RUNNING or why.startswith(state):
        return why
    return f"{state}: {why}" if why and run.state is not RunState.DONE else state


def state_word(key: KeyRow) -> str:
    """Return a key's state in the words of the screen, with the seconds it still rests."""
    return key.state.value if key.ready_in_s is None else f"{key.state.value} {key.ready_in_s:.0f}s"


def resume_command(folder: Path) -> str:
    """Return the command that resumes the run in `folder`, quoted for a shell."""
    return f"llmdash run --resume --run-dir {shell_word(folder)}"


def doctor_command(folder: Path) -> str:
    """Return the command that says what is wrong with the run in `folder`, quoted for a shell."""
    return f"llmdash doctor {shell_word(folder)}"


def export_command(folder: Path) -> str:
    """Return the command that writes the results of the run in `folder`, quoted for a shell."""
    return f"llmdash runs export {shell_word(folder)} answers.jsonl"


def compare_command(first: Path, second: Path) -> str:
    """Return the command that compares the runs in two folders, quoted for a shell."""
    return f"llmdash runs compare {shell_word(first)} {shell_word(second)}"


def attach_command(folder: Path) -> str:
    """Return the command that shows the living run in `folder`, quoted for a shell."""
    return f"llmdash attach {shell_word(folder)}"


def collect_command(folder: Path) -> str:
    """Return the command that fetches what is back of the batches of the run in `folder`, for a shell."""
    return f"llmdash batches collect {shell_word(folder)}"


_WAYS_ON: Final = {
    HoldKind.TRIAL.value: " --release",
    HoldKind.BUDGET.value: " --budget LARGER",
    HoldKind.BATCHES.value: " --release",
}


def way_on(run: RunPart | None) -> str:
    """Return what a run that is held needs after the command that resumes it; empty for any other."""
    return "" if run is None or run.hold is None else _WAYS_ON[run.hold.kind.value]


def recorded_way_on(held: object) -> str:
    """Return the same for a run with this fact `held` on record."""
    return _WAYS_ON.get(held, "") if isinstance(held, str) else ""


def pending_words(frame: Frame, folder: Path) -> str:
    """Return how many jobs have not ended, how many of them are with a provider, and how to go on with the
    run in `folder`; empty where every job has ended.
    """
    run, resume = frame.run, resume_command(folder) + way_on(frame.run)
    pending = run.jobs - run.ended
    if not pending:
        return ""
    if not run.batched:
        return f"{counted(pending, 'prompt')} pending; resume it with: {resume}"
    batches = counted(sum(row.state.is_open for row in frame.batches), "batch", "batches")
    if run.batched == pending:
        them = "is" if pending == 1 else "are"
        return f"{counted(pending, 'prompt')} {them} with a provider, in {batches}; come back with: {resume}"
    return (
        f"{counted(pending, 'prompt')} pending, {count(run.batched)} of them with a provider, in {batches}; "
        f"come back with: {resume}"
    )


def staying_words(frame: Frame, folder: Path) -> str:
    """Return what stays with a provider when the run in `folder` ends, how its results are fetched and how
    it is cancelled; empty where nothing does.
    """
    out = sum(row.state.is_open and row.state.may_exist for row in frame.batches)
    if not out:
        return ""
    stay, them = ("stays", "it") if out == 1 else ("stay", "them")
    return (
        f"{counted(out, 'batch', 'batches')} {stay} with a provider; fetch {them} with: "
        f"{collect_command(folder)}; cancel {them} with: llmdash batches cancel {shell_word(folder)}"
    )


def answers_place(folder: Path, out: Path | None) -> str:
    """Return the file that the results are in, or the command that writes those of the run in `folder`."""
    return export_command(folder) if out is None else clean_line(str(out))


def counts_text(frame: Frame) -> str:
    """Saved, failed, retried, in flight, and the rate of now and as it is set."""
    run = frame.run
    parts = [
        f"{count(run.done)} saved",
        f"{count(run.failed)} failed",
        counted(run.retries, "retry", "retries"),
        f"{count(run.in_flight)} in flight",
        pace(run, frame.rate),
    ]
    if run.batched:
        parts.append(f"{count(run.batched)} batched")
    if run.score is not None and run.score.total:
        parts.append(f"{share(run.score.accuracy)} right")
    return ", ".join(parts)


def notice_line(notice: Notice) -> str:
    """A notice on one line that is safe to show."""
    word = {Severity.INFORMATION: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}
    return f"{word[notice.severity]}: {clean_line(notice.text)}"


def title(frame: Frame) -> str:
    """Which run this is, safe to show."""
    return "  ".join(clean_line(part) for part in (frame.run.name, endpoint(frame.run)) if part)
