"""Values made for a JSON schema are valid for it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.instances import instance, instance_text

TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def is_valid(value: Any, schema: Any, root: Any = None) -> bool:
    """Whether a value fits a schema, by the words that these tests use."""
    root = root if root is not None else schema
    if not isinstance(schema, dict):
        return True
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
            target = target[step] if step else target
        return is_valid(value, target, root)
    kinds = schema.get("type", list(TYPES))
    kinds = kinds if isinstance(kinds, list) else [kinds]
    fits = any(isinstance(value, TYPES[kind]) for kind in kinds)
    if isinstance(value, bool) and not {"boolean"} & set(kinds):
        fits = False
    for name in ("anyOf", "oneOf"):
        fits = fits and any(is_valid(value, each, root) for each in schema.get(name, [True]))
    fits = fits and all(is_valid(value, each, root) for each in schema.get("allOf", []))
    fits = fits and value in schema.get("enum", [value]) and value == schema.get("const", value)
    return fits and _within(value, schema, root)


def _within(value: Any, schema: dict[str, Any], root: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        below, above = schema.get("exclusiveMinimum", value - 1), schema.get("exclusiveMaximum", value + 1)
        return bool(low <= value <= high and below < value < above)
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9))
    if isinstance(value, list):
        sized = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
        return bool(sized and all(is_valid(each, schema.get("items", {}), root) for each in value))
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        known = schema.get("additionalProperties", True) is not False or set(value) <= set(properties)
        held = all(is_valid(each, properties.get(name, {}), root) for name, each in value.items())
        return bool(set(schema.get("required", [])) <= set(value) and known and held)
    return True


numbers = st.integers(-1_000, 1_000)
leaves = st.one_of(
    st.just({"type": "null"}),
    st.just({"type": "boolean"}),
    st.just({"type": ["string", "null"]}),
    st.builds(
        lambda kind, low, size: {"type": kind, "minimum": low, "maximum": low + size},
        st.sampled_from(["integer", "number"]),
        numbers,
        st.integers(0, 50),
    ),
    st.builds(lambda low: {"type": "integer", "exclusiveMinimum": low}, numbers),
    st.builds(lambda high: {"type": "number", "exclusiveMaximum": high}, numbers),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    st.builds(lambda values: {"enum": values}, st.lists(numbers, min_size=1)),
    st.builds(lambda value: {"const": value}, st.one_of(numbers, st.text())),
)


def deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(
            lambda items, least, more: {
                "type": "array",
                "items": items,
                "minItems": least,
                "maxItems": least + more,
            },
            inner,
            st.integers(0, 4),
            st.integers(0, 3),
        ),
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            st.dictionaries(st.text(max_size=8), inner, max_size=4),
        ),
        st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=3)),
    )


schemas = st.recursive(leaves, deeper, max_leaves=12)


@given(schemas, st.integers())
def test_a_value_is_valid_for_its_schema(schema: dict[str, Any], seed: int) -> None:
    value = instance(schema, random.Random(seed))
    assert is_valid(value, schema), value
    assert instance(schema, random.Random(seed)) == value


TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#"}},
        "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name", "children", "parent"],
}


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        {"$ref": "#/$defs/step", "$defs": {"step": {"type": "object", "properties": {"n": {"const": 3}}}}},
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2, "uniqueItems": True},
        {"properties": {"a": {"items": {"type": "null"}}}},
        {"minimum": 7},
        {},
        True,
    ],
)
def test_references_and_shorthand_are_understood(schema: Any) -> None:
    for seed in range(30):
        value = instance(schema, random.Random(seed))
        assert is_valid(value, schema), value


def test_leading_items_formats_and_multiples() -> None:
    rng = random.Random(1)
    pair = {"type": "array", "prefixItems": [{"const": 1}, {"const": "x"}], "items": {"const": 2}}
    assert instance({**pair, "minItems": 3, "maxItems": 3}, rng) == [1, "x", 2]
    assert instance({"type": "string", "format": "date"}, rng) == "2025-03-14"
    assert instance({"type": "integer", "multipleOf": 5, "minimum": 11, "maximum": 17}, rng) == 15
    assert instance({"type": "number", "multipleOf": 5, "minimum": 11, "maximum": 17}, rng) == 15


def test_known_values_are_used_where_they_fit() -> None:
    schema = {
        "type": "object",
        "properties": {
            "result": {"type": "integer"},
            "expression": {"type": "number"},
            "other": {"type": "string", "maxLength": 3},
        },
    }
    known = {"result": 14, "expression": "2 + 3 x 4", "other": "too long"}
    value = instance(schema, random.Random(1), known)
    assert value["result"] == 14
    assert isinstance(value["expression"], float)
    assert len(value["other"]) <= 3


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"type": []},
        {"$ref": 3},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nowhere/at/all"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "object", "properties": [], "required": {}},
        {"type": "array", "prefixItems": 3, "minItems": 10**12},
        {"anyOf": []},
        {"enum": []},
        {"type": "string", "minLength": 10**12},
        {"type": "integer", "minimum": "x", "maximum": True},
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 500},
        {"type": "number", "minimum": 1e308, "exclusiveMaximum": 1.7e308},
        3,
    ],
)
def test_no_schema_upsets_it(schema: Any) -> None:
    text = instance_text(schema, random.Random(1), {})
    assert json.dumps(json.loads(text), ensure_ascii=False) == text
    assert len(text) < 1_000_000
