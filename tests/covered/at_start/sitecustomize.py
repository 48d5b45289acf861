"""Loads the program with its marks, in every process: this folder is in PYTHONPATH while coverage is taken.

All processes share the bytes of the marks, so that nothing is lost where one is killed.
"""

from __future__ import annotations

import builtins
import marshal
import mmap
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_PROGRAM = os.path.join(_ROOT, "llmdash", "")
_MARKED = os.path.join(_ROOT, ".coverage_marks")


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        try:
            with open(os.path.join(_MARKED, fullname), "rb") as file:
                code: CodeType = marshal.load(file)
                return code
        except FileNotFoundError:
            return super().get_code(fullname)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "llmdash":
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None and spec.origin.startswith(_PROGRAM):
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def _shared() -> mmap.mmap:
    """The bytes of all marks, at a descriptor that is none of the standard streams, where one is not open."""
    taken: list[int] = []
    while not taken or taken[-1] <= 2:
        taken.append(os.open(os.path.join(_MARKED, "ran"), os.O_RDWR))
    ran = mmap.mmap(taken[-1], 0)
    for each in taken:
        os.close(each)
    return ran


if os.path.exists(os.path.join(_MARKED, "ran")):
    vars(builtins)["__ran__"] = _shared()
    sys.meta_path.insert(0, _Finder())
