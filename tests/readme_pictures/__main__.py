"""Writes the pictures of the README: `python -m tests.readme_pictures [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.readme_pictures.making import FOLDER, pictures

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures():
        (folder / name).write_text(svg, encoding="utf-8")
        print(f"{folder / name}: {len(svg):,} bytes")
