"""Writes the results of the run that a dashboard shows into a file beside the user."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol, runtime_checkable

from llmdash.engine.model.session import Session
from llmdash.launch.refusals import refusal_code
from llmdash.launch.results import export_here
from llmdash.sanitize import clean_line
from llmdash.ui.launcher import LaunchError

__all__ = ["results_here"]


@runtime_checkable
class _InFolder(Protocol):
    """A session over a run that has a folder."""

    folder: Path


def results_here(session: Session, jobs: Collection[int] = ()) -> str:
    """Write the results of a session so far, of these `jobs` alone where there are some, into a new file of
    this folder. Return its name.

    Raises LaunchError.
    """
    if not isinstance(session, _InFolder):
        raise LaunchError("this run has no folder")
    try:
        return str(export_here(session.folder, jobs))
    except Exception as error:
        if refusal_code(error) is None and not isinstance(error, OSError):
            raise
        raise LaunchError(clean_line(str(error))) from None
