"""The field's words are used, and every module, package and public class has a docstring."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "llmdash"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEXTS = [*MODULES, *sorted(PACKAGE.rglob("*.tcss")), ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md"]

REPLACED = {
    r"(un)?mend(s|ed|able|ing)?": "fix, repair",
    r"befell|befalls?|befallen": "happened to",
    r"heed(s|ed|ing)?": "obey, follow",
    r"gravest": "most severe",
    r"by and by": "from time to time, slowly",
    r"so many": "N, that many",
    r"called too often": "rate limited (429)",
    r"tried again in": "next try in",
    r"no work left": "finished",
    r"failed in \S+ ways?": "kinds of error",
    r"let go": "clear, close, release",
    r"panel before": "previous panel",
    r"turn the order round": "reverse the order",
    r"twentieth of a decade": "12 %",
    r"stands for": "means, is",
    r"wherewith|be it|alike but for|for want of|nobody saw": "a plain sentence",
    r"fares?|fared": "state",
}
"""Patterns of whole words, whatever their case, and what to write instead."""

KEPT = {"nothing holds the run up", "nothing else holds the run up"}
"""Two sentences of the verdict line, which are drawn so: allowed as a quoted text and nowhere else."""


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a file, without the quoted sentences that are kept."""
    kept = re.compile(rf"([\"'`])({'|'.join(sorted(KEPT, key=len, reverse=True))})\1")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        yield number, kept.sub("", line)


def test_the_fields_words_are_used() -> None:
    patterns = {
        re.compile(rf"(?<![^\W_])({word})(?![^\W_])", re.IGNORECASE): use for word, use in REPLACED.items()
    }
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {use}"
        for path in TEXTS
        for number, line in prose(path)
        for pattern, use in patterns.items()
        for match in pattern.finditer(line)
    ]
    assert not found, "\n".join(found)


def public_classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """The classes of a module; those nested in others, such as messages, are left to their owners."""
    return (node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


def test_every_module_and_public_class_has_a_docstring() -> None:
    bare = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bare += [] if ast.get_docstring(tree) else [f"{path.relative_to(ROOT)}: the module"]
        bare += [
            f"{path.relative_to(ROOT)}: {node.name}"
            for node in public_classes(tree)
            if not ast.get_docstring(node)
        ]
    assert not bare, "no docstring:\n" + "\n".join(bare)


def test_every_package_says_what_it_is_for_and_who_imports_it() -> None:
    """One line may do for a module; a package also names its walls."""
    packages = [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE]
    docstrings = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in packages}
    assert not [path for path, text in docstrings.items() if not 2 <= len((text or "").splitlines()) <= 6]


def test_no_two_public_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in public_classes(ast.parse(path.read_text(encoding="utf-8"))):
            places[node.name].append(str(path.relative_to(ROOT)))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert not shared


def test_numbers_of_things_are_counted_by_the_one_helper() -> None:
    """`1 answers` cannot come about: a number with thousands separated has its noun from `counted`."""
    plural = re.compile(r" (?:[a-z]+ )?[a-z]+[^s\W]s\b")
    limit = re.compile(r"(?i)limit|most|max|longest|size|len\(text\)")  # are always many
    found = [
        f"{path.relative_to(ROOT)}:{text.lineno}: {ast.unparse(text)}: use counted"
        for path in MODULES
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for value, words in pairwise(text.values)
        if isinstance(value, ast.FormattedValue)
        and isinstance(words, ast.Constant)
        and plural.match(str(words.value))
        and value.format_spec is not None
        and "," in ast.unparse(value.format_spec)
        and not limit.search(ast.unparse(value.value))
    ]
    assert not found, "\n".join(found)
