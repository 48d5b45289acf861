"""The script of the engine's floor, which looks for what it needs by name."""

from __future__ import annotations

from tests.benchmarks.floor import floor


def test_the_script_finds_its_way_about_this_tree() -> None:
    """A run of a few jobs comes to its end: every name it needs is in one of the modules it knows."""
    assert floor(20).keys() == {"cpu_us", "wall_us"}
