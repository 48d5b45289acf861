"""How long batches of kept runs took: those that came back from the same place, of the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.records import BatchRecord
from llmdash.launch.earlier_batches import EarlierBatches
from tests.runs.kept import AT, FACTS, keep

PLACE = "https://api.openai.com/v1"


@pytest.fixture(autouse=True)
def _data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def batch(number: int, took_s: float, state: str = "closed", model: str = "gpt-x") -> BatchRecord:
    names = ("openai", model, "a", f"r1-{number}", f".b-{number}", "0" * 64)
    made = BatchRecord(number, state, *names, 400, 2, 60, AT)
    return made._replace(provider_id=f"batch_{number}", ended_at=AT + took_s)


def kept(name: str, place: str, *batches: BatchRecord, **facts: Any) -> Path:
    decided = json.dumps({"endpoints": [{"name": "openai", "base_url": place}]})
    folder = keep(name, {**FACTS, "decided": decided, **facts})
    journal = JournalFile.open(folder)
    journal.write(Group(batches=list(batches)))
    journal.close()
    return folder


def test_those_that_came_back_from_the_same_place_tell_how_long_the_next_will_take() -> None:
    kept("20260101-000000-a", PLACE, batch(1, 60.0), batch(2, 90.0), batch(3, 5.0, "out"))
    kept("20260102-000000-b", "https://elsewhere/v1", batch(1, 1.0))
    kept("20260103-000000-c", PLACE, batch(1, 2.0), simulator="{}")
    kept("20260104-000000-d", PLACE, batch(1, 600.0), batch(2, 3.0, model="gpt-y"))
    own = kept("20260105-000000-e", PLACE, batch(1, 4.0))
    damaged = kept("20260106-000000-f", PLACE, batch(1, 4.0))
    (damaged / "journal.sqlite").write_bytes(b"no journal")
    now = [0.0]
    earlier = EarlierBatches(own, {"openai": PLACE}, lambda: now[0])
    assert earlier("openai", "gpt-x") == [600.0, 90.0, 60.0]
    assert earlier("openai", "gpt-z") == []
    assert earlier("azure", "gpt-x") == []
    kept("20260107-000000-g", PLACE, batch(1, 30.0))
    assert earlier("openai", "gpt-x") == [600.0, 90.0, 60.0], "it is not looked up each time"
    now[0] = 601.0
    assert earlier("openai", "gpt-x") == [30.0, 600.0, 90.0, 60.0]
