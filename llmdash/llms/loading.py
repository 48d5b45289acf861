"""Objects by name: `module:attribute`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["load"]


def load(name: str, install: str) -> Any:
    """Return the object named `name`; modules in the current folder are found too.

    Raises Failure (CONFIG) with the reason; `install` is the command that installs what is most likely
    missing.
    """
    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        raise _config(f"{name!r} does not name a model: write it as module:attribute")
    found: Any = _module(module_name, install)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise _config(f"{name}: {module_name} has no {path!r}") from None
    return found


def _module(name: str, install: str) -> Any:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _config(f"{name} cannot be imported: {error}; {install} may be what it needs") from None
    except Exception as error:  # noqa: BLE001 - the module is the user's: whatever it raises, it is no model
        raise _config(f"{name} cannot be imported: it raises {type(error).__name__}") from None
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _config(text: str) -> Failure:
    return Failure(FailureKind.CONFIG, text)
