"""Rows of every kind through the program: what is sent, what is carried, what is left out."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import environment, llmdash, results
from tests.recording import Recorder
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
HEADLESS = ("--headless", "--json", "--run-dir", "kept", "--rate", "unlimited")
TABLE = "prompt,row_id,category\nWhat is 1 + 1?,007,sums\nWhat is 2 + 2?,008,=x\n"


def carried_in(path: Path) -> list[Any]:
    """The carried fields of each line of a file of results, of whatever kind."""
    name = path.name
    if name.endswith(".batch.jsonl"):
        return [json.loads(line)["input"] for line in path.read_text().splitlines()]
    if name.endswith(".jsonl"):
        return [line["input"] for line in results(path)]
    if name.endswith(".json"):
        return [line["input"] for line in json.loads(path.read_text())]
    if name.endswith(".parquet"):
        rows = pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    else:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))
    assert "input" not in rows[0]
    return [{name: row[f"input.{name}"].lstrip("'") for name in ("row_id", "category")} for row in rows]


@pytest.mark.case("files", "columns-out")
@pytest.mark.parametrize("out", ["r.jsonl", "r.json", "r.csv", "r.tsv", "r.parquet", "r.batch.jsonl"])
def test_the_columns_of_a_table_are_carried_to_every_kind_of_output(
    simulator: Simulator, tmp_path: Path, out: str
) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    env = environment(tmp_path, simulator())
    ended = llmdash("run", "t.csv", *HEADLESS, "--out", out, cwd=tmp_path, env=env)
    assert ended.code == 0
    assert ended.err == "llmdash: t: table of 3 columns; sent: prompt; carried: row_id, category\n"
    assert carried_in(tmp_path / out) == [
        {"row_id": "007", "category": "sums"},
        {"row_id": "008", "category": "=x"},
    ]


def test_more_carried_fields_than_make_a_table_are_one_column_of_json(
    simulator: Simulator, tmp_path: Path
) -> None:
    carried = {f"f{number}": number for number in range(1_001)}
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "What is 1 + 1?", **carried}))
    env = environment(tmp_path, simulator())
    assert llmdash("run", "p.jsonl", *HEADLESS, "--out", "r.csv", cwd=tmp_path, env=env).code == 0
    with (tmp_path / "r.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["input"]) == carried
    assert "input.f0" not in row


@pytest.mark.case("files", "columns-out")
def test_nothing_is_carried_with_carry_none(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    env = environment(tmp_path, simulator())
    arguments = ("run", "t.csv", *HEADLESS, "--out", "r.csv", "--carry", "none")
    ended = llmdash(*arguments, cwd=tmp_path, env=env)
    assert "carried: none (left out: category, row_id)" in ended.err
    assert "input" not in (tmp_path / "r.csv").read_text().splitlines()[0].split(",")


@pytest.mark.case("files", "columns-out")
def test_a_failed_job_has_its_carried_fields_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    with Recorder(lambda _: (400, {"error": {"message": "no"}})) as server:
        env = environment(tmp_path, OPENAI_API_KEY="sk-only", OPENAI_BASE_URL=f"{server.root}/v1")
        ended = llmdash("run", "t.csv", *HEADLESS, "--limit", 1, "--out", "r.jsonl", cwd=tmp_path, env=env)
    assert ended.code == 3
    [line] = results(tmp_path / "r.jsonl")
    assert (line["state"], line["input"]["row_id"]) == ("failed", "007")


@pytest.mark.case("files", "csv-question")
@pytest.mark.parametrize("piped", [False, True])
def test_a_table_without_prompts_is_refused_and_the_options_that_help_are_named(
    simulator: Simulator, tmp_path: Path, piped: bool
) -> None:
    endpoint = simulator()
    env = environment(tmp_path, endpoint)
    content = "question,answer\nWhat is 1 + 1?,2\nWhat is 2 + 2?,4\n"
    (tmp_path / "t.csv").write_text(content)
    file, given = ("-", content) if piped else ("t.csv", None)

    def run(*options: str) -> Any:
        return llmdash("run", file, "--headless", "--json", *options, cwd=tmp_path, env=env, given=given)

    refused = run()
    assert (refused.code, endpoint.stats()["requests"]) == (2, 0)
    assert "as in --prompt-column question" in refused.err
    assert "--template" in refused.err
    for options in (("--prompt-column", "question"), ("--template", "{{question}}")):
        ended = run(*options, "--system", "Be brief.")
        assert (ended.code, ended.summary["done"]) == (0, 2)


@pytest.mark.case("files", "csv-question")
def test_how_a_file_is_read_is_restored_by_a_resume(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    (tmp_path / "t.csv").write_text("question,note\n" + "".join(f"What is {n} + 1?,{n}\n" for n in range(9)))
    how = ("--template", "{{question}} {{note}}", "--system", "Be brief.", "--carry", "note")
    begun = llmdash("run", "t.csv", *HEADLESS, *how, cwd=tmp_path, env=env)
    assert begun.code == 0
    again = llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env)
    assert (again.code, again.err) == (0, begun.err)
    other = llmdash("run", "--resume", *HEADLESS, "--template", "{{note}}", cwd=tmp_path, env=env)
    assert other.code == 2


@pytest.mark.case("files", "same-ids")
def test_lines_left_out_are_counted_and_are_an_exit_code_of_their_own(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    lines = [json.dumps({"id": f"i{number % 4}", "prompt": "What is 1 + 1?"}) for number in range(20)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    ended = llmdash("run", "p.jsonl", *HEADLESS, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"], ended.summary["left_out"]) == (8, 4, 16)
    again = llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env)
    assert again.code == 8
    allowed = llmdash("run", "--resume", *HEADLESS, "--allow-bad-lines", cwd=tmp_path, env=env)
    assert (allowed.code, allowed.summary["left_out"]) == (0, 16)
    report = llmdash("run", "p.jsonl", "--headless", cwd=tmp_path, env=env)
    assert "4 done, 0 failed, 0 pending, of 4; 16 input lines left out" in report.out
    strict = llmdash("run", "p.jsonl", "--headless", "--strict", cwd=tmp_path, env=env)
    assert (strict.code, "16 bad lines" in strict.err) == (2, True)


@pytest.mark.case("files", "gz")
@pytest.mark.case("files", "piped-table")
def test_standard_input_may_be_compressed(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    line = [sys.executable, "-m", "llmdash", "run", "-", *HEADLESS]
    given = gzip.compress(json.dumps(["What is 1 + 1?", "What is 2 + 2?"]).encode())
    ended = subprocess.run(line, input=given, cwd=tmp_path, env=env, capture_output=True, check=True)
    assert json.loads(ended.stdout.splitlines()[-1])["done"] == 2
    again = llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"]) == (0, 2)


@pytest.mark.case("files", "1M-prompt")
def test_a_prompt_of_megabytes_is_sent_whole(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator()
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "word " * 1_000_000}))
    env = environment(tmp_path, endpoint)
    ended = llmdash("run", "p.jsonl", *HEADLESS, "--out", "r.jsonl", cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 1)
    [line] = results(tmp_path / "r.jsonl")
    assert line["usage"]["input_tokens"] > 500_000


@pytest.mark.case("engine", "planted-config")
def test_a_table_outside_the_folder_of_a_set_is_named_by_hand(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator()
    env = environment(tmp_path, endpoint)
    (tmp_path / "set").mkdir()
    (tmp_path / "words.csv").write_text("word\nsea\n")
    (tmp_path / "set" / "s.toml").write_text('template = "Say {{word}}"\ndata = "../words.csv"\n')
    refused = llmdash("run", "set/s.toml", *HEADLESS, cwd=tmp_path, env=env)
    assert (refused.code, endpoint.stats()["requests"]) == (2, 0)
    assert "give it with --data ../words.csv" in refused.err
    assert llmdash("run", "set/s.toml", *HEADLESS, "--data", "words.csv", cwd=tmp_path, env=env).code == 0
    assert llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env).code == 0


def test_what_is_wrong_with_standard_input_names_that_and_not_its_copy(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    for given, told in (("", "empty"), ("a,b\n1,2\n", "no `prompt` column")):
        refused = llmdash("run", "-", *HEADLESS, cwd=tmp_path, env=env, given=given)
        assert refused.code == 2
        assert refused.err.startswith(f"llmdash: standard input: {told}")
    partly = '{"prompt": "What is 1 + 1?"}\n{bad\n'
    begun = llmdash("run", "-", *HEADLESS, cwd=tmp_path, env=env, given=partly)
    resumed = llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env)
    assert [ended.code for ended in (begun, resumed)] == [8, 8]
    assert all("standard input:2: malformed JSON" in ended.err for ended in (begun, resumed))
