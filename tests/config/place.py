"""A place to start in: a folder, a config folder and an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.config import ConfigError, Settings, load_settings

KEY = "sk-canary-0123456789abcdef"


class Place:
    """A folder to start in, a config folder and an environment, all empty at first."""

    def __init__(self, root: Path) -> None:
        self.cwd = root / "cwd"
        self.user_config = root / "config" / "llmdash.toml"
        self.environ: dict[str, str] = {}
        self.cwd.mkdir()
        self.user_config.parent.mkdir()

    def env(self, text: str) -> None:
        path = self.cwd / ".env"
        path.write_text(text)
        path.chmod(0o600)

    def toml(self, text: str) -> None:
        (self.cwd / "llmdash.toml").write_text(text)

    def load(self, **flags: object) -> Settings:
        return load_settings(flags, environ=self.environ, cwd=self.cwd, user_config=self.user_config)

    def keys(self) -> list[str]:
        return [key.reveal() for key in self.load().keys]

    def error(self, **flags: object) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(**flags)
        text = str(caught.value)
        assert "\n" not in text
        assert KEY not in text
        assert caught.value.__cause__ is None
        return text
