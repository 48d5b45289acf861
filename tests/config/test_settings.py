"""Settings come from the strongest place that gives them, and errors name that place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmdash.config import Settings, Timeouts
from tests.config.place import KEY, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_with_nothing_given_the_defaults_hold(place: Place) -> None:
    assert place.load() == Settings(
        base_url="https://api.openai.com/v1",
        model="gpt-4o-mini",
        keys=(),
        rate=5.0,
        rate_given=False,
        concurrency=64,
        limit=None,
        temperature=None,
        max_tokens=None,
        stream=True,
        fps=15,
        allow_insecure=False,
        timeouts=Timeouts(connect=10, first_byte=None, stall=60, total=600),
        warnings=(),
    )


def test_the_dotenv_of_a_token_pool_is_read(place: Place) -> None:
    place.env("API_KEY=sk-a, sk-b,,sk-c\nBASE_URL=https://host.example/v1/\n")
    settings = place.load()
    assert [key.reveal() for key in settings.keys] == ["sk-a", "sk-b", "sk-c"]
    assert settings.base_url == "https://host.example/v1"
    assert settings.rate == 15.0
    assert settings.warnings == ()


def test_the_usual_rate_is_five_a_second_for_each_key(place: Place) -> None:
    place.env("API_KEY=a,b,c,d")
    assert (place.load().rate, place.load().rate_given) == (20.0, False)
    place.environ["LLMDASH_RATE"] = "unlimited"
    assert (place.load().rate, place.load().rate_given) == (None, True)
    assert (place.load(rate="60/min").rate, place.load(rate="5").rate_given) == (1.0, True)


def test_each_place_gives_way_to_the_stronger_one(place: Place) -> None:
    expected = []
    place.user_config.write_text("base_url = 'https://user'\n")
    expected.append(place.load().base_url)
    place.toml("base_url = 'https://folder'\n")
    expected.append(place.load().base_url)
    for number, name in enumerate(("OPENAI_BASE_URL", "BASE_URL", "LLMDASH_BASE_URL"), 1):
        place.env(
            "\n".join(
                f"{n}=https://env-{n}" for n in ("OPENAI_BASE_URL", "BASE_URL", "LLMDASH_BASE_URL")[:number]
            )
        )
        expected.append(place.load().base_url)
        assert name in expected[-1]
    place.environ["OPENAI_BASE_URL"] = "https://provider"
    expected.append(place.load().base_url)
    place.environ["LLMDASH_BASE_URL"] = "https://own"
    expected.append(place.load().base_url)
    expected.append(place.load(base_url="https://flag").base_url)
    assert [url.removeprefix("https://") for url in expected] == [
        *("user", "folder", "env-OPENAI_BASE_URL", "env-BASE_URL", "env-LLMDASH_BASE_URL"),
        *("provider", "own", "flag"),
    ]


def test_keys_of_a_stronger_place_replace_those_of_a_weaker_one(place: Place) -> None:
    place.env("OPENAI_API_KEY=sk-1,sk-2\n")
    assert place.keys() == ["sk-1", "sk-2"]
    place.env("OPENAI_API_KEY=sk-1\nAPI_KEY=sk-3\n")
    assert place.keys() == ["sk-3"]
    place.env("API_KEY=sk-3\nLLMDASH_API_KEY=sk-4\n")
    assert place.keys() == ["sk-4"]
    place.environ["OPENAI_API_KEY"] = "sk-5, sk-6"
    assert place.keys() == ["sk-5", "sk-6"]
    place.environ["LLMDASH_API_KEY"] = "sk-7"
    assert place.keys() == ["sk-7"]


def test_a_variable_that_is_empty_counts_as_not_set(place: Place) -> None:
    place.env("API_KEY= , ,\nBASE_URL=\nOPENAI_API_KEY=sk-a\nLLMDASH_MODEL=\n")
    place.environ.update({"OPENAI_API_KEY": "  ", "LLMDASH_RATE": ""})
    assert place.keys() == ["sk-a"]
    assert place.load().model == "gpt-4o-mini"


def test_every_setting_can_be_given_as_a_variable(place: Place) -> None:
    given = {
        "API_KEY": "sk-a",
        "BASE_URL": "http://10.0.0.1/v1",
        "MODEL": "m",
        "RATE": "300/min",
        "CONCURRENCY": "8",
        "TEMPERATURE": "0.5",
        "MAX_TOKENS": "100",
        "STREAM": "no",
        "FPS": "30",
        "LIMIT": "10",
        "ALLOW_INSECURE": "1",
        "STALL_TIMEOUT": "5",
    }
    variables = {f"LLMDASH_{name}": value for name, value in given.items()}
    place.env("\n".join(f"{name}={value}" for name, value in variables.items()))
    from_file = place.load()
    place.env("")
    place.environ.update(variables)
    assert place.load() == from_file
    assert (from_file.model, from_file.rate, from_file.concurrency, from_file.fps) == ("m", 5.0, 8, 30)
    assert (from_file.temperature, from_file.max_tokens, from_file.limit) == (0.5, 100, 10)
    assert (from_file.stream, from_file.allow_insecure) == (False, True)
    assert (from_file.base_url, from_file.timeouts.stall) == ("http://10.0.0.1/v1", 5.0)


def test_every_setting_but_the_keys_can_be_given_in_a_file(place: Place) -> None:
    place.toml(
        "base_url = 'https://host'\nmodel = 'm'\nrate = '1000/h'\nconcurrency = 8\nlimit = 3\n"
        "temperature = 1\nmax_tokens = 9\nstream = false\nfps = 5\n"
        "allow_insecure = true\nconnect_timeout = 1.5\nfirst_byte_timeout = 2\n"
        "stall_timeout = 3\ntotal_timeout = 4\n"
    )
    settings = place.load()
    assert settings.rate == 1000 / 3600
    assert settings.timeouts == Timeouts(1.5, 2, 3, 4)
    assert (settings.concurrency, settings.limit, settings.temperature, settings.fps) == (8, 3, 1.0, 5)


def test_a_file_names_the_variable_that_holds_the_keys(place: Place) -> None:
    place.toml("api_key_env = 'MY_KEYS'\n")
    assert place.error() == (
        "llmdash.toml:1: api_key_env: the variable MY_KEYS is not set; set it, or put it into .env"
    )
    place.env("MY_KEYS=sk-a,sk-b\n")
    assert place.keys() == ["sk-a", "sk-b"]
    place.environ["MY_KEYS"] = "sk-c"
    assert place.keys() == ["sk-c"]
    place.environ["MY_KEYS"] = f"{KEY} x"
    assert "the variable MY_KEYS: the 1st key holds a space at place 27" in place.error()


@pytest.mark.parametrize("value", [f"'{KEY}'", "'0123456789abcdef0123'", "5", "['A', 5]", "[]"])
def test_a_key_in_the_place_of_a_variables_name_is_not_repeated(place: Place, value: str) -> None:
    place.toml(f"api_key_env = {value}\n")
    error = place.error()
    assert "api_key_env: is not the name of a variable" in error
    assert value.strip("'") not in error


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"rate": "fast"}, "--rate: 'fast' is not a rate; write a rate such as 5/s, 300/min or 1000/h"),
        ({"concurrency": 0}, "--concurrency: '0' is out of range; write a whole number from 1 to 10000"),
        ({"limit": "x"}, "--limit: 'x' is not a whole number; write one from 1 to 1000000000"),
        ({"max_tokens": -1}, "--max-tokens: '-1' is out of range"),
        ({"temperature": 3}, "--temperature: '3' is out of range; write a number from 0 to 2"),
        ({"fps": 60}, "--fps: '60' is out of range; write a whole number from 5 to 30"),
        ({"base_url": "host"}, "--base-url: 'host' does not begin with https:// or http://"),
        ({"model": "a\x1b[2Jb"}, "--model: 'a␛[2Jb' is not a name"),
    ],
)
def test_a_wrong_option_is_named(place: Place, flags: dict[str, object], error: str) -> None:
    assert place.error(**flags).startswith(error)


def test_a_wrong_value_is_named_by_its_file_and_line(place: Place) -> None:
    place.env("\n# rate\nLLMDASH_RATE=fast\n")
    assert place.error().startswith(".env:3: LLMDASH_RATE: 'fast' is not a rate")
    place.env("")
    place.toml("model = 'm'\nrate = true\n")
    assert place.error().startswith("llmdash.toml:2: rate: 'True' is not a rate")
    place.toml("")
    place.user_config.write_text("stream = 'perhaps'\n")
    assert place.error().startswith(f"{place.user_config}:1: stream: 'perhaps' is neither true nor false")
    place.user_config.write_text("")
    place.environ["LLMDASH_FPS"] = "1"
    assert place.error().startswith("LLMDASH_FPS: '1' is out of range")


def test_a_wrong_value_that_a_stronger_place_overrides_does_no_harm(place: Place) -> None:
    place.env("LLMDASH_RATE=fast\n")
    assert place.load(rate="7").rate == 7.0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"API_KEY=sk-a,{KEY} x\n", ".env:1: API_KEY: the 2nd key holds a space at place 27"),
        (f"\nAPI_KEY={KEY}é\n", ".env:2: API_KEY: the 1st key holds a character outside ASCII at place 27"),
        (f'API_KEY="sk-a,sk-b,{KEY}\nx"\n', ".env:1: API_KEY: the 3rd key holds a line break at place 27"),
        (f"LLMDASH_API_KEY={'k' * 5000}\n", ".env:1: LLMDASH_API_KEY: the 1st key is 5000 characters long"),
    ],
)
def test_a_wrong_key_is_named_by_file_line_and_number_only(place: Place, text: str, error: str) -> None:
    place.env(text)
    assert place.error().startswith(error)


def test_a_key_given_where_something_else_belongs_is_not_repeated(place: Place) -> None:
    for name in ("BASE_URL", "RATE", "CONCURRENCY", "TEMPERATURE", "STREAM", "FPS", "LIMIT", "MAX_TOKENS"):
        place.environ = {f"LLMDASH_{name}": KEY}
        assert place.error().startswith(f"LLMDASH_{name}: '***'")


def test_a_repeated_key_counts_once_and_is_told(place: Place) -> None:
    place.env(f"API_KEY={KEY},sk-b,{KEY}\n")
    settings = place.load()
    assert len(settings.keys) == 2
    assert settings.warnings == (".env:1: API_KEY: the 3rd key repeats the 1st; it counts once",)


def test_a_variable_that_is_nearly_a_setting_gets_a_warning(place: Place) -> None:
    place.environ = {"LLMDASH_MODLE": "m", "LLMDASH_SOMETHING_ELSE": "x"}
    assert place.load().warnings == ("'LLMDASH_MODLE' is not a setting; did you mean LLMDASH_MODEL?",)


def test_keys_of_the_environment_at_the_endpoint_of_a_file_are_told(place: Place) -> None:
    place.env("API_KEY=sk-a\nBASE_URL=https://elsewhere.example/v1\n")
    place.environ["OPENAI_API_KEY"] = KEY
    settings = place.load()
    assert settings.warnings == (
        "OPENAI_API_KEY: is set in the environment and used in place of the keys in .env",
    )
    (deciding,) = settings.deciding
    assert deciding.path == place.cwd / ".env"
    assert deciding.fields == ("base_url = 'https://elsewhere.example/v1'",)


def test_http_elsewhere_needs_to_be_allowed(place: Place) -> None:
    place.env("BASE_URL=http://10.0.0.1/v1\n")
    assert place.error() == (
        ".env:1: BASE_URL: 'http://10.0.0.1/v1' would send keys unencrypted; "
        "use https, or set allow_insecure = true"
    )
    assert place.load(allow_insecure=True).base_url == "http://10.0.0.1/v1"


def test_loading_leaves_the_environment_alone_and_shows_no_key(place: Place) -> None:
    before = dict(os.environ)
    place.env(f"API_KEY={KEY}\n")
    assert KEY not in repr(place.load())
    assert dict(os.environ) == before
