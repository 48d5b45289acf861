"""LeanStylesheet: Textual's, without work that would come to the same.

As an app starts, Textual styles each widget three times or more: when it is mounted, for the theme, when its
screen resumes, and as the focus comes. A screen of a hundred widgets costs a tenth of a second that way.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.css.styles import RulesMap
    from textual.dom import DOMNode

__all__ = ["LeanStylesheet"]

_SOURCES: Final = 1024
"""Sources that are parsed once; Textual keeps 64, and with one more each widget parses all of them again."""


class LeanStylesheet(Stylesheet):
    """Parses each source once as long as the variables are the same, and styles a widget again only where a
    rule, a class or a state of it or of one above it has changed.

    Whatever depends on brothers, or on what is below a node, is done each time, as in Textual.
    """

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)
        self._generation = 0
        """Counted up when the variables change, and with them any rule."""
        self._styled: WeakKeyDictionary[Widget, Hashable] = WeakKeyDictionary()
        """The state that each widget was styled in."""

    def set_variables(self, variables: dict[str, str]) -> None:
        """As Textual's; the same ones again change nothing."""
        if variables != self._variables:
            super().set_variables(variables)
            self._generation += 1
            self._require_parse = True

    def reparse(self) -> None:
        """As Textual's: where it raises an error, the rules are as they were."""
        draft = self.copy()
        draft._parse_cache = self._parse_cache
        try:
            draft.parse()
        finally:
            self._invalid_css.update(draft._invalid_css)
        self._rules = draft._rules
        self._rules_map = None
        self._require_parse = False

    def apply(
        self, node: DOMNode, *, animate: bool = False, cache: dict[tuple[Any, ...], RulesMap] | None = None
    ) -> None:
        """As Textual's; a widget that these rules have styled in this state is left alone."""
        if not isinstance(node, Widget):
            super().apply(node, animate=animate, cache=cache)
            return
        state = self._state_of(node)
        if self._styled.get(node) == state:
            return
        super().apply(node, animate=animate, cache=cache)
        if _looks_around(node):
            self._styled.pop(node, None)
        else:
            self._styled[node] = state

    def _state_of(self, widget: Widget) -> Hashable:
        """All that the rules of a widget may ask for, and which rules these are: they are only ever added."""
        app = widget.app
        rules_map = self.rules_map
        rules = sum(len(rules_map[name]) for name in rules_map.keys() & widget._selector_names)
        above = tuple(map(_own_state, widget.css_path_nodes))
        modes = app.app_focus, app.current_theme.dark, app.is_inline, app.native_ansi_color, app.no_color
        return self._generation, rules, modes, above


def _own_state(node: DOMNode) -> Hashable:
    if isinstance(node, Widget):
        return node.classes, node.id, node.mouse_hover, node.has_focus, node.disabled, node.can_focus
    return node.classes


def _looks_around(node: DOMNode) -> bool:
    """True if rules of a node ask for more than itself and those above it."""
    return node._has_focus_within or node._has_order_style or node._has_odd_or_even
