"""The walls between the layers: imports point one way, and nothing heavy loads before it is needed."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import llmdash

ROOT = Path(__file__).parent.parent


def loaded_by(module: str) -> set[str]:
    """The top-level packages that importing `module` loads, in a fresh interpreter."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def engine_modules() -> str:
    package = importlib.import_module("llmdash.engine")
    return ", ".join(f"llmdash.engine.{module.name}" for module in pkgutil.iter_modules(package.__path__))


@pytest.mark.parametrize(
    ("module", "kept_out"),
    [
        (engine_modules(), {"textual", "rich", "click", "httpx", "aiohttp"}),
        ("llmdash.ui.app", {"httpx", "aiohttp", "starlette", "uvicorn"}),
        ("llmdash.cli", {"textual", "httpx", "aiohttp", "starlette", "uvicorn"}),
    ],
    ids=["engine", "ui", "cli"],
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


@pytest.mark.parametrize("name", modules())
def test_every_public_name_exists_and_is_listed_once(name: str) -> None:
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])
    assert len(listed) == len(set(listed))
    assert [each for each in listed if not hasattr(module, each)] == []
