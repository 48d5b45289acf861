"""How much of the program the tests run, by marks that are set in its code: what that costs is hardly felt.

`.ci/coverage` puts marks into a copy of the compiled program, runs the tests on it, and asks coverage.py for
the report. A tracer, as coverage.py has on Pythons without `sys.monitoring`, doubles the time of the tests.
"""
