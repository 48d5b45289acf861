"""Every path that the program uses. Nothing is created, except by functions whose docstring says so."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes

from platformdirs import user_config_path, user_data_path

__all__ = [
    "CONFIG_NAME",
    "ENV_NAME",
    "config_dir",
    "config_file",
    "data_dir",
    "from_record",
    "is_there",
    "key_checks_file",
    "keys_file",
    "known_runs_file",
    "lease_file",
    "new_run_dir",
    "outputs_dir",
    "preferences_file",
    "private_dir",
    "recorded",
    "runs_dir",
    "sample_prompts_dir",
    "themes_dir",
    "trust_file",
    "user_themes_dir",
]

CONFIG_NAME = "llmdash.toml"
"""The settings file: in the folder the program is started in, then in `config_dir()`."""

ENV_NAME = ".env"
"""The keys file, in the folder the program is started in."""

_PACKAGE = Path(__file__).resolve().parent
_PRIVATE = 0o700
_SLUG_LENGTH = 40
_URI = "file://"


def config_dir() -> Path:
    """Return the folder of the user's settings, such as `~/.config/llmdash`."""
    return user_config_path("llmdash", appauthor=False)


def data_dir() -> Path:
    """Return the folder of recorded data, such as `~/.local/share/llmdash`."""
    return user_data_path("llmdash", appauthor=False)


def config_file() -> Path:
    """Return the path of the user's own `llmdash.toml`."""
    return config_dir() / CONFIG_NAME


def preferences_file() -> Path:
    """Return the path of the dashboard's preferences."""
    return config_dir() / "preferences.toml"


def keys_file() -> Path:
    """Return the path of the keys of the keyboard that the user has chosen."""
    return config_dir() / "keys.toml"


def trust_file() -> Path:
    """Return the path of the list of settings files that the user trusts."""
    return config_dir() / "trusted.json"


def key_checks_file() -> Path:
    """Return the path of what came of the last check of each key."""
    return data_dir() / "key_checks.json"


def user_themes_dir() -> Path:
    """Return the folder of the user's own themes, TOML files."""
    return config_dir() / "themes"


def runs_dir() -> Path:
    """Return the folder of runs, one folder each."""
    return data_dir() / "runs"


def known_runs_file() -> Path:
    """Return the path of the list of runs whose folders are elsewhere."""
    return data_dir() / "known-runs.jsonl"


def lease_file() -> Path:
    """Return the path of the shares of limits that runs have in common."""
    return data_dir() / "limits" / "leases.db"


def outputs_dir() -> Path:
    """Return the folder of the locks of results files, one for each that a run writes to."""
    return data_dir() / "outputs"


def themes_dir() -> Path:
    """Return the folder of the shipped themes. Raises FileNotFoundError if the installation lacks them."""
    return _shipped("themes")


def sample_prompts_dir() -> Path:
    """Return the folder of the shipped prompts. Raises FileNotFoundError if the installation lacks them."""
    return _shipped("sample_prompts")


def _shipped(name: str) -> Path:
    """A wheel holds the folder inside the package; a checkout beside it, next to `pyproject.toml`."""
    inside = _PACKAGE / name
    if inside.is_dir():
        return inside
    beside = _PACKAGE.parent / name
    if beside.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file():
        return beside
    raise FileNotFoundError(f"{inside}: the folder {name!r} is missing; install llmdash again")


def is_there(path: Path) -> bool:
    """Return True if there is something at `path` that can be reached; of a folder that may not be looked
    into nothing can.
    """
    try:
        return path.exists()
    except (OSError, ValueError):  # not ours to look at, or a name that no file can have
        return False


def private_dir(path: Path) -> Path:
    """Create `path`, and missing folders above it, with mode 0700; a folder that exists stays as it is.

    Raises NotADirectoryError if the name is taken by something else, OSError if it cannot be created.
    """
    missing: list[Path] = []
    folder = path
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: is not a folder; choose another place")
    for new in reversed(missing):
        _make_private(new, exist_ok=True)
    return path


def recorded(path: Path) -> str:
    """Return an absolute `path` as a text that UTF-8 can hold: itself, or a `file://` URI where it cannot.

    >>> recorded(Path("/tmp/caf\\udce9"))
    'file:///tmp/caf%E9'
    """
    absolute = path.absolute()
    try:
        str(absolute).encode()
    except UnicodeEncodeError:
        return absolute.as_uri()
    return str(absolute)


def from_record(text: str) -> Path:
    """Return the path that `recorded` has written; a damaged record is cut where no path goes on."""
    if text.startswith(_URI):
        text = os.fsdecode(unquote_to_bytes(text.removeprefix(_URI)))
    return Path(text.partition("\0")[0])


def new_run_dir(name: str, now: datetime) -> Path:
    """Create a folder for a run that starts at `now`: `runs/20260131-142500-arithmetic`, mode 0700.

    `name` may hold anything; characters that do not suit a file name become dashes. A second run in the same
    second gets the suffix `-2`, and so on.
    """
    runs = private_dir(runs_dir())
    stem = f"{now:%Y%m%d-%H%M%S}-{_slug(name)}"
    number = 1
    while True:
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            _make_private(folder, exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return folder


def _slug(name: str) -> str:
    """The name in lower case ASCII letters, digits and dashes; `run` if nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH].strip("-") or "run"


def _make_private(folder: Path, *, exist_ok: bool) -> None:
    try:
        folder.mkdir(mode=_PRIVATE)
    except FileExistsError:
        if not exist_ok:
            raise
    else:
        folder.chmod(_PRIVATE)  # the umask may have removed permissions of the owner
