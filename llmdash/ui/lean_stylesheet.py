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
    from textual.css.model import RuleSet
    from textual.css.styles import RulesMap
    from textual.dom import DOMNode

__all__ = ["LeanStylesheet"]

_SOURCES: Final = 1024
"""Sources that are parsed once; Textual keeps 64, and with one more each widget parses all of them again."""
_HOVER: Final = "_reactive_mouse_hover"
_FOCUS: Final = "_reactive_has_focus"
_DISABLED: Final = "_reactive_disabled"


class LeanStylesheet(Stylesheet):
    """Parses each source once as long as the variables are the same, looks for the rules of a node once for
    all nodes of its type, classes and id, and styles a widget again only where a rule, a class or a state of
    it or of one above it has changed.

    What depends on the brothers of a widget is done each time, as in Textual.
    """

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)
        self._generation = 0
        """Counted up when the variables change, and with them any rule."""
        self._styled: WeakKeyDictionary[Widget, Hashable] = WeakKeyDictionary()
        """The state that each widget was styled in."""
        self._found: dict[frozenset[str], list[RuleSet]] = {}
        """The rules that may concern nodes of these names, in their order."""
        self._places: dict[int, int] = {}
        """The place of each rule in their order, by its identity: its hash takes longer."""
        self._concerned: list[RuleSet] | None = None
        """Those of the node that is being styled."""

    @property
    def rules(self) -> list[RuleSet]:
        """As Textual's; while a node is styled, those that may concern it."""
        return super().rules if self._concerned is None else self._concerned

    def set_variables(self, variables: dict[str, str]) -> None:
        """As Textual's; the same ones again change nothing."""
        if variables != self._variables:
            super().set_variables(variables)
            self._generation += 1
            self._require_parse = True

    def parse(self) -> None:
        super().parse()
        self._forget_rules()

    def _forget_rules(self) -> None:
        self._rules_map = None
        self._found.clear()
        self._places.clear()

    def reparse(self) -> None:
        """As Textual's: where it raises an error, the rules are as they were."""
        draft = self.copy()
        draft._parse_cache = self._parse_cache
        try:
            draft.parse()
        finally:
            self._invalid_css.update(draft._invalid_css)
        self._rules = draft._rules
        self._require_parse = False
        self._forget_rules()

    def apply(
        self, node: DOMNode, *, animate: bool = False, cache: dict[tuple[Any, ...], RulesMap] | None = None
    ) -> None:
        """As Textual's; a widget is left alone that is styled in this state, or has no place yet: it is
        styled when it gets one.
        """
        concerned = self._rules_for(node)
        if not isinstance(node, Widget):
            self._apply(concerned, node, animate=animate, cache=cache)
        elif node.is_attached and self._is_other(node, concerned):
            self._apply(concerned, node, animate=animate, cache=cache)
            if node._has_order_style or node._has_odd_or_even:
                self._styled.pop(node, None)
            else:
                self._styled[node] = self._state_of(node, concerned)

    def _is_other(self, widget: Widget, concerned: list[RuleSet]) -> bool:
        styled = self._styled.get(widget)
        return styled is None or styled != self._state_of(widget, concerned)

    def _apply(self, concerned: list[RuleSet], node: DOMNode, **how: Any) -> None:
        before, self._concerned = self._concerned, concerned
        try:
            super().apply(node, **how)
        finally:
            self._concerned = before

    def _rules_for(self, node: DOMNode) -> list[RuleSet]:
        """The rules with a type, class or id of a node."""
        rules_map = self.rules_map
        names = frozenset(rules_map.keys() & node._selector_names)
        if names not in self._found:
            rules = super().rules
            self._places = self._places or {id(rule): place for place, rule in enumerate(rules)}
            places = {self._places[id(rule)] for name in names for rule in rules_map[name]}
            self._found[names] = [rules[place] for place in sorted(places)]
        return self._found[names]

    def _state_of(self, widget: Widget, concerned: list[RuleSet]) -> Hashable:
        """What rules may ask of a widget and those above it, and which rules: they are only ever added."""
        app, path = widget.app, widget.css_path_nodes
        within = tuple(map(_has_focus_within, path)) if widget._has_focus_within else ()
        modes = app.app_focus, app.theme, app.is_inline, app.native_ansi_color, app.no_color
        return self._generation, len(concerned), modes, within, tuple(map(_own_state, path))


def _has_focus_within(node: DOMNode) -> bool:
    return isinstance(node, Widget) and node.has_focus_within


def _own_state(node: DOMNode) -> Hashable:
    if isinstance(node, Widget):
        state = node.__dict__.get  # of its reactives: to ask these themselves takes three times as long
        hover, focus, disabled = state(_HOVER, False), state(_FOCUS, False), state(_DISABLED, False)
        return node.classes, node.id, hover, focus, disabled, node.can_focus
    return node.classes
