"""The walls between the layers: imports point one way, and nothing heavy loads before it is needed."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import llmdash
from tests.rows import row

ROOT = Path(__file__).parent.parent


def loaded_by(module: str) -> set[str]:
    """The top-level packages that importing `module` loads, in a fresh interpreter."""
    code = (
        f"import sys, {module}; "
        "print(*{name.partition('.')[0] for name, found in sys.modules.items() if found is not None})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def engine_modules() -> str:
    package = importlib.import_module("llmdash.engine")
    found = pkgutil.walk_packages(package.__path__, "llmdash.engine.")
    return ", ".join(module.name for module in found)


@pytest.mark.parametrize(
    ("module", "kept_out"),
    [
        (engine_modules(), {"textual", "rich", "click", "httpx", "aiohttp"}),
        ("llmdash.ui.app", {"httpx", "aiohttp", "starlette", "uvicorn"}),
        ("llmdash.cli", {"textual", "httpx", "aiohttp", "starlette", "uvicorn"}),
        ("llmdash.launch.headless, llmdash.launch.plan_builder", {"textual", "rich", "httpx", "aiohttp"}),
    ],
    ids=["engine", "ui", "cli", "headless"],
)
def test_a_layer_loads_nothing_it_does_not_need(module: str, kept_out: set[str]) -> None:
    assert not loaded_by(module) & kept_out


def test_imports_point_one_way() -> None:
    pytest.importorskip("importlinter")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def modules() -> list[str]:
    found = pkgutil.walk_packages(llmdash.__path__, "llmdash.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def test_every_public_name_exists_and_is_listed_once() -> None:
    for name in modules():
        with row(name):
            module = importlib.import_module(name)
            listed = getattr(module, "__all__", [])
            assert len(listed) == len(set(listed))
            assert [each for each in listed if not hasattr(module, each)] == []


PACKAGE = ROOT / "llmdash"
SPLIT = ("engine", "ui")
"""Packages whose rooms are drawn one by one; of `llms` its rooms are part of what one call is."""
ROOT_OF_ALL = ("cli", "launch")
"""They put everything together, so of the others only the whole packages are drawn."""
EVERYWHERE = "llmdash.lean_dataclass"
"""In place of `dataclasses`, so it is imported everywhere."""
WIDGETS = ("charts", "inspector", "panels", "stream", "tables", "terminal", "text")
MAY_SEE = ("engine.model", "sanitize", "ui.charts", "ui.stream", "ui.tables", "ui.text")
"""All that the parts of a screen may import, but for `terminal`, which gives the terminal back."""


def room(module: str) -> str:
    """The part of the picture that a module is in, such as `cli` or `engine.pool`."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2]) if len(parts) > 1 and parts[0] in SPLIT else parts[0]


@cache
def imports() -> Sequence[tuple[str, str]]:
    """(module, module it imports) within llmdash, wherever the import stands."""
    found = []
    known = dict.fromkeys(modules()) | {"llmdash": None}
    for name in known:
        path = PACKAGE.joinpath(*name.split(".")[1:])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("llmdash"):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.append((name, whole if whole in known else node.module))
    return found


def arrows() -> dict[str, set[str]]:
    """What each part of the picture imports from the others, but for the word that every part may use."""
    found: dict[str, set[str]] = defaultdict(set)
    for importer, imported in imports():
        if imported in ("llmdash", EVERYWHERE):
            continue
        if importer != "llmdash" and room(importer) != room(imported):
            target = room(imported)
            found[room(importer)].add(target.partition(".")[0] if room(importer) in ROOT_OF_ALL else target)
    return found


def drawn(arrow: str = " -> ") -> dict[str, set[str]]:
    """The arrows in the section of CONTRIBUTING on who imports what."""
    section = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8").partition("## Who imports what")[2]
    lines = [line.partition(arrow) for line in section.partition("\n## ")[0].splitlines()]
    names = ((name.strip(), rest) for name, found, rest in lines if found)
    return {name: set(rest.split()) for name, rest in names if name.replace(".", "").isidentifier()}


def test_the_arrows_of_the_contributors_are_what_the_imports_draw() -> None:
    assert drawn() == arrows()


def test_every_package_and_module_of_the_root_is_in_the_picture() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("## How it is built")[2].partition("\n## ")[0]
    folders = [path for path in PACKAGE.rglob("*") if path.is_dir() and (path / "__init__.py").exists()]
    inner = (
        "reports/export",
        "simulator/batches",
        "simulator/dialects",
        "simulator/faults",
    )  # how these are made inside is theirs
    names = [path for path in folders if str(path.relative_to(PACKAGE)) not in inner]
    assert [path.name for path in names if f"{path.name}/" not in section] == []
    single = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert [name for name in single if name not in section] == []


def test_no_module_of_the_engine_is_outside_a_room_but_four() -> None:
    outside = {path.stem for path in (PACKAGE / "engine").glob("*.py")} - {"__init__"}
    assert outside == {"session", "plan", "steering", "resume"}


@pytest.mark.parametrize("part", WIDGETS)
def test_the_parts_of_a_screen_import_only_what_they_may(part: str) -> None:
    allowed = {*MAY_SEE, f"ui.{part}"} | ({"terminal_reset"} if part == "terminal" else set())
    seen = {room(imported) for importer, imported in imports() if room(importer) == f"ui.{part}"}
    assert seen - {room(EVERYWHERE)} <= allowed
