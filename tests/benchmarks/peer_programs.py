"""Programs that measure endpoints, and what is read from their reports: aiperf and guidellm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measurements import Measurements, NotMeasured, cpu_s_of_children
from tests.benchmarks.peer_batches import PROMPT

__all__ = ["PROGRAMS", "measured", "requests_per_second"]

_REPORTS = {"aiperf": "aiperf/profile_export_aiperf.json", "guidellm": "guidellm.json"}
PROGRAMS = tuple(_REPORTS)

_UNKNOWN = {"id": 0, "content": "[UNK]", "single_word": False, "lstrip": False, "rstrip": False}
_TOKENIZER = {
    "version": "1.0",
    "added_tokens": [{**_UNKNOWN, "normalized": False, "special": True}],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
}
"""One that is not fetched, and that takes no time."""


def measured(
    name: str, measurements: Measurements, base_url: str, jobs: int, in_flight: int
) -> dict[str, float]:
    """Return requests a second by the program's report, and microseconds of processor time a request of all
    its processes, starts included, as `rate` and `cpu_us`.

    Raises NotMeasured if it is not there, fails, or leaves requests out.
    """
    folder = measurements.folder
    report = folder / _REPORTS[name]
    shutil.rmtree(folder / "aiperf", ignore_errors=True)
    report.unlink(missing_ok=True)
    prompts = folder / f"{name}.jsonl"
    prompts.write_text("".join(json.dumps({"text": f"{PROMPT} {number}"}) + "\n" for number in range(jobs)))
    write_tokenizer(folder / "tokenizer")
    root = base_url.removesuffix("/v1")
    command = _aiperf if name == "aiperf" else _guidellm
    program = measurements.environment(name).python.with_name(name)
    before_s = cpu_s_of_children()
    measurements.printed(name, program, *command(root, prompts, report, jobs, in_flight))
    cpu_s = cpu_s_of_children() - before_s
    if not report.exists():
        raise NotMeasured(f"{name} wrote no report")
    done, rate = requests_per_second(name, json.loads(report.read_text()))
    if done != jobs:
        raise NotMeasured(f"{name}: {done} of {jobs} answered")
    return {"rate": rate, "cpu_us": cpu_s / jobs * 1e6}


def requests_per_second(name: str, report: Mapping[str, Any]) -> tuple[int, float]:
    """Return how many requests were answered, and how many a second, by the program's report."""
    if name == "aiperf":
        return round(report["request_count"]["avg"]), float(report["request_throughput"]["avg"])
    benchmark = report["benchmarks"][0]
    made = benchmark["scheduler_metrics"]["requests_made"]["successful"]
    return int(made), float(benchmark["metrics"]["requests_per_second"]["successful"]["mean"])


def write_tokenizer(folder: Path) -> None:
    """Write the smallest tokenizer that transformers reads."""
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(_TOKENIZER))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))


def _aiperf(root: str, prompts: Path, report: Path, jobs: int, in_flight: int) -> tuple[object, ...]:
    return (
        *("profile", "--model", "m", "--url", root, "--endpoint-type", "chat", "--ui", "none"),
        *("--request-count", jobs, "--concurrency", in_flight, "--input-file", prompts),
        *("--custom-dataset-type", "single_turn", "--use-server-token-count"),
        *("--tokenizer", "./tokenizer", "--artifact-dir", report.parent),
    )


def _guidellm(root: str, prompts: Path, report: Path, jobs: int, in_flight: int) -> tuple[object, ...]:
    return (
        *("run", "--backend", f"kind=openai_http,target={root},model=m,stream=false"),
        *("--profile", f"kind=concurrent,streams={in_flight}"),
        *("--constraint", f"kind=max_requests,count={jobs}"),
        *("--data", f"kind=json_file,path={prompts}"),
        *("--output", f"kind=json,path={report}", "--disable-console"),
    )
