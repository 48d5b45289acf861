"""What eight answers that are too much, at once, add to the memory of a process.

`python -m tests.faults.heavy PORT FAULT` prints the growth of its peak in bytes, and the classes of the
Failures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

from tests.faults.calls import LONG, ask, connected, model

AT_ONCE = 8


def peak_bytes() -> int:
    """The most memory that this process has had so far (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


async def measure(port: int, fault: str) -> dict[str, object]:
    """Once all is loaded and warm: what the calls add to the peak."""
    async with connected(LONG) as client:
        fine = [model(client, f"http://127.0.0.1:{port}/v1", which) for which in range(AT_ONCE)]
        await asyncio.gather(*(ask(llm, "What is 1 + 1?") for llm in fine))
        gc.collect()
        before = peak_bytes()
        struck = [model(client, f"http://127.0.0.1:{port}/{fault}/v1", which) for which in range(AT_ONCE)]
        asked = await asyncio.gather(*(ask(llm, f"What is {n} + 1?") for n, llm in enumerate(struck)))
        kinds = sorted({str(each.failure.kind) if each.failure else "answered" for each in asked})
        return {"growth": peak_bytes() - before, "kinds": kinds}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]), sys.argv[2]))))
