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

# Run the tests, on every core (-n 0: in one process)
test *arguments:
    {{python}} -m pytest -n auto --dist worksteal {{arguments}}

# Run the tests on every Python that is found, or on those named (3.13 3.14)
matrix *versions:
    .ci/matrix {{versions}}

# Run the tests, and show which files they leave out most
coverage:
    .ci/coverage {{python}}

# Everything CI does
ci:
    .ci/run

# What is to be reached, beside the peers or the bars, in one table (CASE ... --rounds N --json FILE --before COMMIT --scale SHARE)
bench *arguments:
    {{python}} -m tests.benchmarks {{arguments}}

# What each layer costs, by job and by streamed chunk (--rounds N --json FILE --scale SHARE)
costs *arguments:
    {{python}} -m tests.benchmarks.costs {{arguments}}

# Instructions of the hot functions by callgrind, beside those expected (--update keeps them)
instructions *arguments:
    {{python}} -m tests.benchmarks.instructions {{arguments}}

# The rate by the server's own clock
bench-rate:
    {{python}} -m tests.benchmarks.rate

# The rate found by itself on the simulator, by its own count, in real time (RPM MINUTES)
bench-auto *arguments:
    {{python}} -m tests.benchmarks.auto {{arguments}}

# Ninety expressions, one after the other and at once (--tenth: at a tenth of the latency)
bench-compare *arguments:
    {{python}} -m tests.benchmarks.compare {{arguments}}

# A run through a litellm proxy whose provider has faults (--prompts N --latency S --share P --json FILE)
bench-litellm *arguments:
    {{python}} -m tests.benchmarks.litellm_proxy {{arguments}}

# What workers cost the run that hands out its attempts (cost), and how well they hold a rate (rate)
bench-cluster *arguments:
    {{python}} -m tests.benchmarks.cluster {{arguments}}

# A cluster of 100 workers and 100,000,000 jobs, on paper (--workers N --jobs N --shards N... --rate R --cost NAME=US)
bench-cluster-model *arguments:
    {{python}} -m tests.benchmarks.cluster_model {{arguments}}

# The cases of the world that went wrong once, each with what came of its tests
cases *arguments:
    {{python}} -m tests.cases {{arguments}}

# R1: two hundred kills over ten thousand jobs
kill-loop:
    {{python}} -m pytest tests/cli/test_kill_loop.py -m slow -s -q

# A thousand kills of runs in batches, at every step out and back (--kills N --jobs N --lanes N --only SCENARIO --keep FOLDER)
batch-kills *arguments:
    {{python}} -m tests.batches.kills {{arguments}}

# Ten thousand jobs in a batch that expires, five thousand that are late, or cancelled in vain (--jobs N --late N)
batch-scale *arguments:
    {{python}} -m tests.batches.scale {{arguments}}

# Fifty kills or stops of workers, schedulers and runs each
worker-kills:
    {{python}} -m pytest tests/cli/test_worker_kills.py tests/cli/test_orphans.py -m "slow or not slow" -s -q

# Ten thousand jobs, answered once each and spread evenly over the keys
spread:
    {{python}} -m pytest tests/cli/test_run.py -k spread_evenly -m "slow or not slow" -s -q

# R2, R3, R11: every fault with fifty seeds, answers cut at every byte, bombs
faults:
    {{python}} -m pytest tests/faults -m "slow or not slow" -s -q

# R4, R7: ten thousand hints, keys revoked in the middle
keys:
    {{python}} -m pytest tests/engine/test_hints_obeyed.py tests/cli/test_faults.py -q

# R5: the rate through slides, stops of the process and a jumping clock
rate:
    {{python}} -m tests.benchmarks.rate --stress

# R6: a disk that fills and is freed, twenty times (as root, or where users may mount)
full-disk:
    {{python}} -m tests.full_disk --cycles 20

# R8: every way out of the dashboard, twenty times each, and a terminal that does not read
terminal:
    {{python}} -m pytest tests/cli/test_terminal_endings.py tests/cli/test_terminal_stopped.py tests/cli/test_terminal_unread.py tests/cli/test_pipes.py -m "slow or not slow" -s -q

# R9: canary keys through every fault, crash and export
canary:
    {{python}} -m pytest tests/cli/test_canary.py -m "slow or not slow" -s -q

# R10: a hundred thousand hostile strings through every widget
hostile:
    {{python}} -m pytest tests/ui/test_hostile.py tests/ui/terminal/test_writer.py -m "slow or not slow" -s -q

# R12: two hundred thousand calls at 5 % faults
soak:
    {{python}} -m tests.soak --calls 200000 --simulator

# Mutated bytes into everything that reads the wire or a file
fuzz seconds="60":
    {{python}} -m tests.fuzz --seconds {{seconds}}

# Pictures of the dashboard as PNG files
pictures folder="pictures":
    {{python}} -m tests.pictures {{folder}}
