"""Trust: settings files of the current folder that decide where keys are sent are trusted once, by hash."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmdash import locations
from llmdash.config import ConfigError
from llmdash.config.deciding import DecidingFile
from llmdash.config.sources import TRUST
from llmdash.sanitize import clean_line

__all__ = ["TrustStore", "refusal", "untrusted"]


class TrustStore:
    """The files that the user trusts: the hash of the deciding fields by path. A file of mode 0600."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or locations.trust_file()

    def trusts(self, file: DecidingFile) -> bool:
        """Return True if the file was trusted with the fields that it has now."""
        return self._read().get(str(file.path)) == file.hash

    def add(self, files: Iterable[DecidingFile]) -> None:
        """Trust these files as they are now. Raises ConfigError if that cannot be recorded."""
        known = {**self._read(), **{str(file.path): file.hash for file in files}}
        import json

        try:
            folder = locations.private_dir(self._path.parent)
            descriptor, draft = tempfile.mkstemp(dir=folder, prefix=f".{self._path.name}.")  # mode 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                json.dump(known, opened, indent=1, sort_keys=True)
                opened.flush()
                os.fsync(opened.fileno())
            Path(draft).replace(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror or error})") from None

    def _read(self) -> Mapping[str, str]:
        """What is recorded; nothing where that cannot be read, so that the user is asked again."""
        try:
            text = self._path.read_text("utf-8")
            import json  # most folders have no file that needs trust

            found = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {path: value for path, value in found.items() if isinstance(value, str)}


def untrusted(
    deciding: Iterable[DecidingFile], environ: Mapping[str, str], store: TrustStore | None = None
) -> tuple[DecidingFile, ...]:
    """Return those of the `deciding` files that nobody has trusted as they are."""
    named = {name.strip() for name in environ.get(TRUST, "").split(",")}
    left = [file for file in deciding if file.hash not in named]
    known = store or TrustStore()
    return tuple(file for file in left if not known.trusts(file))


def refusal(files: Iterable[DecidingFile]) -> str:
    """Return why nothing is sent, in lines that may be shown: each file, its fields and hash, and the fix."""
    lines: list[str] = []
    for file in files:
        lines.append(
            f"{clean_line(str(file.path))}: decides where keys go or what is run, and is not trusted yet:"
        )
        lines += [f"  {clean_line(field)}" for field in file.fields]
        lines.append(f"  hash {file.hash}")
    fix = f"if that is what you want: llmdash trust (in a script: {TRUST}=HASH, or --config FILE)"
    return "\n".join([*lines, fix])
