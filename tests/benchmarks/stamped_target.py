"""A target whose kernel stamps what arrives, so that it need not be idle to know when that was.

`python -m tests.benchmarks.stamped_target LATENCY` prints its base URL, and once standard input is closed the
arrivals: doubles, in seconds of Unix time.
"""

from __future__ import annotations

import sys

from tests.arrivals import Arrivals

if __name__ == "__main__":
    target = Arrivals(float(sys.argv[1]))
    sys.stdout.write(target.base_url + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    target.close()
    sys.stdout.buffer.write(target.times.tobytes())
