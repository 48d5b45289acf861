"""A dashboard whose jobs have an answer, on a real terminal: `python -m tests.ui.shown_inspector`."""

from __future__ import annotations

from llmdash.ui.app import LlmdashApp
from tests.ui.fake_session import FakeSession, Scene

__all__: list[str] = []

if __name__ == "__main__":
    scene = Scene(answer='{"expression": "4 x 17 - 3", "result": 65}')
    LlmdashApp(session=FakeSession(clock=lambda: 200.0, scene=scene)).run()
