"""Whether a provider has batches of a run that are not on record here: one list call for each key."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from llmdash.config import ConfigError, Settings
from llmdash.config.prices import Prices
from llmdash.doctor.findings import Finding, Level
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.counts import counted
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.pool.member import Member
from llmdash.launch.pool_builder import PoolBuilder, pool_plan
from llmdash.llms.batches import BatchEnd, BatchStatus
from llmdash.llms.wire.failures import Failure
from llmdash.runs.reading import begun_at
from llmdash.sanitize import shell_word

__all__ = ["batches_at_provider"]

_WHAT = "batch"
_CLOCKS_S = 3_600.0
"""Seconds by which clocks may differ: lists are read that much further back."""
_KEPT_S = 30 * 86_400.0
"""Providers keep what they know of a batch about so long."""


class _Listed(NamedTuple):
    """What a service lists for the key of a label; None where it does not answer, or keeps no names."""

    label: str
    batches: Sequence[BatchStatus] | None
    why: str = ""


def batches_at_provider(folder: Path, settings: Settings) -> list[Finding]:
    """Return what the batch services say of the run in `folder`, which is reached with `settings`.

    Raises ConfigError for a run of the simulator.
    """
    reader = JournalReader(folder)
    facts = reader.facts()
    if facts.get("simulator"):
        raise ConfigError("this run was of the simulator, which is gone: there is nothing to ask")
    since = max(begun_at(facts) or 0.0, time.time() - _KEPT_S) - _CLOCKS_S
    found = asyncio.run(_listed(settings, since))
    return list(_findings(folder, str(facts.get("batch_run")), reader.batches.records(), found))


async def _listed(settings: Settings, since: float) -> list[_Listed]:
    async with PoolBuilder(pool_plan(settings, None), settings, Prices()).connect() as members:
        found = await asyncio.gather(*(_look(member, since) for member in members))
    redact = settings.redactor.redact
    return [each._replace(why=redact(each.why)) for each in found]


async def _look(member: Member, since: float) -> _Listed:
    service = None if member.endpoint.has_batches is False else member.llm.batches()
    if service is None:
        return _Listed(member.label, None, "its endpoint has no batch service")
    if not service.names_batches:
        return _Listed(member.label, None, "its service keeps no names, so that nothing can be said of it")
    try:
        listing = await service.look(since)
    except Failure as failure:
        return _Listed(member.label, None, str(failure))
    return _Listed(member.label, listing.batches)


def _findings(
    folder: Path, run: str, records: Sequence[BatchRecord], found: Sequence[_Listed]
) -> Iterator[Finding]:
    known = {record.provider_id for record in records}
    by_name = {record.name: record for record in records}
    by_file = {record.file_id: record for record in records if record.file_id is not None}
    ours = re.compile(rf"r{re.escape(run)}-\d+")
    seen: set[str] = set()
    for label, batches, why in found:
        if batches is None:
            yield Finding(Level.WARNING, _WHAT, f"key {label} was not asked: {why}")
            continue
        for status in batches:
            record = by_name.get(status.name or "") or by_file.get(status.file_id or "")
            is_ours = record is not None or ours.fullmatch(status.name or "") is not None
            if status.id in known | seen or not is_ours:
                continue
            seen.add(status.id)
            yield _stray(folder, label, status, record)
    looked = [each for each in found if each.batches is not None]
    if looked and not seen:
        keys = counted(len(looked), "key")
        yield Finding(Level.OK, _WHAT, f"no batch of this run is with a provider but not here, by {keys}")


def _stray(folder: Path, label: str, status: BatchStatus, record: BatchRecord | None) -> Finding:
    requests = "" if status.requests is None else f", {counted(status.requests, 'request')}"
    name = status.name or (record.name if record else "")
    text = f"the provider has {status.id} ({name}, {status.word}{requests}) with key {label}"
    if record is None:
        return Finding(Level.WARNING, _WHAT, f"{text}, and it is not on record here", _end_it(status))
    if record.provider_id is None:
        adopt = f"llmdash batches adopt {shell_word(folder)} {record.batch} {status.id}"
        return Finding(Level.WARNING, _WHAT, f"{text}; batch {record.batch} here may be that one", adopt)
    text += f", beside {record.provider_id}, which is batch {record.batch} here"
    return Finding(Level.WARNING, _WHAT, text, _end_it(status))


def _end_it(status: BatchStatus) -> str:
    if status.end is not BatchEnd.NOT_YET:
        return "it has ended; nothing is left to be done but to delete it there"
    return "cancel it at the provider, or its requests are paid for and their answers ignored"
