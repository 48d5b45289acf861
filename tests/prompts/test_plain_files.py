"""Compressed, encoded and binary files: the content decides, not the name."""

from __future__ import annotations

import bz2
import codecs
import datetime
import gzip
import importlib
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource


def zstd(data: bytes) -> bytes:
    """`data` as one frame of Zstandard."""
    try:
        compress: Callable[[bytes], bytes] = importlib.import_module("compression.zstd").compress
    except ModuleNotFoundError:
        compress = importlib.import_module("zstandard").ZstdCompressor().compress
    return compress(data)


LINES = b'{"prompt": "one", "row": 1}\n{"prompt": "two", "row": 2}\n'
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "Zstandard": zstd,
}
ENDS = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "Zstandard": ".zst"}


def opened(folder: Path, name: str, content: bytes, **how: Any) -> PromptSource:
    path = folder / name
    path.write_bytes(content)
    return open_source(path, **how)


def refused(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        opened(folder, name, content)
    assert str(caught.value).isprintable()
    return str(caught.value)


def prompts(found: PromptSource) -> list[str]:
    return [found.prompt(index).text for index in range(len(found))]


@pytest.mark.case("files", "gz")
@pytest.mark.case("files", "shapes")
@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["p.jsonl{}", "p.jsonl", "p.txt", "p"])
def test_a_compressed_file_is_read_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    found = opened(tmp_path, name.format(ENDS[kind]), PACKED[kind](LINES))
    assert prompts(found) == ["one", "two"]
    assert found.prompt(1).carried == {"row": 2}
    assert found.reading == f"{kind}, JSON lines; sent: prompt; carried: row"
    assert (found.name, found.id(0)) == ("p", "p-1")


@pytest.mark.parametrize("kind", PACKED)
def test_its_fingerprint_is_that_of_what_is_inside(tmp_path: Path, kind: str) -> None:
    packed = opened(tmp_path, "p.jsonl.x", PACKED[kind](LINES))
    assert packed.fingerprint == opened(tmp_path, "p.jsonl", LINES).fingerprint


@pytest.mark.parametrize("kind", PACKED)
def test_several_streams_behind_each_other_are_all_read(tmp_path: Path, kind: str) -> None:
    pack = PACKED[kind]
    assert prompts(opened(tmp_path, "p.jsonl", pack(LINES[:28]) + pack(LINES[28:]))) == ["one", "two"]


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("how", ["cut", "changed"])
def test_a_damaged_file_is_refused_in_a_line(tmp_path: Path, kind: str, how: str) -> None:
    packed = PACKED[kind](json.dumps([{"prompt": f"number {n}"} for n in range(9_000)]).encode())
    half = len(packed) // 2
    spoilt = packed[:half] if how == "cut" else packed[:half] + bytes(64) + packed[half + 64 :]
    text = refused(tmp_path, "p.json", spoilt)
    assert text.startswith(f"{tmp_path / 'p.json'}: damaged {kind}") or "malformed" in text


def test_what_is_packed_again_and_again_is_refused(tmp_path: Path) -> None:
    content = LINES
    for _ in range(6):
        content = gzip.compress(content)
    assert "packed more than 4 times" in refused(tmp_path, "p.gz", content)


def test_nothing_of_an_unpacked_file_is_left_on_disk(tmp_path: Path) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    path = tmp_path / "p.gz"
    path.write_bytes(gzip.compress(LINES))
    code = "import os, sys; from llmdash.prompts.readers import open_source as o; "
    code += "print(o(sys.argv[1]).prompt(1).text, os.listdir(os.environ['TMPDIR']))"
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "TMPDIR": str(spools)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told == "two []\n"


WITHOUT = """
import sys
for name in ("zstandard", "compression.zstd", "pyarrow"):
    sys.modules[name] = None  # as if it were not installed
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError
try:
    open_source(sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "extra"), [("p.zst", "zst"), ("p.parquet", "parquet")])
def test_what_is_not_installed_is_named_with_its_extra(tmp_path: Path, name: str, extra: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED["Zstandard"](LINES) if extra == "zst" else b"PAR1" + bytes(100))
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert f"pip install 'llmdash[{extra}]', or give it as plain JSON lines" in told


ENCODINGS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-8": codecs.BOM_UTF8,
}
TEXTS = {
    "p.jsonl": '{"prompt": "grün 😀"}\r\n{"prompt": "zwei"}\r\n',
    "p.json": '[{"prompt": "grün 😀"}, {"prompt": "zwei"}]',
    "p.csv": 'prompt,row\r\n"grün 😀",1\r\nzwei,2\r\n',
    "p.tsv": "prompt\trow\r\ngrün 😀\t1\r\nzwei\t2\r\n",
    "p.txt": "grün 😀\r\nzwei\r\n",
    "unicode text.txt": "prompt\trow\r\ngrün 😀\t1\r\nzwei\t2\r\n",
    "p.toml": '[[prompt]]\ntext = "grün 😀"\n[[prompt]]\ntext = "zwei"\n',
    "p": "grün 😀\r\nzwei\r\n",
}


@pytest.mark.case("files", "utf16")
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_decoded_by_its_byte_order_mark(tmp_path: Path, name: str, encoding: str) -> None:
    found = opened(tmp_path, name, ENCODINGS[encoding] + TEXTS[name].encode(encoding))
    assert prompts(found) == ["grün 😀", "zwei"]


@pytest.mark.case("files", "utf16")
def test_a_text_may_be_encoded_and_compressed(tmp_path: Path) -> None:
    content = gzip.compress(codecs.BOM_UTF16_LE + TEXTS["p.csv"].encode("utf-16-le"))
    assert prompts(opened(tmp_path, "p.csv.gz", content)) == ["grün 😀", "zwei"]


@pytest.mark.case("files", "utf16")
@pytest.mark.parametrize("name", ["p.txt", "p.jsonl", "p.csv", "p"])
def test_text_with_nuls_is_refused_as_binary(tmp_path: Path, name: str) -> None:
    text = refused(tmp_path, name, "prompt\none\n".encode("utf-16-le"))
    assert "binary, not text; save it as UTF-8 text" in text


@pytest.mark.parametrize(("name", "head"), [("p.txt", b"first\n"), ("p.csv", b"prompt\nfirst\n")])
def test_a_nul_far_below_leaves_its_line_out(tmp_path: Path, name: str, head: bytes) -> None:
    found = opened(tmp_path, name, head + b"x" * 70_000 + b"\na\0b\nlast\n")
    assert [prompts(found)[0], prompts(found)[-1]] == ["first", "last"]
    assert found.left_out == 1
    assert "a NUL byte at position 2" in found.problems[0].message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-le"])
def test_a_text_that_is_cut_inside_a_sign_is_refused(tmp_path: Path, encoding: str) -> None:
    content = ENCODINGS[encoding] + "one".encode(encoding)[:-1]
    assert "damaged UTF-" in refused(tmp_path, "p.txt", content)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        (b"PK\x03\x04\x14\0", "a zip archive, as .xlsx"),
        (b"SQLite format 3\0", "a database"),
        (b"\x7fELF\0", "a program"),
        (b"\0\1\2", "binary"),
    ],
)
@pytest.mark.parametrize("name", ["p.txt", "p.csv", "p.jsonl", "p"])
def test_a_binary_file_is_refused_in_a_line(tmp_path: Path, name: str, head: bytes, kind: str) -> None:
    assert f"{kind}" in refused(tmp_path, name, head + b"x" * 100)


# Parquet.


def parquet(folder: Path, rows: list[dict[str, Any]], name: str = "p.parquet", **how: Any) -> Path:
    arrow = pytest.importorskip("pyarrow")
    path = folder / name
    pytest.importorskip("pyarrow.parquet").write_table(arrow.Table.from_pylist(rows), path, **how)
    return path


@pytest.mark.case("files", "shapes")
@pytest.mark.parametrize("name", ["p.parquet", "p", "p.csv"])
def test_the_rows_of_a_parquet_file_are_read(tmp_path: Path, name: str) -> None:
    rows = [{"prompt": f"number {n}", "n": n, "note": None, "at": 0.5} for n in range(2_500)]
    path = parquet(tmp_path, rows, name, row_group_size=1_000)
    if name == "p.csv":  # a table by its name: the name is wrong
        with pytest.raises(InputError):
            open_source(path)
        return
    found = open_source(path)
    assert len(found) == 2_500
    assert found.prompt(2_499).text == "number 2499"
    assert found.prompt(2_499).carried == {"n": 2_499, "note": None, "at": 0.5}
    assert found.reading.startswith("Parquet, JSON lines; sent: prompt;")
    assert found.fingerprint == open_source(path).fingerprint


@pytest.mark.case("files", "shapes")
def test_messages_in_a_parquet_file_have_only_the_fields_that_they_had(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Hello", "name": None},
        {"role": "assistant", "content": "Hi", "name": "bot"},
    ]
    found = open_source(parquet(tmp_path, [{"messages": turns, "row": 1}]))
    assert found.prompt(0).messages == (("user", "Hello"), turns[1])
    assert found.prompt(0).carried == {"row": 1}


def test_values_that_json_has_no_kind_for_are_carried_as_text(tmp_path: Path) -> None:
    day = datetime.date(2026, 1, 31)
    found = open_source(parquet(tmp_path, [{"prompt": "x", "day": day, "raw": b"\xff"}]))
    assert found.prompt(0).carried == {"day": "2026-01-31", "raw": "/w=="}


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, [{"prompt": "x" * 1_000}])
    assert "damaged Parquet" in refused(tmp_path, "q.parquet", path.read_bytes()[:300])
