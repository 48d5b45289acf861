"""A plugin of pytest that has every report name the rows that its test holds, in workers too.

`-p tests.cases.plugin` loads it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.cases.rows import PROPERTY


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("case"):
            item.user_properties.append((PROPERTY, list(mark.args)))
