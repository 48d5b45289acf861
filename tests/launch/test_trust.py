"""A folder's file that decides where keys are sent is trusted once, by path and hash."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from llmdash.config import ConfigError, Settings
from llmdash.config.deciding import DecidingFile
from llmdash.launch.trust import TrustStore, refusal, untrusted

pytestmark = pytest.mark.case("engine", "planted-config")

FILE = DecidingFile(Path("/w/llmdash.toml"), ("base_url = 'https://\x1b[2Je.example'",), "a" * 32)
OTHER = DecidingFile(Path("/w/.env"), ("base_url = 'https://f.example'",), "b" * 32)
SETTINGS = Settings(deciding=(FILE, OTHER))


def test_what_is_recorded_is_trusted_until_its_fields_change(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "config" / "trusted.json")
    assert untrusted(SETTINGS.deciding, {}, store) == (FILE, OTHER)
    store.add((FILE,))
    assert untrusted(SETTINGS.deciding, {}, store) == (OTHER,)
    store.add((OTHER,))
    assert untrusted(SETTINGS.deciding, {}, store) == ()
    changed = DecidingFile(FILE.path, FILE.fields, "c" * 32)
    moved = DecidingFile(Path("/x/llmdash.toml"), FILE.fields, FILE.hash)
    assert untrusted((changed, moved), {}, store) == (changed, moved)


def test_the_record_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "config" / "trusted.json"
    TrustStore(path).add((FILE,))
    TrustStore(path).add((OTHER,))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["trusted.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"/w/llmdash.toml": 5}', "\udcff", "[" * 100_000])
def test_a_record_that_cannot_be_read_trusts_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trusted.json"
    path.write_text(text, errors="surrogateescape")
    assert untrusted(SETTINGS.deciding, {}, TrustStore(path)) == (FILE, OTHER)
    TrustStore(path).add((FILE, OTHER))
    assert untrusted(SETTINGS.deciding, {}, TrustStore(path)) == ()


def test_a_record_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        TrustStore(tmp_path / "taken" / "trusted.json").add((FILE,))


def test_a_variable_trusts_by_hash(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "none.json")
    assert untrusted(SETTINGS.deciding, {"LLMDASH_TRUST": FILE.hash}, store) == (OTHER,)
    assert untrusted(SETTINGS.deciding, {"LLMDASH_TRUST": f"{FILE.hash}, {OTHER.hash}"}, store) == ()
    assert untrusted(SETTINGS.deciding, {"LLMDASH_TRUST": FILE.hash[:8]}, store) == (FILE, OTHER)
    assert untrusted(SETTINGS.deciding, {"LLMDASH_TRUST": ""}, store) == (FILE, OTHER)


def test_the_refusal_shows_fields_hash_and_command() -> None:
    assert refusal((FILE, OTHER)).splitlines() == [
        "/w/llmdash.toml: decides where keys go or what is run, and is not trusted yet:",
        "  base_url = 'https://␛[2Je.example'",
        f"  hash {'a' * 32}",
        "/w/.env: decides where keys go or what is run, and is not trusted yet:",
        "  base_url = 'https://f.example'",
        f"  hash {'b' * 32}",
        "if that is what you want: llmdash trust (in a script: LLMDASH_TRUST=HASH, or --config FILE)",
    ]
