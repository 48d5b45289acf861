"""A lean dataclass is a dataclass in all that llmdash uses of one."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from llmdash.lean_dataclass import dataclass

MADE = {"its own": dataclass, "the library's": dataclasses.dataclass}


def two(decorator: Callable[..., Any], **options: Any) -> Any:
    """Return a class of each kind of field, under another class whose fields come first."""

    class Place:
        x: int
        y: int = 0

    class Point(decorator(**options)(Place)):  # type: ignore[misc]
        """A point."""

        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False, repr=False)
        far: bool = field(init=False, default=False)
        loud: bool = field(default=False, kw_only=True)

        def __post_init__(self) -> None:
            object.__setattr__(self, "far", self.x > 9)

    return decorator(**options)(Point)


@pytest.mark.parametrize("decorator", MADE.values(), ids=MADE)
@pytest.mark.parametrize("wrong", [((), {}), ((1, 2, [], "", 5), {}), ((1,), {"x": 2}), ((1,), {"z": 2})])
def test_what_it_is_made_of_is_checked_for_its_first_objects_as_for_its_last(
    decorator: Callable[..., Any], wrong: tuple[tuple[object, ...], dict[str, object]]
) -> None:
    point = two(decorator, frozen=True)
    for number in range(20):
        first = point(number, note="a", loud=True)
        assert (first.x, first.y, first.tags, first.note, first.loud) == (number, 0, [], "a", True)
        assert first.far is (number > 9)
        if number in (3, 15):
            with pytest.raises(TypeError, match=r"__init__\(\)"):
                point(*wrong[0], **wrong[1])


@dataclass(frozen=True, slots=True)
class Packed:
    x: int
    y: tuple[int, ...] = ()
    z: list[int] = field(default_factory=list, hash=False)


@pytest.mark.parametrize("decorator", MADE.values(), ids=MADE)
@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"frozen": True, "slots": True}, {"slots": True}])
def test_it_is_made_shown_compared_and_replaced_as_a_dataclass(
    decorator: Callable[..., Any], options: dict[str, bool]
) -> None:
    point = two(decorator, **options)
    first, same, other = point(10, note="a"), point(10, 0, [], "b"), point(10, loud=True)
    assert (first.x, first.y, first.tags, first.note, first.far, first.loud) == (10, 0, [], "a", True, False)
    assert first.tags is not same.tags
    assert first == same
    assert first != other
    assert first != Packed(10)
    assert repr(other).endswith(".Point(x=10, y=0, tags=[], far=True, loud=True)")
    assert dataclasses.replace(first, y=2, loud=True) == point(10, 2, loud=True)
    assert dataclasses.asdict(first) == {
        "x": 10,
        "y": 0,
        "tags": [],
        "note": "a",
        "far": True,
        "loud": False,
    }
    assert point.__match_args__ == ("x", "y", "tags", "note")
    assert point.__doc__ == "A point."
    for wrong in (point, lambda: point(1, 2, [], "", True), lambda: point(1, z=2)):
        with pytest.raises(TypeError):
            wrong()


def test_what_is_frozen_is_not_changed_and_has_a_hash() -> None:
    packed = Packed(1, (2,))
    with pytest.raises(FrozenInstanceError):
        packed.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del packed.x
    assert {packed, Packed(1, (2,)), Packed(2)} == {packed, Packed(2)}
    assert hash(packed) == hash(Packed(1, (2,), [3]))
    assert packed != Packed(1, (2,), [3])
    assert not hasattr(packed, "__dict__")
    assert two(dataclass).__hash__ is None


def test_what_has_slots_is_copied_and_packed() -> None:
    packed = Packed(1, (2,))
    assert pickle.loads(pickle.dumps(packed)) == copy.copy(packed) == copy.deepcopy(packed) == packed  # noqa: S301


def test_an_own_method_stays() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        x: int

        def __init__(self) -> None:
            object.__setattr__(self, "x", 3)

        def __repr__(self) -> str:
            return "mine"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 4

    assert (Own().x, repr(Own()), Own() == 3, hash(Own())) == (3, "mine", True, 4)


def test_no_method_is_compiled_before_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr("builtins.exec", lambda code, *_: compiled.append(code))

    @dataclass(frozen=True, slots=True)
    class Never:
        x: int

    assert compiled == []
    assert [each.name for each in dataclasses.fields(Never)] == ["x"]
