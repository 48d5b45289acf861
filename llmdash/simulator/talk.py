"""Small talk: the answers of the simulated model to anything but arithmetic."""

from __future__ import annotations

import random
import re

from llmdash.simulator.facts import capital_asked

__all__ = ["talk"]

_GREETING = re.compile(r"\b(hello|hi|hey|good (morning|evening)|how are you)\b", re.IGNORECASE)
_VERSE = re.compile(r"\b(verse|song|poem|rhyme|lyrics|haiku)\b", re.IGNORECASE)
_WORDS = r"\s+((?:[^\W\d_]{1,30}+[ -]?){1,3}+)"
_TOPICS = (
    re.compile(r"\babout" + _WORDS, re.IGNORECASE),
    re.compile(r"\b(?:of|on)" + _WORDS, re.IGNORECASE),
)
_NAMED = re.compile(r"(?<=[a-z,] )([A-Z][^\W\d_]{2,20})")

_HELLOS = (
    "Hello! I'm doing well, thank you for asking.",
    "Hi there! All circuits are humming along nicely today.",
    "Hello! Very well, thanks, and all the better for a friendly message.",
    "Hey! I'm fine, thank you. A quiet morning so far.",
    "Good to hear from you! I'm doing great.",
)
_ASIDES = (
    "I was just thinking about the smell of fresh coffee in a small café.",
    "Someone taught me a word today: 木漏れ日, the light that falls through leaves.",
    "It has been a day of short questions and long answers.",
    "I have been sorting numbers since dawn, and a chat is a welcome pause.",
    "A naïve question is often the best one, so please ask away.",
)
_CLOSINGS = (
    "How are you? Is there anything I can help you with?",
    "What can I do for you today?",
    "And you, how is your day going?",
    "What would you like to talk about?",
)

_OPENING_LINES = (
    "Bubbles rising, bright and clear,",
    "Pour it slowly, hear it sing,",
    "Silver beads along the glass,",
    "Cold as morning, light as air,",
    "Tiny stars that climb and gleam,",
)
_TOPIC_LINES = (
    "{0}, the toast of the year,",
    "{0} is a wonderful thing,",
    "{0}, let the hot hours pass,",
    "{0} without any care,",
    "{0}, half awake, half a dream,",
)
_THIRD_LINES = (
    "A slice of lemon, a twist of lime,",
    "It tickles the nose and it dances on tongue,",
    "From São Paulo to 東京 they raise a cheer,",
    "No sugar, no sorrow, just sparkle and shine,",
    "The ice gives a crackle, the evening grows slow,",
)
_LAST_LINES = (
    "and every sip keeps perfect time. ♪",
    "a song that forever stays fizzy and young.",
    "for everyone's favourite fizz is here!",
    "and one more refill would suit me fine.",
    "and up, up, up the bright bubbles go →",
)

_STATEMENTS = (
    "There are a few ways to look at {0}, and the simplest is usually a good place to start.",
    "When people speak of {0}, they often mean two different things at once.",
    "The first thing to know about {0} is that context matters more than rules.",
    "A short answer: {0} is easier to grasp with one concrete example.",
)
_DETAILS = (
    "Start small, measure what happens, and change one thing at a time.",
    "A good rule of thumb is cause → effect → check, in that order.",
    "The details differ from case to case, but the idea stays the same.",
    "Most of the effort goes into the last part, so plan for it early.",
    "An old proverb puts it well: 千里の道も一歩から, a long road begins with one step.",
    "What looks like a cliché here is often just a habit that works.",
    "If two sources disagree, the one that shows its numbers deserves more trust.",
)
_ENDINGS = (
    "In short, keep it simple and keep notes.",
    "If you tell me more about your case, I can be more precise.",
    "That is usually enough to get going.",
    "I hope this gives you a useful first picture.",
)


def talk(text: str, rng: random.Random) -> str:
    """Return a plausible answer to `text`: a greeting, a verse, a capital, or a few sentences."""
    capital = capital_asked(text)
    if capital is not None:
        return capital
    if _VERSE.search(text):
        return _verse(text, rng)
    if _GREETING.search(text):
        return _greeting(rng)
    return _paragraph(text, rng)


def _greeting(rng: random.Random) -> str:
    parts = [rng.choice(_HELLOS), rng.choice(_CLOSINGS)]
    if rng.random() < 0.5:
        parts.insert(1, rng.choice(_ASIDES))
    return " ".join(parts)


def _verse(text: str, rng: random.Random) -> str:
    topic = _topic(text, "Sparkling water")
    lines = [rng.choice(_OPENING_LINES), rng.choice(_TOPIC_LINES).format(topic[:1].upper() + topic[1:])]
    # The last line rhymes with the third, so that pair is drawn together.
    pair = rng.randrange(len(_LAST_LINES))
    third = _THIRD_LINES[pair]
    return "\n".join([*lines, third, _LAST_LINES[pair]])


def _paragraph(text: str, rng: random.Random) -> str:
    opening = rng.choice(_STATEMENTS).format(_topic(text, "this"))
    details = rng.sample(_DETAILS, rng.randint(1, 4))
    paragraph = " ".join([opening, *details])
    return f"{paragraph}\n\n{rng.choice(_ENDINGS)}" if rng.random() < 0.5 else paragraph


def _topic(text: str, otherwise: str) -> str:
    """The topic of `text`, guessed from its words."""
    for pattern in (*_TOPICS, _NAMED):
        match = pattern.search(text)
        if match is not None:
            return match[1].strip(" -")
    return otherwise
