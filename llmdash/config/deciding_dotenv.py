"""What a `.env` decides: where keys are sent, and which command is run."""

from __future__ import annotations

from llmdash.config.deciding import DECIDING, DecidingFile, deciding_file, is_home
from llmdash.config.dotenv import DotEnv
from llmdash.config.endpoints import PROMPTLAYER_URL
from llmdash.config.gathered import Sources
from llmdash.config.keys import Variables
from llmdash.config.precedence import Chosen
from llmdash.config.settings import Settings
from llmdash.config.sources import BASE_URL, Entry, from_variables
from llmdash.config.telling import ON_END
from llmdash.llms.dialects import DIALECTS

__all__ = ["decides_for_others", "deciding_dotenv"]


def deciding_dotenv(dotenv: DotEnv, settings: Settings, sources: Sources) -> DecidingFile | None:
    """Return all deciding variables of a `.env`, also those that something stronger replaces in this start:
    what is trusted holds for every start. None if there are none.
    """
    if dotenv.path is None:
        return None
    own = Chosen(from_variables(sources.dotenv, sources.known, DIALECTS[settings.dialect].variables))
    entries = {name: own.entry(name) for name in DECIDING}
    entries["promptlayer_base_url"] = sources.dotenv.find(PROMPTLAYER_URL)
    found = [(name, entry.value) for name, entry in entries.items() if entry is not None]
    if all(name == BASE_URL and is_home(value, settings.dialect) for name, value in found):
        return None
    return deciding_file(dotenv.path, found)


def decides_for_others(dotenv: DotEnv, chosen: Chosen, settings: Settings, sources: Sources) -> bool:
    """Return True if a key that the `.env` does not hold itself goes where it says, or a command that is run
    is from there.
    """
    return _is_in(dotenv, chosen.entry(ON_END)) or _sends_foreign_keys(dotenv, chosen, settings, sources)


def _sends_foreign_keys(dotenv: DotEnv, chosen: Chosen, settings: Settings, sources: Sources) -> bool:
    held = [line.value for lines in dotenv.every.values() for line in lines]
    foreign = [key for key in settings.secrets if not any(key.reveal() in value for value in held)]
    entries = [chosen.entry(name) for name in DECIDING]
    if any(endpoint.promptlayer_key in foreign for endpoint in settings.endpoints):
        entries.append(Variables(sources.environ, sources.dotenv).find(PROMPTLAYER_URL))
    return bool(foreign) and any(_is_in(dotenv, entry) for entry in entries)


def _is_in(dotenv: DotEnv, entry: Entry | None) -> bool:
    return entry is not None and entry.place.startswith(f"{dotenv.name}:")
