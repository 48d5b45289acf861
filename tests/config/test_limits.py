"""`[limits.NAME]` tables, and the endpoints that use them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import SETTINGS, ConfigError
from llmdash.config.limits import LimitSettings, parse_limits
from llmdash.config.toml import LIMITS, from_toml
from llmdash.sanitize import clean_line
from tests.config.place import Place

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)

ENDPOINTS = """
[[endpoint]]
name = "fast"
base_url = "https://fast.example/v1/"
model = "m"
api_key_env = "KEYS"
limit = "org-a"

[[endpoint]]
name = "deep"
base_url = "https://deep.example/v1/"
model = "m"
api_key_env = "KEYS"
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.env("KEYS=sk-a\n")
    return place


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ('rate = "60/s"\ntpm = 200_000', LimitSettings("org-a", 60.0, 200_000.0)),
        ('rate = "3600/min"', LimitSettings("org-a", 60.0)),
        ("rate = 2.5", LimitSettings("org-a", 2.5)),
        ("tpm = 1000", LimitSettings("org-a", None, 1_000.0)),
        ('rate = "unlimited"\ntpm = "50"', LimitSettings("org-a", None, 50.0)),
    ],
)
def test_a_limit_is_a_rate_or_tokens_a_minute_or_both(
    place: Place, fields: str, limit: LimitSettings
) -> None:
    place.toml(f'{ENDPOINTS}[limits."org-a"]\n{fields}\n')
    settings = place.load()
    assert settings.limits == (limit,)
    assert [endpoint.limit for endpoint in settings.endpoints] == ["org-a", None]


def test_a_limit_of_the_file_holds_for_every_endpoint_without_one_of_its_own(place: Place) -> None:
    limits = "[limits.org-a]\nrate = 5\n[limits.org-b]\nrate = 7\n"
    place.toml(f'shared_limit = "org-b"\n{ENDPOINTS}{limits}')
    assert [endpoint.limit for endpoint in place.load().endpoints] == ["org-a", "org-b"]


def test_a_pool_without_tables_may_share_a_limit_too(place: Place) -> None:
    place.env("API_KEY=sk-a\n")
    place.toml('shared_limit = "org a"\n[limits."org a"]\nrate = 5\n')
    assert [endpoint.limit for endpoint in place.load().endpoints] == ["org a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"llmdash.toml:\d+: limit: 'org-a' is not a limit; define it in llmdash.toml: \[limits.org-a\]"),
        ("[limits.org-b]\nrate = 5\n", "'org-a' is not a limit; did you mean 'org-b'?"),
        ("[limits.org-a]\n", r"llmdash.toml:14: \[limits.'org-a'\]: limits nothing; write rate = "),
        ('[limits.org-a]\nrate = "unlimited"\n', "limits nothing"),
        ('[limits.org-a]\nrate = "soon"\n', "llmdash.toml:15: rate: 'soon' is not a rate"),
        ("[limits.org-a]\ntpm = 0\n", "llmdash.toml:15: tpm: '0' is out of range"),
        ("[limits.org-a]\nrpm = 5\n", "llmdash.toml:15: rpm: is not a field of a limit; did you mean tpm?"),
        ("[limits]\nrate = 5\n", "holds something other than tables; write a line"),
        ("[[limits]]\nrate = 5\n", "holds something other than tables"),
        ('[limits."\\u001b[31m"]\nrate = 5\n', "is not a name; write 1 to 200 printable characters"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line_and_a_fix(place: Place, text: str, message: str) -> None:
    place.toml(ENDPOINTS + text)
    with pytest.raises(ConfigError, match=message):
        place.load()


def test_the_file_of_the_folder_goes_before_that_of_the_user(tmp_path: Path) -> None:
    own, user = tmp_path / "own.toml", tmp_path / "user.toml"
    own.write_text("[limits.a]\nrate = 1\n")
    user.write_text("[limits.a]\nrate = 2\n[limits.b]\nrate = 3\n")
    found = parse_limits([from_toml(path, path.name, SETTINGS) for path in (own, user)])
    assert found == (LimitSettings("a", 1.0), LimitSettings("b", 3.0))


@given(st.dictionaries(NAMES, st.dictionaries(st.sampled_from(("rate", "tpm")), st.integers())))
def test_any_limits_are_read_or_refused_in_one_line(limits: dict[str, dict[str, int]]) -> None:
    text = tomli_w.dumps({LIMITS: limits})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "llmdash.toml"
        path.write_bytes(text.encode("utf-8"))
        try:
            found = parse_limits([from_toml(path, path.name, SETTINGS)])
        except ConfigError as error:
            assert clean_line(str(error)) == str(error)
        else:
            assert {limit.name for limit in found} == set(limits)
