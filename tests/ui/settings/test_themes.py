"""Themes: the shipped ones can be read by people, others are checked before they can do harm."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color, ColorParseError
from textual.css.stylesheet import Stylesheet
from textual.theme import BUILTIN_THEMES, Theme

from llmdash.ui.settings.contrast import LEAST_CURSOR, LEAST_FAINT, LEAST_TEXT, contrast, legible
from llmdash.ui.settings.theme_preview import PREVIEW_WIDTH, preview
from llmdash.ui.settings.themes import (
    DEFAULT_THEME,
    ThemeError,
    ThemeFile,
    ThemeLibrary,
    check_variables,
    first_theme,
    read_theme,
)

SHIPPED = Path(__file__).parents[3] / "themes"
FILES = sorted(SHIPPED.glob("*.toml"))
GROUNDS = ("background", "surface", "panel", "block-cursor-blurred-background")
INKS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error", "foreground-muted")


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def colors_of(theme: Theme) -> dict[str, Color]:
    """The variables of a theme that are colours of their own."""
    found = {}
    for name, text in legible({**theme.to_color_system().generate(), **theme.variables}).items():
        try:
            color = Color.parse(text)
        except ColorParseError:
            continue
        if color.ansi is None and not color.auto:
            found[name] = color
    return found


def least_contrast(theme: Theme, name: str, grounds: Iterable[str] = ("background", "surface")) -> float:
    colors = colors_of(theme)
    return min(contrast(colors[name], colors[ground]) for ground in grounds)


def test_three_dark_and_three_light_themes_are_shipped_and_the_default_is_one_of_them() -> None:
    themes = [read_theme(path).theme for path in FILES]
    assert [sum(theme.dark is dark for theme in themes) for dark in (True, False)] == [3, 3]
    assert DEFAULT_THEME in {theme.name for theme in themes}
    assert [theme.name for theme in themes] == [path.stem for path in FILES]


@pytest.mark.parametrize(
    ("said", "dark"), [(None, True), ("15;0", True), ("0;15", False), ("0;default;15", False), ("x", True)]
)
def test_the_first_theme_is_as_light_as_the_ground_that_the_terminal_names(
    said: str | None, dark: bool
) -> None:
    name = first_theme({} if said is None else {"COLORFGBG": said})
    assert {theme.name: theme.dark for theme in (read_theme(path).theme for path in FILES)}[name] is dark


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_ink_of_a_shipped_theme_is_readable_on_every_ground(path: Path) -> None:
    theme = read_theme(path).theme
    contrasts = {(ink, ground): least_contrast(theme, ink, [ground]) for ink in INKS for ground in GROUNDS}
    assert not {pair: contrast for pair, contrast in contrasts.items() if contrast < LEAST_TEXT}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_borders_rails_and_the_row_under_the_cursor_of_a_shipped_theme_can_be_seen(path: Path) -> None:
    theme = read_theme(path).theme
    assert least_contrast(theme, "border-blurred") >= LEAST_FAINT
    assert least_contrast(theme, "block-cursor-blurred-background", ["background"]) >= LEAST_CURSOR
    assert theme.variables["text-muted"] == theme.variables["foreground-muted"], "one grey for words"
    assert legible(theme.variables) == theme.variables, "nothing has to be made visible"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_five_hues_and_three_greys_of_a_shipped_theme_are_eight_colours(path: Path) -> None:
    colors = colors_of(read_theme(path).theme)
    meanings = [
        *("text-primary", "text-success", "text-warning", "text-error", "text-accent"),
        *("foreground", "text-muted", "border-blurred"),
    ]
    assert len({colors[name].hex for name in meanings}) == len(meanings)


TEXTUALS = [theme for theme in BUILTIN_THEMES.values() if not theme.name.startswith("ansi-")]
DULL = {"textual-dark": 1.07, "nord": 1.13, "dracula": 1.04, "solarized-light": 1.22}
"""Contrasts of the borders of some of Textual's own themes to the ground, as they come."""


@pytest.mark.parametrize("theme", TEXTUALS, ids=lambda theme: theme.name)
def test_greys_of_textuals_own_themes_are_made_visible(theme: Theme) -> None:
    assert least_contrast(theme, "border-blurred") >= LEAST_FAINT - 0.02
    ink = least_contrast(theme, "foreground")
    assert least_contrast(theme, "text-muted") >= min(LEAST_TEXT, ink) - 0.05, "at most as dark as the ink"


@pytest.mark.parametrize("name", DULL)
def test_borders_of_textuals_own_themes_cannot_be_seen_as_they_come(name: str) -> None:
    raw = BUILTIN_THEMES[name].to_color_system().generate()
    assert contrast(Color.parse(raw["border-blurred"]), Color.parse(raw["background"])) < 1.4


def test_colours_of_the_terminal_itself_stay_as_they_are() -> None:
    theme = BUILTIN_THEMES["ansi-dark"]
    raw = {**theme.to_color_system().generate(), **theme.variables}
    assert legible(raw) == raw
    assert legible({}) == {}


@pytest.mark.parametrize(
    "theme", [*TEXTUALS, *(read_theme(path).theme for path in FILES)], ids=lambda t: t.name
)
def test_a_preview_is_as_wide_as_it_says_and_has_a_ground(theme: Theme) -> None:
    lines = preview(theme).split()
    assert {line.cell_len for line in lines} == {PREVIEW_WIDTH}
    ground = colors_of(theme)["background"].hex6.lower()
    assert any(f"on {ground}" in str(span.style) for span in lines[0].spans)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("place", ["block-cursor", "block-cursor-blurred", "footer", "footer-key"])
def test_cursor_and_key_bar_of_a_shipped_theme_are_readable(path: Path, place: str) -> None:
    theme = read_theme(path).theme
    ground = theme.variables["footer-background" if "footer" in place else f"{place}-background"]
    assert contrast(Color.parse(theme.variables[f"{place}-foreground"]), Color.parse(ground)) >= 4.5


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ('[colors]\nprimary = "#zzz"\n', 2, "primary", "is not a colour"),
        ('[colors]\nprimary = "#123456"\nprimry = "red"\n', 3, "primry", "one of primary"),
        ('[colors]\nprimary = "ansi_red"\n', 2, "primary", "is not a colour"),
        ('[colors]\nprimary = "auto"\n', 2, "primary", "is not a colour"),
        ("[colors]\nprimary = 7\n", 2, "primary", "is not a colour"),
        ('[colors]\naccent = "red"\n', 1, "primary", "is missing"),
        ('dark = "yes"\n[colors]\nprimary = "red"\n', 1, "dark", "true or false"),
        ('name = "My Theme"\n[colors]\nprimary = "red"\n', 1, "name", "lower-case"),
        ('size = 4\n[colors]\nprimary = "red"\n', 1, "size", "is not known"),
        ('[colors]\nprimary = "red"\n[variables]\nborder = 4\n', 4, "border", "must be a text"),
        ('[colors]\nprimary = "red"\n[variables]\nborder = "$primary"\n', 4, "border", "without $"),
        ('[colors]\nprimary = "red"\n[variables]\n"a b" = "red"\n', 4, "a b", "is not a variable"),
        ('colors = "red"\n', 1, "colors", "must be a table"),
        ('name = "mine"\n[colors\n', 2, "", "is not TOML"),
        ("name =", 1, "", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, says: str
) -> None:
    with pytest.raises(ThemeError, match=rf"^mine\.toml:{line}: {key}") as caught:
        read_theme(write(tmp_path, text))
    assert says in str(caught.value)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_no_text_or_far_too_large_or_gone_is_refused(tmp_path: Path) -> None:
    noise = tmp_path / "noise.toml"
    noise.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ThemeError, match="UTF-8"):
        read_theme(noise)
    with pytest.raises(ThemeError, match="64 KiB"):
        read_theme(write(tmp_path, "#" * 100_000))
    with pytest.raises(ThemeError, match="cannot be read"):
        read_theme(tmp_path / "absent.toml")


@given(st.text(max_size=200))
def test_any_text_at_all_is_a_theme_or_a_theme_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("themes") / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(read_theme(path), ThemeFile)
    except ThemeError as error:
        assert str(error).startswith("any.toml:")


@given(st.sampled_from(["primary", "accent", "background"]), st.text(max_size=30))
def test_any_value_of_a_colour_is_taken_or_named(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: str
) -> None:
    import tomli_w

    path = tmp_path_factory.mktemp("themes") / "any.toml"
    path.write_bytes(tomli_w.dumps({"colors": {"primary": "#123456", key: value}}).encode("utf-8", "replace"))
    try:
        read_theme(path).theme.to_color_system().generate()
    except ThemeError as error:
        assert error.key in {key, ""}


def stylesheet() -> Stylesheet:
    sheet = Stylesheet()
    sheet.add_source("Label { color: $ink; border: $edge; background: $background; }")
    return sheet


DEFAULTS = {"ink": "red", "edge": "round blue"}


def theme_with(folder: Path, ink: str) -> ThemeFile:
    text = f'[colors]\nprimary = "red"\n[variables]\nunused = "blue"\nink = "{ink}"\n'
    return read_theme(write(folder, text))


def test_a_variable_that_fits_its_use_passes(tmp_path: Path) -> None:
    check_variables(theme_with(tmp_path, "#102030 40%"), stylesheet(), DEFAULTS)


@pytest.mark.parametrize("ink", ["no-such-colour", "(", "12", "!", "'", "#12", "\\u00e9"])
def test_a_variable_that_would_break_a_stylesheet_is_named_with_its_line(tmp_path: Path, ink: str) -> None:
    with pytest.raises(ThemeError, match=r"^mine\.toml:5: ink "):
        check_variables(theme_with(tmp_path, ink), stylesheet(), DEFAULTS)


def test_a_library_reads_a_file_once_and_again_when_it_changed(tmp_path: Path) -> None:
    library = ThemeLibrary([SHIPPED, tmp_path])
    assert len(list(library.changes())) == len(FILES)
    assert list(library.changes()) == []
    write(tmp_path, '[colors]\nprimary = "red"\n')
    (change,) = library.changes()
    assert isinstance(change, ThemeFile)
    assert change.theme.name == "mine"
    write(tmp_path, '[colors]\nprimary = "reddish"\n')
    (problem,) = library.changes()
    assert isinstance(problem, ThemeError)
    assert list(library.changes()) == [], "one problem is told once"


def test_a_library_reads_the_files_of_some_names_and_the_others_later() -> None:
    library = ThemeLibrary([SHIPPED])
    (first,) = library.changes({DEFAULT_THEME})
    assert isinstance(first, ThemeFile) and first.theme.name == DEFAULT_THEME
    rest = {change.theme.name for change in library.changes() if isinstance(change, ThemeFile)}
    assert rest == {path.stem for path in FILES} - {DEFAULT_THEME}, "a shipped theme has the name of its file"


def test_a_folder_that_is_not_there_holds_no_themes(tmp_path: Path) -> None:
    assert list(ThemeLibrary([tmp_path / "absent"]).changes()) == []


UI = Path(__file__).parents[3] / "llmdash" / "ui"
COLOURS = {
    *("primary", "text-primary", "text-success", "warning", "text-warning", "text-error"),
    *("accent", "text-accent"),
    *("foreground", "foreground-muted", "text-muted", "border-blurred"),
    *("border", "text-secondary"),
    *("background", "surface", "panel", "boost"),
}
"""Hues, greys, the hue of a focused border, the grey of a bar until its first token, and grounds."""


def test_styles_name_hues_and_greys_of_the_theme_and_no_other_colour() -> None:
    named: dict[str, str] = {}
    for path in sorted([*UI.rglob("*.py"), *UI.rglob("*.tcss")]):
        text = path.read_text("utf-8")
        named |= dict.fromkeys(re.findall(r"\$([a-z]+(?:-[a-z]+)*)\b(?!-)", text), path.name)
        assert not re.findall(r"(?:color|background|border\S*): *(?:#|rgb|ansi_)", text), path
    parts = ("footer-", "block-cursor-")
    assert {name: where for name, where in named.items() if not name.startswith(parts)}.keys() <= COLOURS
