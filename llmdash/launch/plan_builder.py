"""Settings and a file of prompts become the plan of a run."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from llmdash import locations
from llmdash.config import Settings, load_settings
from llmdash.config.prices import load_prices
from llmdash.engine.frames.builder import RunFacts
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.plan import RunPlan
from llmdash.launch.fleet import fleet_of
from llmdash.launch.pool_builder import KeyFile, Roster
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource
from llmdash.reports.export.live import LiveResults, can_be_live
from llmdash.secrets import Redactor
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings

__all__ = [
    "DEMO_RATE",
    "PRACTICE",
    "Input",
    "earlier_run",
    "key_file",
    "make_plan",
    "open_input",
    "practice_settings",
    "run_folder",
    "spool",
    "with_model",
    "with_options_of",
    "with_rate_of",
]

PRACTICE = SimulatorSettings(
    keys=("sim-practice-key-0001-7c41", "sim-practice-key-0002-a9e3", "sim-practice-key-0003-2fd8"),
    rpm=600,
    latency=1.2,
    error_rate=0.01,
    wrong_rate=0.03,
)
"""The simulator one practises on: three keys of 600 requests a minute each, and the faults of real life."""

DEMO_RATE = 20.0
_SPOOL = "input"
_HEADER = 64 * 1024  # bytes of a table's first line
_SMALL = 1024 * 1024  # bytes of a prompt set on standard input
_SET_FIELDS = frozenset(("task", "arithmetic", "template", "data", "fields", "prompt"))


@dataclass(frozen=True, slots=True)
class Input:
    """Where prompts come from: a file, or (`seed`) arithmetic made up on the spot; at most `limit` of
    them.
    """

    path: Path | None = None
    limit: int | None = None
    seed: int | None = None


def open_input(given: Input) -> PromptSource:
    """The prompts. Raises InputError."""
    if given.seed is not None:
        return Arithmetic(count=given.limit or 10_000, seed=given.seed)
    if given.path is None:
        raise InputError("no prompts: name a file, or - for standard input")
    return open_source(given.path, limit=given.limit)


def spool(stream: BinaryIO, folder: Path) -> Path:
    """Standard input as a file of the run, so that the run can be resumed."""
    path = folder / _SPOOL
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    path.chmod(0o600)
    return path.replace(path.with_suffix(_suffix_of(path)))


def _suffix_of(path: Path) -> str:
    """The end of a name for what only a name tells: a table with a `prompt` column, a prompt set."""
    with path.open("rb") as file:
        head = file.readline(_HEADER).decode("utf-8-sig", "replace").rstrip("\r\n")
    for suffix, delimiter in ((".tsv", "\t"), (".csv", ","), (".csv", ";")):
        if "prompt" in _cells(head, delimiter):
            return suffix
    if path.stat().st_size <= _SMALL:
        try:
            found = tomllib.loads(path.read_text("utf-8-sig"))
        except (ValueError, RecursionError):  # no TOML, or no text
            return ""
        return ".toml" if _SET_FIELDS & found.keys() else ""
    return ""


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # not a line of a table
        return []


def earlier_run(folder: Path | None, given: Input) -> tuple[Path, Input, Mapping[str, Any]]:
    """The run to resume: its folder, its input, and what its journal says of it.

    Without a folder it is the latest run over the same file, or the latest of all if no file is named. Raises
    JournalError if there is none.
    """
    wanted = given.path.absolute() if given.path is not None else None
    for candidate in [folder] if folder is not None else _latest_first():
        facts = JournalReader(candidate).facts()
        path = Path(facts["path"]) if facts.get("path") else None
        if folder is None and wanted is not None and path != wanted:
            continue
        limit = given.limit if given.limit is not None else facts.get("limit")
        return candidate, Input(wanted or path, limit, facts.get("seed")), facts
    about = f"over {wanted}" if wanted is not None else f"in {locations.runs_dir()}"
    raise JournalError(f"no earlier run {about}; leave out --resume, or name its folder with --run-dir")


def _latest_first() -> list[Path]:
    runs = locations.runs_dir()
    found = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    with_journal = [folder for folder in found if (folder / "journal.sqlite").exists()]
    return sorted(with_journal, key=lambda folder: (folder / "journal.sqlite").stat().st_mtime, reverse=True)


def with_rate_of(facts: Mapping[str, Any], settings: Settings) -> Settings:
    """`settings` with the rate an earlier run was begun with, unless one is given now."""
    if settings.rate_given or facts.get("rate") is None:
        return settings
    return replace(settings, rate=json.loads(facts["rate"]))


def practice_settings(facts: Mapping[str, Any]) -> SimulatorSettings | None:
    """The simulator an earlier run used, if it did."""
    stored = facts.get("simulator")
    if not stored:
        return None
    values = json.loads(stored)
    return SimulatorSettings(**{**values, "keys": tuple(values["keys"])})


def with_options_of(source: PromptSource, settings: Settings, *, asked: Mapping[str, Any]) -> Settings:
    """`settings` with what the prompt file asks for, wherever the command line does not say otherwise."""
    wanted = {name: value for name, value in source.options.items() if asked.get(name) is None}
    model = wanted.pop("model", None)
    settings = replace(settings, **wanted)
    return with_model(settings, model) if model is not None and len(settings.endpoints) == 1 else settings


def with_model(settings: Settings, model: str) -> Settings:
    """`settings` that ask every endpoint for `model`."""
    endpoints = tuple(replace(endpoint, model=model) for endpoint in settings.endpoints)
    return replace(settings, model=model, endpoints=endpoints)


def run_folder(folder: Path | None, name: str) -> Path:
    """The folder of a new run: the one named, or one of its own in the data directory."""
    return (
        locations.private_dir(folder) if folder is not None else locations.new_run_dir(name, datetime.now())
    )


def key_file(flags: Mapping[str, Any], redactor: Redactor) -> KeyFile:
    """The `.env` of this folder, which may get more keys while a run goes on; `redactor` learns them."""
    cwd = Path.cwd()

    def reload() -> Settings:
        settings = load_settings(flags, environ=os.environ, cwd=cwd)
        redactor.learn(settings.secrets)
        return settings

    return KeyFile(cwd / locations.ENV_NAME, reload)


def make_plan(
    source: PromptSource,
    given: Input,
    settings: Settings,
    folder: Path,
    simulator: SimulatorProcess | None,
    *,
    resume: bool = False,
    retry_failed: bool = False,
    stay: bool = False,
    key_file: KeyFile | None = None,
    out: Path | None = None,
) -> RunPlan:
    """The plan of a run over `source`. With a `simulator` its keys are used, else those of the settings, and
    those that are put into `key_file` meanwhile. Results go to `out` as they come, if its format can grow.
    """
    fleet = fleet_of(settings, simulator)
    roster = Roster(fleet, settings, load_prices(), key_file if simulator is None else None)
    notes = {
        "path": str(given.path.absolute()) if given.path is not None else None,
        "limit": given.limit,
        "seed": given.seed,
        "name": source.name,
        **roster.notes(),
        "endpoint": fleet.name,
        "rate": json.dumps(settings.rate),
        "simulator": json.dumps(dataclasses.asdict(simulator.settings)) if simulator else None,
        "begun_at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    options = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
    return RunPlan(
        source=source,
        connect=roster.connect,
        more_keys=roster.more,
        key_notes=roster.notes,
        folder=folder,
        facts=RunFacts(source.name, fleet.model, fleet.name, len(roster), roster.cost),
        rate=settings.rate,
        concurrency=settings.concurrency,
        options={name: value for name, value in options.items() if value is not None},
        notes=notes,
        resume=resume,
        retry_failed=retry_failed,
        stay=stay,
        live=LiveResults(out, folder) if out is not None and can_be_live(out) else None,
    )
