"""The capitals that the simulated model knows."""

from __future__ import annotations

import re

__all__ = ["capital_asked"]

_CAPITALS = {
    "argentina": "Buenos Aires",
    "australia": "Canberra",
    "austria": "Vienna",
    "brazil": "Brasília",
    "canada": "Ottawa",
    "chile": "Santiago",
    "china": "Beijing",
    "colombia": "Bogotá",
    "denmark": "Copenhagen",
    "egypt": "Cairo",
    "ethiopia": "Addis Ababa",
    "finland": "Helsinki",
    "france": "Paris",
    "germany": "Berlin",
    "greece": "Athens",
    "hungary": "Budapest",
    "iceland": "Reykjavík",
    "india": "New Delhi",
    "indonesia": "Jakarta",
    "ireland": "Dublin",
    "italy": "Rome",
    "japan": "Tokyo",
    "kenya": "Nairobi",
    "mexico": "Mexico City",
    "mongolia": "Ulaanbaatar",
    "morocco": "Rabat",
    "nepal": "Kathmandu",
    "netherlands": "Amsterdam",
    "new zealand": "Wellington",
    "norway": "Oslo",
    "peru": "Lima",
    "poland": "Warsaw",
    "portugal": "Lisbon",
    "south korea": "Seoul",
    "spain": "Madrid",
    "sweden": "Stockholm",
    "switzerland": "Bern",
    "thailand": "Bangkok",
    "turkey": "Ankara",
    "uruguay": "Montevideo",
    "vietnam": "Hanoi",
}
_ASKED = re.compile(r"\bcapital (?:city )?of (?:the )?([a-z]{2,20}(?: [a-z]{2,20})?)", re.IGNORECASE)


def capital_asked(text: str) -> str | None:
    """Return the capital that `text` asks for; None if it asks for none, or for an unknown one."""
    match = _ASKED.search(text)
    if match is None:
        return None
    country = match[1].lower()
    return _CAPITALS.get(country) or _CAPITALS.get(country.split()[0])
