"""The names under which workers are shown."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmdash.cluster.names import WorkerNames
from llmdash.sanitize import clean_line

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too


@given(st.lists(st.integers(0, 999) | TEXTS | st.none(), max_size=12))
def test_every_worker_has_a_name_of_its_own_and_keeps_it(called: list[Any]) -> None:
    names = WorkerNames()
    found = {
        str(each): names.name_of(f"tcp://h:{at}", each) for at, each in enumerate(called) if each is not None
    }
    assert len(set(found.values())) == len(found)
    assert all(name and len(name) <= 40 and name == clean_line(name) for name in found.values())
    assert all(names.name_of("tcp://elsewhere:1", each) == name for each, name in found.items())


def test_numbers_and_addresses_become_short_names() -> None:
    names = WorkerNames()
    assert [names.name_of("tcp://h:1", called) for called in (0, "1", "gpu-a", "tcp://h:1", "tcp://h:2")] == [
        "w1",
        "w2",
        "gpu-a",
        "w3",
        "w4",
    ]
    assert names.name_of("tcp://h:3", None) == "w5"
