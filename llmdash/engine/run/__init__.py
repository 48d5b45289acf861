"""One run: put together, kept going from start to end, steered as a whole, and put on record.

Only the session imports it; it imports every other room of the engine, and works on the run's event loop. It
decides when a run is paused and why it ends. It never decides what is sent when: `dispatch` does.
"""

from __future__ import annotations
