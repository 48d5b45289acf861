"""Pictures of the dashboard on a live simulated run, of workers, and of the screens around a run.

Call it so: `python -m tests.pictures FOLDER`.

Writes PNG files at 200 x 60, 120 x 36 and 80 x 24, in a dark and a light theme.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from llmdash import locations
from llmdash.config import Settings
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.frame import ReplayPart
from llmdash.engine.model.session import Session
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import PRACTICE, RunOrder
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.simulator.process import SimulatorProcess
from llmdash.ui.app import LlmdashApp
from tests.ui.batched import batched
from tests.ui.compared import FakeComparison
from tests.ui.fake_session import FakeSession, RestingSession
from tests.ui.screens.test_holds import TRIAL
from tests.ui.screens.test_holds import scene as held
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.troubles import finished, fleet, many_workers

SIZES = ((200, 60), (120, 36), (80, 24))
THEMES = ("deep-harbor", "morning-mist")
SCENES = {
    "dashboard": (),
    "inspector": ("down", "down", "enter"),
    "wall": ("w",),
    "graphs": ("g",),
    "help": ("question_mark",),
}
WORKER_SCENES = {"workers": fleet, "many-workers": many_workers}
BATCH_SCENES = {"batches": ("h",), "batched-jobs": ("slash", *"batch:2"), "send-batches": ("B",)}


def _at_the_end() -> float:
    return 700.0


def still_scenes() -> dict[str, LlmdashApp]:
    """The screens around a run at work, each on figures of its own."""
    themes = locations.themes_dir()
    sessions: dict[str, Session] = {
        "finished": FakeSession(clock=_at_the_end, scene=finished()),
        "held": FakeSession(scene=held(TRIAL)),
        "kept": RestingSession(clock=_at_the_end, scene=finished()),
        "replay": RestingSession(replay=ReplayPart(100.0, 561.0, 60.0, playing=True)),
    }
    apps = {
        name: LlmdashApp(session=session, shipped_themes=themes, write_results=lambda *_: "")
        for name, session in sessions.items()
    }
    apps["home"] = LlmdashApp(launcher=FakeLauncher(), shipped_themes=themes)
    apps["comparison"] = LlmdashApp(comparison=FakeComparison(), shipped_themes=themes)
    return apps


def to_png(svg: str, path: Path) -> None:
    """Draw an SVG as a PNG; a mono-spaced font of the system stands in for the one the SVG names."""
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_string=svg, font_dirs=["/usr/share/fonts"], monospace_family="DejaVu Sans Mono"
    )
    path.write_bytes(bytes(png))


async def take(folder: Path, session: LocalSession, size: tuple[int, int], theme: str) -> None:
    """One picture of every scene."""
    app = LlmdashApp(session=session, shipped_themes=locations.themes_dir())
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await pilot.pause(1.0)
        for scene, keys in SCENES.items():
            await pilot.press(*keys)
            await pilot.pause(0.5)
            to_png(app.export_screenshot(), folder / f"{scene}-{size[0]}x{size[1]}-{theme}.png")
            if keys:
                await pilot.press("w" if scene == "wall" else "escape")
                await pilot.pause(0.2)


async def take_workers(folder: Path, size: tuple[int, int], theme: str) -> None:
    """A picture of each of the runs with workers."""
    for name, scene in WORKER_SCENES.items():
        app = LlmdashApp(session=FakeSession(scene=scene()), shipped_themes=locations.themes_dir())
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await pilot.pause(0.5)
            await pilot.press("m")
            await pilot.pause(0.5)
            to_png(app.export_screenshot(), folder / f"{name}-{size[0]}x{size[1]}-{theme}.png")


async def take_batches(folder: Path, size: tuple[int, int], theme: str) -> None:
    """A picture of each screen of a run of which most is in batches."""
    for name, keys in BATCH_SCENES.items():
        app = LlmdashApp(session=FakeSession(scene=batched()), shipped_themes=locations.themes_dir())
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await pilot.pause(0.5)
            await pilot.press(*keys)
            await pilot.pause(0.5)
            to_png(app.export_screenshot(), folder / f"{name}-{size[0]}x{size[1]}-{theme}.png")


async def take_still(folder: Path, size: tuple[int, int], theme: str) -> None:
    """A picture of each screen around a run at work."""
    for name, app in still_scenes().items():
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await pilot.pause(1.0)
            to_png(app.export_screenshot(), folder / f"{name}-{size[0]}x{size[1]}-{theme}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("pictures"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    source = Arithmetic()
    with tempfile.TemporaryDirectory() as name, SimulatorProcess(PRACTICE) as simulator:
        session = LocalSession(
            make_plan(source, RunOrder(Input(seed=1), stay=True), Settings(rate=20.0), Path(name), simulator)
        )
        session.start()
        asyncio.run(asyncio.sleep(12))
        for size in SIZES:
            for theme in THEMES:
                asyncio.run(take(folder, session, size, theme))
                asyncio.run(take_workers(folder, size, theme))
                asyncio.run(take_batches(folder, size, theme))
                asyncio.run(take_still(folder, size, theme))
        session.command(Cancel())
        session.join()


if __name__ == "__main__":
    main()
