"""`python -m tests.cases [ARGUMENTS OF PYTEST]` prints every row of the cases with pass or fail.

Only tests that hold a row are run, on every core unless `-n` says otherwise; what pytest prints goes to
standard error. The exit code is 1 if a row fails or has no test, or if tests could not be collected.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import pytest

from tests.cases.outcomes import Outcome, Outcomes
from tests.cases.rows import ROWS
from tests.cases.tables import table_lines

_ARGUMENTS = ("-q", "-m", "case", "-n", "auto", "--dist", "worksteal", "-p", "tests.cases.plugin")
_RAN = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def main(arguments: list[str]) -> int:
    """Run the tests and print the tables; returns the exit code."""
    outcomes = Outcomes()
    with redirect_stdout(sys.stderr):
        code = pytest.main([*_ARGUMENTS, *arguments], plugins=[outcomes])
    print("\n".join(table_lines(outcomes.by_row)))
    if outcomes.broken or code not in _RAN:
        print(f"not all tests ran: {', '.join(outcomes.broken) or code}")
        return 1
    return int(any(outcomes.by_row.get(row, Outcome()).word != "pass" for row in ROWS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
