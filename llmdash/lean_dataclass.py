"""dataclass: as the standard library's, without the compilation of methods that may never be called.

That one writes and compiles up to six methods of each class as its module is loaded: a fifth of the time
until the first picture. Here `__init__` is compiled when a class has some objects, and the others are the
same few functions for all classes. `field`, `fields`, `replace` and `asdict` are those of `dataclasses`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError
from functools import partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_UNCOMPILED = 8
"""Objects of a class that are made before its `__init__` is compiled, which takes as long as some twenty."""


def _lean_dataclass(
    cls: type | None = None,
    /,
    *,
    eq: bool = True,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
) -> Any:
    """Make a class a dataclass, or return a decorator that does."""
    if cls is None:
        return lambda cls: _lean_dataclass(cls, eq=eq, frozen=frozen, slots=slots, kw_only=kw_only)
    cls.__doc__ = cls.__doc__ or cls.__name__  # else it becomes the signature, which takes long to find
    own = {name for name, value in vars(cls).items() if value is not None}
    make = dataclasses.dataclass  # noqa: TID251
    cls = make(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    methods: dict[str, Any] = {"__init__": _first_init(cls, frozen=frozen), "__repr__": _repr}
    if eq:
        methods |= _comparisons(cls, frozen=frozen)
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    if frozen and slots:
        methods |= {"__getstate__": _state, "__setstate__": _set_state}
    for name in methods.keys() - own:
        setattr(cls, name, methods[name])
    return cls


def _first_init(cls: Any, *, frozen: bool) -> Callable[..., None]:
    left = _UNCOMPILED
    put: Callable[[Any, str, object], None] = object.__setattr__ if frozen else setattr

    def init(self: Any, /, *values: object, **named: object) -> None:
        nonlocal left
        left -= 1
        if left < 0 or not _set_fields(cls, partial(put, self), values, named):
            cls.__init__ = _compiled_init(cls, frozen=frozen)
            cls.__init__(self, *values, **named)
        elif hasattr(cls, "__post_init__"):
            self.__post_init__()

    return init


def _set_fields(
    cls: type, put: Callable[[str, object], None], values: Sequence[object], named: Mapping[str, object]
) -> bool:
    """Set the fields of an object to what it is made of; False if that does not fit: the compiled `__init__`
    tells how.
    """
    fields = dataclasses.fields(cls)
    by_place = [field.name for field in fields if field.init and not field.kw_only]
    given = dict(zip(by_place, values, strict=False))
    if len(values) > len(by_place) or given.keys() & named.keys():
        return False
    given |= named
    for field in fields:
        if field.init and field.name in given:
            value = given.pop(field.name)
        elif field.default is not MISSING:
            value = field.default
        elif field.default_factory is not MISSING:
            value = field.default_factory()
        elif field.init:
            return False
        else:
            continue
        put(field.name, value)
    return not given


def _compiled_init(cls: type, *, frozen: bool) -> Any:
    """Return what sets each field to an argument, or to its default."""
    fields = dataclasses.fields(cls)
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    by_place = [_parameter(field, known) for field in fields if field.init and not field.kw_only]
    by_name = [_parameter(field, known) for field in fields if field.init and field.kw_only]
    parameters = ["self", *by_place, *(["*", *by_name] if by_name else [])]
    lines = [_assignment(field, known, frozen=frozen) for field in fields if _is_set(field)]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n ".join(lines) or "pass"
    exec(f"def __init__({', '.join(parameters)}):\n {body}", known)  # noqa: S102 - as dataclasses does
    return known["__init__"]


def _parameter(field: Field[Any], known: dict[str, Any]) -> str:
    if field.default is not MISSING:
        known[f"_default_{field.name}"] = field.default
        return f"{field.name}=_default_{field.name}"
    return f"{field.name}=_MISSING" if field.default_factory is not MISSING else field.name


def _is_set(field: Field[Any]) -> bool:
    return field.init or field.default is not MISSING or field.default_factory is not MISSING


def _assignment(field: Field[Any], known: dict[str, Any], *, frozen: bool) -> str:
    name = value = field.name
    if field.default_factory is not MISSING:
        known[f"_make_{name}"] = field.default_factory
        value = f"_make_{name}() if {name} is _MISSING else {name}" if field.init else f"_make_{name}()"
    elif not field.init:
        known[f"_default_{name}"] = field.default
        value = f"_default_{name}"
    return f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}"


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (
        f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _comparisons(cls: Any, *, frozen: bool) -> dict[str, Any]:
    fields = dataclasses.fields(cls)
    compared = _values_of([field.name for field in fields if field.compare])
    hashed = _values_of([field.name for field in fields if _counts_in_hash(field)])

    def is_equal(self: object, other: object) -> bool:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def hash_of(self: object) -> int:
        return hash(hashed(self))

    return {"__eq__": is_equal, "__hash__": hash_of if frozen else None}


def _values_of(names: Sequence[str]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda _: ()


def _counts_in_hash(field: Field[Any]) -> bool:
    return field.compare if field.hash is None else field.hash


def _refuse_to_set(_: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass  # noqa: TID251
else:
    dataclass = _lean_dataclass
