"""Runs in trouble, as scenes for the fake session."""

from __future__ import annotations

from dataclasses import replace

from llmdash.engine.model.frame import (
    Alert,
    EndpointRow,
    ErrorClass,
    ErrorExample,
    ErrorGroup,
    FailedTries,
    KeyRow,
    WorkerRow,
)
from llmdash.engine.model.states import (
    AlertKind,
    Binding,
    EndpointState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
    WorkerState,
)
from tests.ui.fake_session import Scene

__all__ = [
    "DISK_FULL",
    "EXAMPLES",
    "FAILED_TRIES",
    "FAILURES",
    "KEYS_REST",
    "KILL_SWITCH",
    "MINE_PAUSED",
    "OPENAI_DOWN",
    "TROUBLED_KEYS",
    "WORKERS",
    "brake",
    "disk_full",
    "endpoints_out",
    "failures",
    "finished",
    "fleet",
    "keys_rest",
    "many_workers",
]

KILL_SWITCH = Alert(
    AlertKind.KILL_SWITCH,
    "Kill switch: 20 requests in a row failed alike: 404 model not found",
    "p goes on, q quits",
    severity=Severity.ERROR,
)
DISK_FULL = Alert(
    AlertKind.DISK,
    "Disk full: nothing is sent until there is room in /home/ann/.local/share/llmdash/runs"
    " · 3 answers wait to be saved",
    passes_in_s=0.8,
    severity=Severity.ERROR,
)
KEYS_REST = Alert(
    AlertKind.KEYS_REST, "All keys rest; the first one is a1f2 (429 rate limit reached)", passes_in_s=3.6
)
OPENAI_DOWN = Alert(AlertKind.ENDPOINT, "openai is down: connection refused", passes_in_s=7.4)
MINE_PAUSED = Alert(
    AlertKind.ENDPOINT,
    "mine is paused: the certificate of llm.example.org is not trusted: self-signed certificate",
    "set ssl_cert_file, then press v on it in the key panel",
    severity=Severity.ERROR,
)

TROUBLED_KEYS = (
    KeyRow("a1f2", "openai", KeyState.THROTTLED, 3.6, "429 rate limit reached", sent=1161, ok=1138,
           throttled=22),
    KeyRow("9bc0", "openai", KeyState.COOLDOWN, 38.0, "10 of the last 20 calls failed: 503 overloaded",
           sent=1146, ok=1120, errors=14),
    KeyRow("77de", "openai", KeyState.DEAD, None, "401 Incorrect API key provided: sk-...77de", sent=124,
           ok=122, errors=2),
    KeyRow("c3a8", "openai", KeyState.QUARANTINED, 870.0, "429 You exceeded your current quota", sent=88,
           ok=87, errors=1),
    KeyRow("e05b", "openai", KeyState.DISABLED, None, "switched off here", sent=12, ok=12),
)  # fmt: skip


FAILURES = (
    ErrorGroup(
        "no content for * s", 23, (3445, 3390, 2874, 2511), 71, (("9bc0", 31), ("a1f2", 22), ("77de", 18)),
        kind=ErrorClass.STALLED, first_s=41.0, last_s=186.0, spark=(1, 1, 3, 1, 1, 5, 7, 2),
    ),
    ErrorGroup(
        "The server had an error while processing your request", 9, (3421, 3011), 61,
        (("77de", 25), ("a1f2", 20), ("9bc0", 16)), kind=ErrorClass.SERVER, status=500,
        first_s=31.0, last_s=188.0, spark=(2, 7, 1, 1, 1, 1, 3, 2),
    ),
    ErrorGroup(
        "Rate limit reached, try again in *", 0, (3301, 3288), 16, (("77de", 14), ("9bc0", 2)),
        kind=ErrorClass.THROTTLED, status=429, code="rate_limit_exceeded", first_s=77.0, last_s=181.0,
        spark=(1, 1, 1, 7, 1, 1, 1, 5),
    ),
    ErrorGroup(
        "Incorrect API key provided: *", 0, (40,), 2, (("c3d4", 2),), kind=ErrorClass.KEY, status=401,
        code="invalid_api_key", first_s=2.0, last_s=2.0, spark=(7, 0, 0, 0, 0, 0, 0, 0),
    ),
)  # fmt: skip
FAILED_TRIES = FailedTries(
    1.0, tuple(float((second * 7) % 5 + (8 if 40 < second < 52 else 0)) for second in range(190))
)
EXAMPLES = (
    ErrorExample(
        3445, "add-3445", ("9bc0", "9bc0", "a1f2", "9bc0", "a1f2"), "stalled: no content for 60 s", "req_7f31"
    ),
    ErrorExample(3390, "add-3390", ("9bc0", "a1f2", "9bc0", "9bc0", "9bc0"), "stalled: no content for 60 s"),
    ErrorExample(2874, "add-2874", ("a1f2", "9bc0", "9bc0", "a1f2", "9bc0"), "stalled: no content for 60 s"),
    ErrorExample(2511, "add-2511", ("9bc0", "9bc0", "9bc0", "a1f2", "9bc0"), "stalled: no content for 60 s"),
)


def failures() -> Scene:
    """Jobs and tries that failed in several ways."""
    return Scene(errors=FAILURES, failed_tries=FAILED_TRIES, examples=EXAMPLES, made_good=118)


def brake() -> Scene:
    """A model name that no server knows."""
    return Scene(
        state=RunState.PAUSED, detail="kill switch", alerts=(KILL_SWITCH,), waits=(WaitReason.LIMITER,)
    )


def disk_full() -> Scene:
    return Scene(
        detail="waiting on disk", binding=Binding.DISK, alerts=(DISK_FULL,), waits=(WaitReason.DISK,)
    )


def keys_rest() -> Scene:
    """Each key in a state of its own, and none that may send."""
    return Scene(
        detail="waiting on key",
        binding=Binding.KEYS,
        alerts=(KEYS_REST,),
        key_rows=TROUBLED_KEYS,
        waits=(WaitReason.KEY, WaitReason.KEY, WaitReason.BACKOFF),
    )


def endpoints_out() -> Scene:
    """One endpoint down, one paused by a wrong certificate, one that works."""
    return Scene(
        binding=Binding.ENDPOINT,
        alerts=(MINE_PAUSED, OPENAI_DOWN),
        endpoints=(
            EndpointRow("openai", EndpointState.DOWN, 7.4, "connection refused", 0, 40),
            EndpointRow("mine", EndpointState.PAUSED, None, "certificate not trusted: self-signed", 0, 8),
            EndpointRow("claude", EndpointState.UP, in_flight=20, concurrency=20),
        ),
        key_rows=(
            KeyRow("a1f2", "openai", sent=1161, ok=1138, errors=5),
            KeyRow("9bc0", "openai", KeyState.THROTTLED, 3.6, throttled=14, sent=1146, ok=1120),
            KeyRow("local", "mine"),
            KeyRow("c3a8", "claude", in_flight=20, sent=900, ok=880, rpm=311),
        ),
        waits=(WaitReason.ENDPOINT, WaitReason.LIMITER, WaitReason.BACKOFF, WaitReason.BUDGET),
    )


SILENT = Alert(AlertKind.WORKER, "worker w5 silent for 7s: its 83 jobs go again", severity=Severity.ERROR)
WORKERS = (
    WorkerRow("w1", "here", in_flight=84, jobs_per_s=58.1, done=49_210, ttft_p50=0.41, keys=3,
              spark=(55, 60, 58, 59, 61, 57, 58, 60, 59, 58, 57, 58)),
    WorkerRow("w2", "gpu-a", in_flight=83, jobs_per_s=57.4, done=48_702, ttft_p50=0.43, round_trip_s=0.0011,
              silent_s=0.1, keys=3, spark=(50, 51, 52, 55, 57, 58, 55, 57, 56, 57, 58, 57)),
    WorkerRow("w3", "gpu-a", in_flight=85, jobs_per_s=58.0, done=48_977, ttft_p50=0.42, round_trip_s=0.001,
              silent_s=2.4, keys=2, lacks=("a1f2",), spark=(58,) * 12),
    WorkerRow("w4", "gpu-b", WorkerState.DRAINING, 12, 8.2, 47_015, ttft_p50=0.44, round_trip_s=0.0048,
              silent_s=0.2, keys=3, spark=(57, 58, 57, 58, 59, 58, 57, 50, 40, 30, 20, 8)),
    WorkerRow("w5", "gpu-b", WorkerState.LOST, 0, 0.0, 46_101, 83, 0.44, 0.0049, 7.0, 3,
              spark=(57, 58, 57, 58, 59, 0, 0, 0, 0, 0, 0, 0)),
    WorkerRow("w6", "lab-7.example.org", WorkerState.WORKING, 234, 105.3, 1_301, 0, 0.47, 0.0022, 0.1, 3,
              spark=(0, 0, 0, 0, 0, 20, 40, 60, 80, 90, 100, 105)),
    WorkerRow("w7", "lab-8.example.org", WorkerState.DRAINED, done=311, round_trip_s=0.012, silent_s=0.1,
              keys=3, spark=(0,) * 12),
)  # fmt: skip


def fleet() -> Scene:
    """A worker in each state, and one of an earlier start."""
    left = WorkerRow("old", "gpu-z", WorkerState.LEFT, done=1_024)
    return Scene(workers=(left, *WORKERS), cluster="tls://10.0.0.4:8786", alerts=(SILENT,))


def many_workers() -> Scene:
    """A hundred workers on ten hosts, each with the trouble of one of a few."""
    rows = tuple(
        replace(WORKERS[number % len(WORKERS)], name=f"w{number + 1}", host=f"node-{number // 10:02}.rack-3")
        for number in range(100)
    )
    return Scene(workers=rows, cluster="tls://10.0.0.4:8786", alerts=(SILENT,))


def finished(*, failed: bool = True) -> Scene:
    """A run that is done, with failures or without."""
    errors = (
        ErrorGroup(
            "no content for * s", 26, (311,), 141, (("9bc0", 61), ("a1f2", 48), ("77de", 32)),
            kind=ErrorClass.STALLED, first_s=41.0, last_s=500.0,
        ),
        ErrorGroup(
            "the server had an error while processing your request", 12, (1204,), 188, (("a1f2", 188),),
            kind=ErrorClass.SERVER, status=500, first_s=31.0, last_s=502.0,
        ),
        ErrorGroup(
            "too many requests", 0, (17,), 48, (("77de", 41), ("9bc0", 7)), kind=ErrorClass.THROTTLED,
            status=429, first_s=77.0, last_s=480.0,
        ),
        ErrorGroup(
            "Incorrect API key provided", 0, (40,), 2, (("c3d4", 2),), kind=ErrorClass.KEY, status=401,
            first_s=2.0, last_s=2.5,
        ),
    )  # fmt: skip
    healthy = [
        KeyRow(label, "simulator", sent=3_600 - 90 * at, ok=3_440 - 90 * at, throttled=7 * at, errors=160)
        for at, label in enumerate(("a1f2", "9bc0", "77de"))
    ]
    dead = KeyRow(
        "c3d4", "simulator", KeyState.DEAD, detail="401 Incorrect API key provided", sent=2, errors=2
    )
    return Scene(
        state=RunState.DONE,
        errors=errors if failed else (),
        key_rows=(*healthy, dead),
        binding=Binding.FINISHED,
    )
