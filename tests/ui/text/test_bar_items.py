"""What the line of keys says: keys of one item are told apart; some digits are the first and the last."""

from __future__ import annotations

import pytest
from textual.dom import DOMNode

from llmdash.ui.text.bar_items import items_of
from llmdash.ui.text.keymap import KeyEntry


@pytest.mark.parametrize(("keys", "said"), [("1234", "1-4"), ("0", "0"), ("pn", "p/n")])
def test_digits_are_shown_from_the_first_to_the_last(keys: str, said: str) -> None:
    node = DOMNode()
    entries = [
        KeyEntry(id=key, keys=(key,), action="", name=key, shown=True, group="All", node=node) for key in keys
    ]
    (item,) = items_of(entries)
    assert item.joint.join(item.keys) == said
