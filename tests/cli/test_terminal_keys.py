"""Keys of the keyboard and pasted paths in a real terminal, which sends them as bytes."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import environment
from tests.cli.terminal import Terminal


def test_keys_that_the_user_chose_hold_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "llmdash"
    folder.mkdir(parents=True)
    (folder / "keys.toml").write_text('[keys]\npause = "f5"\nwarp = "x"\n')
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for("keys.toml:3: warp: is not an")
        terminal.wait_for("f5 Pause")  # once the notice is gone, which lies on the key bar
        terminal.keys("\x1b[15~")
        terminal.wait_for("f5 Go on")
        column, row = terminal.find("Go on")
        terminal.click(column, row)
        terminal.wait_for("f5 Pause")
        terminal.keys("\x0fk")
        terminal.wait_for("d Disable/enable")
        terminal.keys("?")
        terminal.wait_for("getting-started")
        terminal.keys("\x1b")
        terminal.wait_for(lambda screen: "getting-started" not in screen)
        terminal.stop_run()
        assert terminal.wait() == 0


def test_a_path_that_is_pasted_on_home_is_that_of_the_file(tmp_path: Path) -> None:
    odd = tmp_path / "a b" / "it's.jsonl"
    odd.parent.mkdir()
    odd.write_text('{"prompt": "Why is the sea salty?"}\n')
    with Terminal(cwd=tmp_path, env=environment(tmp_path), columns=160) as terminal:
        terminal.wait_for("New run")
        terminal.keys(f"\x1b[200~{odd.as_uri()}\n\x1b[201~")
        terminal.wait_for("Why is the sea salty?")
        assert str(odd) in terminal.screen
        terminal.keys("\x1b")
        assert terminal.wait() == 0
