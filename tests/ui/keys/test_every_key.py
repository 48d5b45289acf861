"""Every key of every screen and panel does what it says: pressed as a user does, and its effect looked at.

Which keys there are is read from the classes: one that is bound without being pressed here fails.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from llmdash.ui.screens.actions import SCREENS, bound_on
from tests.ui.keys import dashboard_keys, home_keys, inspector_keys, overlay_keys, panel_keys, screen_keys
from tests.ui.keys.presses import Place, Presses

CLASSES = sorted({name for screen, widgets in SCREENS.items() for name in (screen, *widgets)})
PLACES: Mapping[str, Place] = {
    **dashboard_keys.PLACES,
    **panel_keys.PLACES,
    **screen_keys.PLACES,
    **overlay_keys.PLACES,
    **home_keys.PLACES,
    **inspector_keys.PLACES,
}
"""By the name of the class in SCREENS."""


@pytest.mark.parametrize("name", CLASSES)
async def test_every_key_of(name: str) -> None:
    """Each (action, key) that a class binds is pressed; what is seen after it was not seen before."""
    presses = Presses(name.rpartition(".")[2])
    await PLACES[name](presses)
    bound = {(action.action, key) for action in bound_on(name) for key in action.keys}
    assert presses.made >= bound, f"never pressed: {sorted(bound - presses.made)}"
