"""Every command of the README's sections on files and providers does what it says, in a fresh folder."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.simulated import Simulated

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTIONS = ("Your files", "Your provider")
ADDRESS = "http://127.0.0.1:4000/v1"


def commands(section: str) -> list[str]:
    """The lines of the shell blocks in a section, without their comments."""
    text = README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\s{2,}#.*", "", line) for block in blocks for line in block.splitlines()]


def lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the commands name, and `llmdash` as a command."""
    asked = [
        {"id": f"q{n}", "messages": [{"role": "user", "content": f"{n} + 1?"}], "row": n} for n in range(3)
    ]
    files = {
        "requests.jsonl": lines(*asked),
        "questions.csv": "question,topic\nWhat is 2 + 3?,sums\nWhat is 4 + 5?,sums\n",
        "sums.jsonl": lines({"prompt": "What is 2 + 3?", "expected": 5}),
        "reviews.jsonl": lines({"prompt": "I like it."}),
        "review.json": json.dumps({"type": "object", "properties": {"stars": {"type": "integer"}}}),
        "prompts.txt": "Hello, how are you?\nWhat is 3 x 4?\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "requests.jsonl.gz").write_bytes(gzip.compress(files["requests.jsonl"].encode()))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "llmdash"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmdash "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("section", SECTIONS)
def test_every_command_of_a_section_works(
    section: str, folder: Path, simulator: Callable[..., Simulated]
) -> None:
    simulated = simulator()
    env = environment(
        folder,
        BASE_URL=simulated.base_url,
        API_KEY=",".join(simulated.keys),
        LITELLM_API_KEY=simulated.keys[0],
        MY_ORG="org-1",
        LLMDASH_RATE="unlimited",
    )
    env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"
    found = commands(section)
    assert len(found) >= 4
    for line in found:
        command = line.replace(ADDRESS, simulated.base_url)
        ended = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
        for name in re.findall(r"--out (\S+)", line):
            assert (folder / name).stat().st_size > 0, line
