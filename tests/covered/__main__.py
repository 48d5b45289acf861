"""`python -m tests.covered prepare` before tests with `at_start` in PYTHONPATH, and `report` after them."""

from __future__ import annotations

import marshal
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.covered.marks import Mark, marked

_ROOT = Path(__file__).resolve().parents[2]
_MARKED = _ROOT / ".coverage_marks"
_RAN = _MARKED / "ran"


def prepare() -> None:
    """Compile the program with its marks, none of them reached yet."""
    shutil.rmtree(_MARKED, ignore_errors=True)
    _MARKED.mkdir()
    count = 0
    for path in _modules():
        tree, marks = marked(path.read_text(encoding="utf-8"), count)
        count += len(marks)
        (_MARKED / _name(path)).write_bytes(
            marshal.dumps(compile(tree, str(path), "exec", dont_inherit=True))
        )
    _RAN.write_bytes(bytes(count))


def report() -> None:
    """Write what was reached where `coverage report` looks for it."""
    from coverage import CoverageData

    ran = _RAN.read_bytes()
    data = CoverageData(str(_ROOT / ".coverage"))
    data.erase(parallel=True)
    count = 0
    for path in _modules():
        source = path.read_text(encoding="utf-8")
        _, marks = marked(source, count)
        reached = [mark for mark, set_ in zip(marks, ran[count:], strict=False) if set_]
        count += len(marks)
        data.add_arcs({str(path): set(_arcs(source, reached))})
        data.touch_file(str(path))  # one of which nothing was reached is counted too
    data.write()


def _arcs(source: str, reached: list[Mark]) -> Iterator[tuple[int, int]]:
    """What coverage.py takes as a record: steps from line to line; a line by itself is a step to itself."""
    from coverage.parser import PythonParser  # the program is prepared where it is not installed yet

    parser = PythonParser(text=source)
    parser.parse_source()
    steps: dict[int, set[int]] = {}
    for begin, end in parser.arcs():
        steps.setdefault(begin, set()).add(end)
    for mark in reached:
        yield from ((line, line) for line in mark.lines)
        for branch in mark.branches:
            for end in steps.get(parser.first_line(branch.line), ()):
                if (end in branch.body) == branch.into:
                    yield parser.first_line(branch.line), end


def _modules() -> list[Path]:
    return sorted((_ROOT / "llmdash").rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    {"prepare": prepare, "report": report}[sys.argv[1]]()
