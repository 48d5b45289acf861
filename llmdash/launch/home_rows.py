"""What the home screen lists: files with prompts, endpoints with their keys, kept runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from llmdash import locations
from llmdash.engine.model.counts import counted
from llmdash.launch.home_orders import ALL, SIMULATOR
from llmdash.sanitize import clean_line
from llmdash.secrets import labels
from llmdash.ui.launcher import EndpointChoice, KeptPart, KeptRow, KeyChoice, PromptChoice

if TYPE_CHECKING:
    from llmdash.config import EndpointSettings, Settings
    from llmdash.launch.key_memory import KeyMemory
    from llmdash.runs.entry import RunEntry

__all__ = ["endpoint_choices", "files_below", "kept_part", "prompt_choices"]

_DATA = frozenset((".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".json", ".parquet"))
_PACKED = frozenset((".gz", ".bz2", ".xz", ".zst"))
_NO_PROMPTS = frozenset(("requirements.txt", "package.json", "package-lock.json", "tsconfig.json"))
_MOST_FILES = 12
_SKIPPED = frozenset(("node_modules", "venv", "build", "dist"))
_MOST_FOLDERS = 1_000
_DEEPEST = 5
_MOST_FOUND = 200
_WEEK = timedelta(days=6)


def prompt_choices() -> Iterator[PromptChoice]:
    """Yield the files of this folder that may hold prompts and no results, the newest first, then the
    samples.
    """
    yield from _files_here()
    samples = sorted(locations.sample_prompts_dir().iterdir())
    sets = {path.stem for path in samples if path.suffix == ".toml"}
    for path in samples:
        if path.suffix == ".toml" or path.stem not in sets:  # else the data of the set of that name
            yield PromptChoice(f"{path.parent.name}/{path.name}", path)


def _files_here() -> Iterator[PromptChoice]:
    try:
        found = [path for path in Path.cwd().iterdir() if _may_hold_prompts(path) and path.is_file()]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return
    for path in islice(_without_results(found), _MOST_FILES):
        yield PromptChoice(path.name, path)


def files_below(folder: Path) -> list[PromptChoice]:
    """Return the files in a folder and below that may hold prompts, the newest first: of very many some."""
    found: list[tuple[float, Path]] = []
    for number, (where, folders, names) in enumerate(os.walk(folder)):
        here = Path(where)
        folders[:] = sorted(
            name for name in folders if not name.startswith((".", "_")) and name not in _SKIPPED
        )
        if number >= _MOST_FOLDERS or len(here.relative_to(folder).parts) >= _DEEPEST:
            folders.clear()
        for path in (here / name for name in names):
            if _may_hold_prompts(path):
                with suppress(OSError):  # gone meanwhile
                    found.append((path.stat().st_mtime, path))
    found.sort(reverse=True)
    newest = islice(_without_results(path for _at, path in found), _MOST_FOUND)
    return [PromptChoice(str(path.relative_to(folder)), path) for path in newest]


def _without_results(paths: Iterable[Path]) -> Iterator[Path]:
    from llmdash.reports.recognition import is_results

    return (path for path in paths if not is_results(path))


def _may_hold_prompts(path: Path) -> bool:
    inner = Path(path.stem) if path.suffix in _PACKED else path
    return inner.suffix in _DATA and not path.name.startswith(".") and path.name not in _NO_PROMPTS


def endpoint_choices(settings: Settings, known: KeyMemory) -> tuple[EndpointChoice, ...]:
    """Return the endpoints with their keys; all of them together, where there are several; the simulator."""
    practice = EndpointChoice(SIMULATOR, "no key, no cost", settings.model, spends=False)
    if settings.without_keys:
        return (practice,)
    each = tuple(_endpoint_choice(endpoint, known) for endpoint in settings.endpoints)
    together = EndpointChoice(ALL, counted(len(each), "endpoint"))
    return (*((together,) if len(each) > 1 else ()), *each, practice)


def _endpoint_choice(endpoint: EndpointSettings, known: KeyMemory) -> EndpointChoice:
    pairs = zip(labels(endpoint.keys), endpoint.keys, strict=True)
    keys = tuple(KeyChoice(label, *known.of(key)) for label, key in pairs)
    detail = endpoint.base_url if keys else f"{endpoint.base_url}, no key needed"
    return EndpointChoice(endpoint.name, detail, endpoint.model, keys=keys)


def kept_part(most_bytes: int | None, now: datetime) -> KeptPart:
    """Return the kept runs, the newest first. Raises StorageError."""
    from llmdash.runs.catalogue import kept_runs
    from llmdash.runs.show import size

    entries = list(kept_runs())
    kept = size(sum(entry.bytes for entry in entries))
    room = f"{kept} of {size(most_bytes)}" if most_bytes else kept
    return KeptPart(tuple(_kept_row(entry, now) for entry in entries), room if entries else "none yet")


def _kept_row(entry: RunEntry, now: datetime) -> KeptRow:
    at = entry.ended or entry.started
    return KeptRow(
        run=str(entry.folder),
        name=clean_line(entry.title),
        state=entry.state,
        done=entry.done,
        failed=entry.failed + entry.invalid,
        right=entry.accuracy,
        cost=entry.cost,
        when="" if at is None else _when(datetime.fromtimestamp(at), now),
        model=clean_line(entry.model or ""),
    )


def _when(at: datetime, now: datetime) -> str:
    """A moment in at most nine cells: the time of today, the day of this week, or the date."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%a %H:%M}" if timedelta() < now - at < _WEEK else f"{at:%d %b %y}"
