"""The summary of a run: one JSON object for scripts, and a few lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.frame import (
    EndpointRow,
    Frame,
    KeyRow,
    Percentiles,
    RunPart,
    Score,
    TimingPart,
    WorkerRow,
)
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.reports.alerts import endpoint_text
from llmdash.reports.alignment import aligned
from llmdash.reports.batches import batch_lines, batch_record
from llmdash.reports.errors import KeptRun, error_lines, error_record, failed_by_kind
from llmdash.reports.forecast import forecast_lines, forecast_record
from llmdash.reports.timing_tables import as_object as timings_record
from llmdash.reports.wording import (
    answers_place,
    count,
    endpoint,
    money,
    per_second,
    resume_command,
    seconds,
    share,
    state_word,
    times_text,
    way_on,
)
from llmdash.sanitize import clean_line

__all__ = ["encode_line", "end_report", "summary"]

WORKERS_SHOWN = 8


def summary(frame: Frame, kept: KeptRun | None = None) -> dict[str, Any]:
    """Return the summary of a run for scripts; times in seconds, None where a value is not known.

    `rate` is the mean of the requests a second while the run was at work, over all its starts. A key's
    `state` is one of `healthy`, `throttled`, `cooldown`, `quarantined`, `dead`, `disabled`, its `sent` the
    sum of what follows; an endpoint's state is one of `up`, `down`, `probing`, `paused`; `detail` says why.
    `workers` is empty where this process made all attempts; `done` and `lost` are of all starts.
    `accuracy` is right answers over all scored ones, 0 to 1. `errors` (`count` jobs and `tries` by kind) and
    `run_dir` are known of a run that is `kept`; `failed_tries` are single requests, `made_good` those of
    jobs that were answered after all; `wall_s` from the first start to the end, rests included, of one that
    has ended. `unknown` are requests without an outcome, which may be paid twice, `cost_uncertain` the
    dollars of `cost` that are counted for them; `failed_by_kind` are failed jobs by class. `held` is `trial`
    or `budget` where the run waits for a word how to go on; `forecast` is then that of the rest after a
    trial. `budget` has dollars. `itl_s` has the seconds between tokens, `tps` the tokens a second of a
    stream, `by_key` the percentiles of the answers of each key.
    """
    run = frame.run
    return {
        "type": "summary",
        "run": clean_line(run.name),
        **_counts(run),
        "elapsed_s": round(run.elapsed_s, 3),
        "wall_s": None if run.wall_s is None else round(run.wall_s, 3),
        "rate": None if run.requests_per_s is None else round(run.requests_per_s, 3),
        "keys": [_key(row) for row in frame.keys],
        "endpoints": [_endpoint(row) for row in frame.endpoints],
        "batches": [batch_record(row) for row in frame.batches],
        "workers": [_worker(row) for row in frame.workers],
        "score": None if run.score is None else _score(run.score),
        "ttft_s": _percentiles(run.ttft),
        "latency_s": _percentiles(run.latency),
        "waited_s": _percentiles(run.waited),
        **({} if frame.timings is None else _timings(frame.timings)),
        "usage": _usage(run),
        "cost": None if run.cost is None else round(run.cost, 6),
        "cost_uncertain": round(run.cost_uncertain, 6),
        "held": None if run.hold is None else run.hold.kind.value,
        "budget": None if run.budget is None else _budget(run, run.budget),
        "forecast": None if frame.forecast is None else forecast_record(frame.forecast),
        "errors": [] if kept is None else [error_record(error) for error in kept.errors],
        "failed_by_kind": {} if kept is None else failed_by_kind(kept.errors),
        "run_dir": None if kept is None else str(kept.folder),
    }


def encode_line(record: dict[str, Any]) -> str:
    """Return a record as one line of ASCII JSON, which every encoding and line reader can handle."""
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def _counts(run: RunPart) -> dict[str, int]:
    """The jobs by what became of them, and the requests that they took."""
    return {
        "jobs": run.jobs,
        "done": run.done,
        "invalid": run.invalid,
        "failed": run.failed,
        "pending": run.jobs - run.ended,
        "batched": run.batched,
        "cancelled": run.cancelled,
        "left_out": run.left_out,
        "empty": run.empty,
        "reused": run.reused,
        "attempts": run.attempts,
        "retries": run.retries,
        "failed_tries": run.failed_tries,
        "made_good": run.made_good,
        "unknown": run.unknown,
    }


def _usage(run: RunPart) -> dict[str, Any]:
    return {
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cached_tokens": run.cached_tokens,
        "reasoning_tokens": run.reasoning_tokens,
        **({"estimated": True} if run.tokens_estimated else {}),
    }


def _key(row: KeyRow) -> dict[str, Any]:
    return {
        "label": clean_line(row.label),
        "state": row.state.name.lower(),
        "detail": clean_line(row.detail),
        "sent": row.sent,
        "ok": row.ok,
        "throttled": row.throttled,
        "errors": row.errors,
        "cut": row.cut,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
    }


def _endpoint(row: EndpointRow) -> dict[str, Any]:
    return {"name": clean_line(row.name), "state": row.state.value, "detail": clean_line(row.detail)}


def _worker(row: WorkerRow) -> dict[str, Any]:
    return {"name": clean_line(row.name), "host": clean_line(row.host), "done": row.done, "lost": row.lost}


def _budget(run: RunPart, limit: float) -> dict[str, float]:
    return {"limit": round(limit, 6), "reserved": round(run.reserved, 6)}


def _score(score: Score) -> dict[str, Any]:
    return {
        "right": score.right,
        "not_equal": score.not_equal,
        "not_parseable": score.not_parseable,
        "accuracy": score.accuracy,
    }


def _timings(part: TimingPart) -> dict[str, Any]:
    record = timings_record(part)
    return {"itl_s": record["all"]["itl_s"], "tps": record["all"]["tps"], "by_key": record["groups"]}


def _percentiles(values: Percentiles) -> dict[str, float | None]:
    shares = {"p50": values.p50, "p90": values.p90, "p95": values.p95, "p99": values.p99}
    return {name: None if value is None else round(value, 6) for name, value in shares.items()}


def end_report(frame: Frame, kept: KeptRun | None = None) -> str:
    """Return the final report of a run as plain text, safe to show; lines without a final line feed.

    Of a run that is `kept` it says why jobs failed, where it is, and how to go on with it.
    """
    run = frame.run
    title = "   ".join(
        part for part in (clean_line(run.name), clean_line(endpoint(run)), run.state.value) if part
    )
    lines = [f"{title}   {times_text(run)}", _jobs_line(run), _attempts_line(run)]
    if run.cost is not None:
        of_budget = "" if run.budget is None else f" of {money(run.budget)}"
        about = "at most " if run.cost_is_most else "about " if run.tokens_estimated else ""
        uncertain = _uncertain(run)
        lines.append(f"cost     {about}{money(run.cost)}{of_budget}{uncertain}")
    if run.score is not None:
        lines.append(_score_line(run.score))
    if run.is_streamed:
        lines.append(f"ttft     {_percentiles_text(run.ttft)}")
    lines.append(f"latency  {_percentiles_text(run.latency)}")
    if run.waited.p50 is not None:
        lines.append(f"waited   {_percentiles_text(run.waited)}")
    if run.unknown:
        lines.append(f"unknown  {counted(run.unknown, 'request')} {run.payment.unknown}")
    troubled = [endpoint_text(row) for row in frame.endpoints if row.state is not EndpointState.UP]
    if troubled:
        lines.append(f"endpoint {'; '.join(troubled)}")
    if frame.workers:
        lines.append(f"workers  {listed([*map(_worker_text, frame.workers)], WORKERS_SHOWN)}")
    if frame.keys:
        lines += ["", *_key_table(frame.keys)]
    if out := [row for row in frame.batches if row.state.is_open]:
        lines += ["", *batch_lines(out, None if kept is None else kept.folder)]
    if run.hold is not None:
        lines += ["", clean_line(run.hold.text)]
    if frame.forecast is not None:
        lines += [f"the rest {counted(frame.forecast.jobs, 'job')}", *forecast_lines(frame.forecast)]
    if kept is not None:
        lines += ["", *error_lines(kept.errors), *_kept_lines(run, kept)]
    return "\n".join(lines)


def _kept_lines(run: RunPart, kept: KeptRun) -> Iterator[str]:
    if run.done:
        yield f"answers  {answers_place(kept.folder, kept.out)}"
    yield f"kept in  {clean_line(str(kept.folder))}"
    if run.ended < run.jobs:
        yield f"resume   {resume_command(kept.folder)}{way_on(run)}"
    if run.failed or run.invalid:
        yield f"retry    {resume_command(kept.folder)} --retry-failed"


def _jobs_line(run: RunPart) -> str:
    parts = [f"{count(run.done)} done", f"{count(run.failed)} failed"]
    if run.invalid:
        parts.append(f"{count(run.invalid)} invalid")
    notes = [
        f"{count(number)} {word}" for number, word in ((run.reused, "reused"), (run.empty, "empty")) if number
    ]
    if notes:
        parts[0] += f" ({', '.join(notes)})"
    if run.cancelled:
        parts.append(f"{count(run.cancelled)} cancelled")
    with_provider = f", {count(run.batched)} of them with a provider" if run.batched else ""
    parts.append(f"{count(run.jobs - run.ended)} pending{with_provider}")
    left_out = f"; {counted(run.left_out, 'input line')} left out" if run.left_out else ""
    return f"jobs     {', '.join(parts)}, of {count(run.jobs)}{left_out}"


def _attempts_line(run: RunPart) -> str:
    about = "about " if run.tokens_estimated else ""
    asked, said = counted(run.input_tokens, "token"), count(run.output_tokens)
    cached = f" ({count(run.cached_tokens)} cached)" if run.cached_tokens else ""
    reasoning = f" ({count(run.reasoning_tokens)} reasoning)" if run.reasoning_tokens else ""
    tokens = f"{about}{asked} in{cached}, {said} out{reasoning}"
    rate = per_second(run.requests_per_s)
    sent = f"{counted(run.attempts, 'attempt')}, {counted(run.retries, 'retry', 'retries')}"
    if run.failed_tries:
        sent += (
            f", {counted(run.failed_tries, 'failed try', 'failed tries')} ({count(run.made_good)} made good)"
        )
    return f"sent     {sent}, {rate}, {tokens}"


def _uncertain(run: RunPart) -> str:
    """What of the cost is for requests without an outcome."""
    before, after = run.cost_besides
    return f", {before}{money(run.cost_uncertain)}{after}" if before else ""


def _score_line(score: Score) -> str:
    counts = f"{count(score.right)} right, {count(score.not_equal)} not equal"
    return f"score    {share(score.accuracy)}: {counts}, {count(score.not_parseable)} not parseable"


def _worker_text(row: WorkerRow) -> str:
    lost = f" ({count(row.lost)} lost)" if row.lost else ""
    return f"{clean_line(row.name)} {count(row.done)}{lost}"


def _percentiles_text(values: Percentiles) -> str:
    shares = {"p50": values.p50, "p90": values.p90, "p95": values.p95, "p99": values.p99}
    always = ("p50", "p95")
    return ", ".join(
        f"{name} {seconds(value)}" for name, value in shares.items() if value is not None or name in always
    )


def _key_table(keys: Sequence[KeyRow]) -> list[str]:
    """A line of titles and a line a key; at its end the reason why it is not healthy."""
    head = ("key", "state", "sent", "ok", "429", "errors", "cut", "tokens in", "tokens out")
    rows: list[tuple[str, ...]] = [head]
    for row in keys:
        calls = (row.sent, row.ok, row.throttled, row.errors, row.cut)
        words = (clean_line(row.label), state_word(row))
        rows.append((*words, *(count(number) for number in (*calls, row.input_tokens, row.output_tokens))))
    reasons = ["", *(_reason(row) for row in keys)]
    return [line + reason for line, reason in zip(aligned(rows, 2), reasons, strict=True)]


def _reason(row: KeyRow) -> str:
    return f"  {clean_line(row.detail)}" if row.detail and row.state is not KeyState.HEALTHY else ""
