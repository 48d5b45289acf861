# One verb a recipe; `just check` is what CI runs before the tests.

python := ".venv/bin/python"

# List the recipes
default:
    @just --list

# Install everything a developer needs
install:
    python3 -m venv .venv
    .venv/bin/pip install -q -e '.[dev]'

# Format the code
format:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# Format, lint, types and imports, without changing anything
check:
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# Run the tests
test *arguments:
    {{python}} -m pytest {{arguments}}

# Everything CI does
ci:
    .ci/run

# Speed of a headless run beside its rivals
bench-throughput:
    {{python}} -m tests.benchmarks.throughput

# What an open dashboard costs
bench-dashboard:
    {{python}} -m tests.benchmarks.dashboard

# The rate by the server's own clock
bench-rate:
    {{python}} -m tests.benchmarks.rate

# Ninety expressions, one after the other and at once (--tenth: at a tenth of the latency)
bench-compare *arguments:
    {{python}} -m tests.benchmarks.compare {{arguments}}

# Pictures of the dashboard as PNG files
pictures folder="pictures":
    {{python}} -m tests.pictures {{folder}}
