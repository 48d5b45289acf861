"""One afternoon in a real terminal, by keyboard alone, from the trial to the export of the results."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment, llmdash, results
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.simulated import Simulated
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]
JOBS = 60
TRIAL = 6


def figure(screen: str, words: str) -> int:
    """The number before `words`, -1 where there is none."""
    found = re.search(rf"([\d,]+) {words}", screen)
    return int(found[1].replace(",", "")) if found else -1


def rate(screen: str) -> str:
    """The rate that is set, as the slider says."""
    found = re.search(r"│ set +(\S+)", screen)
    return found[1] if found else ""


def begin_and_release(terminal: Terminal, server: Simulated) -> None:
    """A trial is begun from home, held until it is released, and nothing more is sent meanwhile."""
    terminal.wait_for(f"{JOBS} prompts")
    before = server.stats()["requests"]
    column, row = terminal.find("endpoint  ")
    terminal.click(column + 16, row)
    terminal.wait_for("▸ 127.0.0.1")
    column, row = terminal.find("trial  ")
    terminal.click(column + 12, row)
    terminal.keys(f"{TRIAL}")
    terminal.wait_for(
        lambda screen: f"sends {TRIAL} of {JOBS} prompts to 127.0.0.1" in screen and "then holds" in screen
    )
    terminal.keys("\r")
    terminal.wait_for("trial held")
    assert server.stats()["requests"] == before + TRIAL
    terminal.keys("u")
    terminal.wait_for(lambda screen: done(screen) > TRIAL and re.search(r"│ \d+\| \+\|", screen) is not None)


def slide(terminal: Terminal) -> None:
    """The rate follows the keys, down and up again."""
    before = rate(terminal.screen)
    terminal.keys("-")
    slower = rate(terminal.wait_for(lambda screen: rate(screen) not in ("", before)))
    terminal.keys("+")
    terminal.wait_for(lambda screen: rate(screen) not in ("", slower))


def lose_a_key(terminal: Terminal, server: Simulated) -> None:
    """A key that is revoked is dead, and the run goes on to its end without it."""
    server.control(server.keys[1], refuse=True)
    server.let_go()
    terminal.wait_for("✖ dead")
    terminal.wait_for("all ended")


def retry_what_failed(terminal: Terminal, server: Simulated) -> int:
    """The errors screen tells of jobs and of tries; all of them are tried again. Returns how many failed."""
    failed = figure(terminal.screen, "failed")
    assert failed > 0
    terminal.keys("e")
    screen = terminal.wait_for("401  Incorrect API key")  # which no job failed for
    assert figure(screen, "jobs? failed") == failed
    terminal.wait_for("What may help")
    requests = server.stats()["requests"]
    terminal.keys("R")
    wait_for(lambda: server.stats()["requests"] == requests + failed, "the failed jobs to be asked again")
    terminal.keys("\x1b")
    terminal.wait_for(lambda screen: "all ended" in screen and figure(screen, "failed") == failed)
    return failed


def compare_with_the_run_before(terminal: Terminal, failed: int) -> None:
    """From the dashboard home, and there the two kept runs side by side: they say the same."""
    terminal.keys("n")
    terminal.wait_for(lambda screen: screen.count("✗ failures") == 2)
    terminal.keys("m")
    screen = terminal.wait_for("same text")
    assert f"of {JOBS - failed} answered in both" in screen
    terminal.keys("\x1b")


def export_and_quit(terminal: Terminal) -> str:
    """The results are written from home. Returns the name of their file."""
    terminal.wait_for("2 runs kept")
    terminal.keys("o")
    found = re.search(r"The results are in (\S+)", terminal.wait_for("The results are in"))
    assert found is not None
    terminal.keys("\x1b")
    assert terminal.wait() == 0
    assert terminal.left_changed == []
    return found[1]


def test_an_afternoon_from_the_trial_to_the_results(home: Path, simulator: Simulator) -> None:
    (home / "sums.txt").write_text("".join(f"Compute {a} + {a + 1}\n" for a in range(JOBS)))
    server = simulator(answers=JOBS + TRIAL + 20, latency=0.05, faults={"filter-heavy": 0.2})
    env = environment(home, server, LLMDASH_CONCURRENCY="8")  # the more are left for keys to be tried with
    assert llmdash("run", "sums.txt", "--concurrency", 8, "--headless", cwd=home, env=env).code == 3
    before = server.stats()["requests"]
    with Terminal(cwd=home, env=env) as terminal:
        begin_and_release(terminal, server)
        slide(terminal)
        lose_a_key(terminal, server)
        failed = retry_what_failed(terminal, server)
        compare_with_the_run_before(terminal, failed)
        name = export_and_quit(terminal)
    rows = results(home / name)
    assert sorted(row["index"] for row in rows) == list(range(JOBS))
    assert sum(row["state"] == "failed" for row in rows) == failed
    [folder] = (path.parent for path in home.rglob("journal.sqlite") if path.parent.name == Path(name).stem)
    attempts = sum(count for _, count in JournalReader(folder).sums.attempt_counts())
    assert attempts == server.stats()["requests"] - before == sum(row["attempts"] for row in rows)
