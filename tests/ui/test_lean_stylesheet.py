"""Widgets that are not styled again look as if they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.css import stylesheet
from textual.css.model import RuleSet
from textual.css.styles import StylesBase
from textual.css.stylesheet import Stylesheet, StylesheetParseError
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input, Label

from llmdash.ui.lean_stylesheet import LeanStylesheet
from tests.ui.conftest import PARSE_RULES


class Lamp(Widget, can_focus=True):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lamp--light"}
    DEFAULT_CSS = """
    Lamp { height: 1; color: $foreground; }
    Lamp:focus { color: $primary; }
    Lamp > .lamp--light { color: $warning; }
    Lamp:focus > .lamp--light { color: $success; }
    """


class Room(App[None]):
    CSS = """
    Label { color: $foreground; }
    .lit Label { color: $accent; }
    #lamps:focus-within Label { text-style: bold; }
    Label:first-child { text-style: italic; }
    Label:disabled { color: $error; }
    Screen.dim Lamp { background: $panel; }
    App:light Lamp { background: $surface; }
    Lamp:hover { background: $accent; }
    """

    def __init__(self, kind: type[Stylesheet] = LeanStylesheet) -> None:
        super().__init__()
        self.stylesheet = kind(variables=self.get_css_variables())

    def compose(self) -> ComposeResult:
        with Vertical(id="lamps"):
            yield Lamp(id="one")
            yield Label("one")
            with Horizontal():
                yield Label("two")
                yield Lamp(id="two")
        yield Input(id="words", compact=True)


def rules(app: App[Any]) -> list[Any]:
    """What each widget is styled by, and its components."""
    return [
        (
            str(widget),
            written(widget.styles.base),
            {name: written(styles) for name, styles in widget._component_styles.items()},
        )
        for screen in app.screen_stack
        for widget in screen.walk_children(Widget, with_self=True)
    ]


CHANGES: dict[str, Callable[[Room], object]] = {
    "a focus": lambda app: app.query_one("#one").focus(),
    "another focus": lambda app: app.query_one("#words").focus(),
    "no focus": lambda app: app.screen.set_focus(None),
    "the mouse on it": lambda app: app._set_mouse_over(*[app.query_one("#two")] * 2),
    "the mouse elsewhere": lambda app: app._set_mouse_over(None, None),
    "a class above": lambda app: app.query_one("#lamps").add_class("lit"),
    "a class of the screen": lambda app: app.screen.toggle_class("dim"),
    "a state above": lambda app: setattr(app.query_one("#lamps"), "disabled", True),
    "a theme": lambda app: setattr(app, "theme", "textual-light"),
    "a brother before": lambda app: app.query_one("#lamps").mount(Label("zero"), before=0),
    "a brother less": lambda app: app.query("Label").first().remove(),
    "a place elsewhere": lambda app: app.query_one("#lamps").move_child(1, before=0),
}


def written(styles: StylesBase) -> dict[str, str]:
    return {name: repr(value) for name, value in sorted(styles.get_rules().items())}


async def after_changes(app: Room, names: Sequence[str]) -> list[Any]:
    """The rules of all widgets at first, and after each change."""
    async with app.run_test() as pilot:
        found = [rules(app)]
        for name in names:
            CHANGES[name](app)
            await pilot.pause()
            found.append(rules(app))
        return found


@pytest.mark.parametrize("first", CHANGES)
async def test_whatever_changes_the_styles_are_those_of_textual(first: str) -> None:
    names = first, *CHANGES
    lean, whole = (
        await after_changes(Room(LeanStylesheet), names),
        await after_changes(Room(Stylesheet), names),
    )
    for name, ours, theirs in zip(("the start", *names), lean, whole, strict=True):
        assert ours == theirs, name


def counted(app: App[Any], monkeypatch: pytest.MonkeyPatch) -> list[DOMNode]:
    """The widgets that are styled from now on."""
    styled: list[DOMNode] = []
    whole = Stylesheet.apply

    def apply(self: Stylesheet, node: DOMNode, **how: Any) -> None:
        if isinstance(node, Widget):
            styled.append(node)
        whole(self, node, **how)

    monkeypatch.setattr(Stylesheet, "apply", apply)
    return styled


async def test_a_widget_is_styled_once_as_the_app_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Room()
    styled = counted(app, monkeypatch)
    async with app.run_test():
        assert styled.count(app.query_one("#one")) == styled.count(app.query_one("#two")) == 1


async def test_only_what_a_class_concerns_is_styled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Room()
    async with app.run_test() as pilot:
        styled = counted(app, monkeypatch)
        app.query_one("#words").add_class("odd-one")
        app.query_one("#words").add_class("odd-one")
        await pilot.pause()
        assert styled == [app.query_one("#words")]


def test_a_source_is_parsed_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    whole: Callable[..., Iterable[RuleSet]] = vars(stylesheet)["parse"]

    def parse(scope: str, css: str, *arguments: Any, **how: Any) -> Iterable[RuleSet]:
        parsed.append(css)
        return whole(scope, css, *arguments, **how)

    monkeypatch.setattr(stylesheet, "parse", parse)
    monkeypatch.setattr(Stylesheet, "_parse_rules", PARSE_RULES)
    sheet = LeanStylesheet(variables={"primary": "#102030"})
    for number in range(200):
        sheet.add_source(f"#n{number} {{ color: $primary; }}")
        assert len(sheet.rules) == number + 1
    sheet.set_variables({"primary": "#102030"})
    sheet.reparse()
    assert len(parsed) == 200


def test_rules_that_cannot_be_parsed_leave_the_others_as_they_were() -> None:
    sheet = LeanStylesheet(variables={"primary": "#102030"})
    sheet.add_source("Label { color: $primary; }")
    before = sheet.rules
    sheet.add_source("Label { color: what; }", read_from=("", "wrong"))
    with pytest.raises(StylesheetParseError):
        sheet.reparse()
    assert sheet._rules == before
