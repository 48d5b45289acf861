"""Values that are valid for a JSON schema: the arguments of tools, and answers in a given form."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from typing import Any, TypeGuard

__all__ = ["instance", "instance_text"]

_WORDS = ("amber", "birch", "cloud", "delta", "ember", "field", "grove", "harbour")
_FORMATS = {
    "date": "2025-03-14",
    "date-time": "2025-03-14T15:09:26Z",
    "time": "15:09:26Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
    "duration": "PT5M",
}
_DEEPEST = 24  # a schema that refers to itself ends here at the latest
_SHALLOW = 4  # from this depth on what is optional is left out
_SPREAD = 100  # numbers without an upper bound lie this far above the lower one
_MOST_ITEMS = 1_000
_MOST_VALUES = 10_000

Schema = Mapping[str, Any] | bool


def instance_text(schema: Schema, rng: random.Random, known: Mapping[str, Any]) -> str:
    """Return `instance` as JSON."""
    return json.dumps(instance(schema, rng, known), ensure_ascii=False)


def instance(schema: Schema, rng: random.Random, known: Mapping[str, Any] | None = None) -> Any:
    """Return a value that is valid for `schema`.

    Understood are `type`, `properties`, `required`, `items`, `prefixItems`, `enum`, `const`, `anyOf`,
    `oneOf`, `allOf`, local `$ref`, the bounds of numbers, lengths and items, and common formats; anything
    else is ignored, so that a value may break it. `known` holds values for properties of these names, used
    where they have the type asked for.
    """
    return _Maker(schema, rng, known or {}).value(schema, 0)


class _Maker:
    """Makes values for the schemas within `root`, to which their references are local."""

    def __init__(self, root: Schema, rng: random.Random, known: Mapping[str, Any]) -> None:
        self._root = root
        self._rng = rng
        self._known = known
        self._left = _MOST_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        """A value for a schema; what is no schema allows anything. It is null once there are too many."""
        self._left -= 1
        if self._left < 0:
            return None
        schema = self._merged(schema, depth)
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return self._rng.choice(choices)
        make = getattr(self, f"_{_kind(schema, depth)}", None)
        return make(schema, depth) if make is not None else None

    def _merged(self, schema: Any, depth: int) -> dict[str, Any]:
        """The schema with what it refers to, one of its alternatives, and all of `allOf` put into one."""
        merged: dict[str, Any] = dict(schema) if isinstance(schema, Mapping) else {}
        for _ in range(_DEEPEST):
            parts = self._parts(merged, depth)
            if not parts:
                break
            for part in parts:
                _add(merged, part)
        return merged

    def _parts(self, merged: dict[str, Any], depth: int) -> list[Any]:
        parts = []
        if "$ref" in merged:
            parts.append(self._referred(merged.pop("$ref")))
        for name in ("anyOf", "oneOf"):
            choices = merged.pop(name, None)
            if isinstance(choices, list) and choices:
                parts.append(self._choice(choices, depth))
        every = merged.pop("allOf", None)
        if isinstance(every, list):
            parts += every
        return parts

    def _choice(self, choices: list[Any], depth: int) -> Any:
        """One of the alternatives; in the depths one that ends, if there is one."""
        if depth >= _SHALLOW:
            flat = [each for each in choices if isinstance(each, Mapping) and _is_flat(each)]
            choices = flat or choices
        return self._rng.choice(choices)

    def _referred(self, reference: Any) -> Any:
        """What a local reference points to; nothing for any other."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return {}
        found: Any = self._root
        for step in reference[1:].strip("/").split("/") if reference != "#" else ():
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return found

    def _null(self, schema: dict[str, Any], depth: int) -> None:
        return None

    def _boolean(self, schema: dict[str, Any], depth: int) -> bool:
        return self._rng.random() < 0.5

    def _integer(self, schema: dict[str, Any], depth: int) -> int:
        low, high = _bounds(schema)
        given = schema.get("multipleOf")
        step = max(1, math.ceil(given)) if _is_number(given) else 1
        first, last = math.ceil(low / step), math.floor(high / step)
        return self._rng.randint(first, max(first, last)) * step

    def _number(self, schema: dict[str, Any], depth: int) -> float:
        if _is_number(schema.get("multipleOf")):
            return self._integer(schema, depth)
        low, high = _bounds(schema, gap=0.0)
        middle = low + (high - low) * self._rng.uniform(0.25, 0.75)
        rounded = round(middle, 2)
        return rounded if low < rounded < high else middle

    def _string(self, schema: dict[str, Any], depth: int) -> str:
        known_format = _FORMATS.get(str(schema.get("format")))
        if known_format is not None:
            return known_format
        text = " ".join(self._rng.sample(_WORDS, 2))
        least, most = _count(schema, "minLength", 0), _count(schema, "maxLength", 10_000)
        return text.ljust(least, "x")[: max(least, most)]

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        leading = schema.get("prefixItems")
        leading = leading if isinstance(leading, list) else []
        least = min(_count(schema, "minItems", 0), _MOST_ITEMS)
        most = max(least, _count(schema, "maxItems", _MOST_ITEMS))
        usual = least if depth >= _SHALLOW else max(least, self._rng.randint(1, 3))
        if depth >= _DEEPEST:
            return []
        schemas = [*leading, *[schema.get("items", {})] * max(0, min(usual, most) - len(leading))]
        return self._distinct(schemas, depth) if schema.get("uniqueItems") else self._each(schemas, depth)

    def _each(self, schemas: list[Any], depth: int) -> list[Any]:
        return [self.value(each, depth + 1) for each in schemas]

    def _distinct(self, schemas: list[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for each in schemas:
            for _ in range(50):
                value = self.value(each, depth + 1)
                if value not in found:
                    found.append(value)
                    break
        return found

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        if depth >= _DEEPEST:
            return {}
        names = required if depth >= _SHALLOW else list(dict.fromkeys([*properties, *required]))
        return {name: self._property(name, properties.get(name, {}), depth) for name in names}

    def _property(self, name: str, schema: Any, depth: int) -> Any:
        if name in self._known and _fits(self._known[name], self._merged(schema, depth)):
            return self._known[name]
        return self.value(schema, depth + 1)


def _add(merged: dict[str, Any], part: Any) -> None:
    """Put `part` into `merged`: properties and required ones add up, other words are replaced."""
    for name, value in part.items() if isinstance(part, Mapping) else ():
        before = merged.get(name)
        if name == "properties" and isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = {**before, **value}
        elif name == "required" and isinstance(before, list) and isinstance(value, list):
            merged[name] = [*before, *value]
        else:
            merged[name] = value


def _kind(schema: dict[str, Any], depth: int) -> str:
    """The type of the value to make: of several the first, or null in the depths."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if depth >= _SHALLOW and "null" in kind else next(iter(kind), None)
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _is_flat(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") in ("null", "boolean", "integer", "number", "string") or "const" in schema


_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "string": (str,)}


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a known value has the type asked for, and nothing else is asked."""
    if not set(schema) <= {"type", "title", "description"}:
        return False
    kind = schema.get("type")
    return kind is None or isinstance(value, _TYPES.get(kind, ()) if isinstance(kind, str) else ())


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _count(schema: dict[str, Any], name: str, otherwise: int) -> int:
    value = schema.get(name)
    return min(value, 100_000) if isinstance(value, int) and value >= 0 else otherwise


def _bounds(schema: dict[str, Any], gap: float = 1.0) -> tuple[float, float]:
    """The least and the largest number allowed; exclusive bounds are moved inwards by `gap`."""
    lows = [_bound(schema, "minimum", 0.0), _bound(schema, "exclusiveMinimum", gap)]
    highs = [_bound(schema, "maximum", 0.0), _bound(schema, "exclusiveMaximum", -gap)]
    low = max([each for each in lows if each is not None], default=None)
    high = min([each for each in highs if each is not None], default=None)
    if low is None:
        low = 0.0 if high is None or high > 0 else high - _SPREAD
    return low, low + _SPREAD if high is None else max(low, high)


def _bound(schema: dict[str, Any], name: str, by: float) -> float | None:
    value = schema.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value + by
