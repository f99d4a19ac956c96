"""Classes made from JSON schemas."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from hubbub_core.utils import schema_to_pydantic_model
from hubbub_core.utils._json_to_pydantic import (
    FormatNotSupportedError,
    ReferenceNotFoundError,
    SchemaConversionError,
    UnsupportedKeywordError,
)


def of(*required: str, **properties: Any) -> type[BaseModel]:
    return schema_to_pydantic_model({"type": "object", "properties": properties, "required": list(required)}, "Made")


class Address(BaseModel):
    street: str
    zip: Annotated[str, Field(pattern=r"^\d{5}$")] = "00000"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Person(BaseModel):
    """A person."""

    name: Annotated[str, Field(min_length=1, max_length=5, description="who")]
    age: Annotated[int, Field(ge=0, lt=150)] = 1
    address: Address | None = None
    friends: list[Person] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    born: datetime.date | None = None
    scores: Annotated[dict[str, float], Field()] = {}
    role: Literal["user", "admin"] = "user"


def test_class_of_a_pydantic_schema_accepts_and_refuses_the_same() -> None:
    made = schema_to_pydantic_model(Person.model_json_schema(), "Made")
    good = {
        "name": "Ann",
        "age": 3,
        "address": {"street": "x", "zip": "12345"},
        "friends": [{"name": "Bob", "friends": [{"name": "C"}]}],
        "pet": {"kind": "dog", "name": "Rex"},
        "born": "2000-01-02",
        "scores": {"a": 1.5},
        "role": "admin",
    }
    bad: list[dict[str, Any]] = [
        {},
        {"name": ""},
        {"name": "too long"},
        {"name": "A", "age": 150},
        {"name": "A", "address": {"street": "x", "zip": "1"}},
        {"name": "A", "friends": [{}]},
        {"name": "A", "pet": {"kind": "fish"}},
        {"name": "A", "born": "soon"},
        {"name": "A", "role": "root"},
    ]

    assert made.model_validate(good).model_dump() == Person.model_validate(good).model_dump()
    for each in bad:
        with pytest.raises(ValidationError):
            Person.model_validate(each)
        with pytest.raises(ValidationError):
            made.model_validate(each)


@given(
    st.none() | st.builds(Cat) | st.builds(Dog),
    st.integers(0, 149),
    st.text(min_size=1, max_size=5),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_whatever_the_original_dumps_is_accepted(
    pet: Cat | Dog | None, age: int, name: str, scores: dict[str, float]
) -> None:
    made = schema_to_pydantic_model(Person.model_json_schema(), "Made")
    person = Person(name=name, age=age, pet=pet, scores=scores)

    assert made.model_validate(person.model_dump(mode="json")).model_dump() == person.model_dump()


def test_title_description_and_default_are_kept() -> None:
    made = of(a={"type": "string", "title": "T", "description": "D", "default": "x"})

    assert made.model_json_schema()["properties"]["a"] == {
        "default": "x",
        "description": "D",
        "title": "T",
        "type": "string",
    }


def test_property_that_is_not_required_is_optional() -> None:
    made = of("a", a={"type": "integer"}, b={"type": "integer"})

    assert made(a=1).model_dump() == {"a": 1, "b": None}
    with pytest.raises(ValidationError):
        made(b=1)


@pytest.mark.parametrize(
    ("form", "kind", "given_value", "value"),
    [
        ("uuid", "string", "12345678-1234-4234-8234-123456789abc", uuid.UUID("12345678-1234-4234-8234-123456789abc")),
        ("uuid4", "string", "12345678-1234-4234-8234-123456789abc", uuid.UUID("12345678-1234-4234-8234-123456789abc")),
        ("email", "string", "a@b.org", "a@b.org"),
        ("hostname", "string", "a-1.example.org", "a-1.example.org"),
        ("ipv4", "string", "1.2.3.4", ipaddress.IPv4Address("1.2.3.4")),
        ("ipv6-network", "string", "2001:db8::/32", ipaddress.IPv6Network("2001:db8::/32")),
        ("date-time", "string", "2020-01-02T03:04:05Z", datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        ("time", "string", "03:04:05", datetime.time(3, 4, 5)),
        ("duration", "string", "PT1M", datetime.timedelta(minutes=1)),
        ("int32", "integer", 5, 5),
        ("double", "number", 0.5, 0.5),
        ("decimal", "number", "1.10", Decimal("1.10")),
        ("byte", "string", "abc", b"abc"),
        ("password", "string", "s", "s"),
        ("path", "string", "/tmp/x", Path("/tmp/x")),
        ("json", "string", '{"a": 1}', {"a": 1}),
    ],
)
def test_formats_become_python_objects(form: str, kind: str, given_value: Any, value: Any) -> None:
    made: Any = of("a", a={"type": kind, "format": form})

    assert made(a=given_value).a == value


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ("uuid4", "string", "12345678-1234-1234-8234-123456789abc"),
        ("email", "string", "not at all"),
        ("hostname", "string", "-bad-.org"),
        ("uri", "string", "no uri"),
        ("ipv4", "string", "1.2.3"),
        ("int32", "integer", 2**31),
        ("int64", "integer", -(2**63) - 1),
    ],
)
def test_formats_are_checked(form: str, kind: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        of("a", a={"type": kind, "format": form})(a=value)


def test_nested_classes_have_the_documented_names() -> None:
    point = {"type": "object", "properties": {"x": {"type": "integer"}}}
    made = of("p", "q", p=point, q={"type": "array", "items": point})

    nested: Any = made.model_fields["p"].annotation
    (item,) = made.model_fields["q"].annotation.__args__  # type: ignore[union-attr] # a list of a class
    assert nested.__name__ == "Made_p"
    assert item.__name__.startswith("q_")
    assert len(item.__name__) == len("q_") + 6
    again = of("p", "q", p=point, q={"type": "array", "items": point})
    assert again.model_fields["q"].annotation.__args__[0].__name__ == item.__name__  # type: ignore[union-attr] # as above


def test_items_without_a_type_are_strings_and_sizes_hold() -> None:
    made: Any = of("a", a={"type": "array", "items": {}, "minItems": 1, "maxItems": 2})

    assert made(a=["x"]).a == ["x"]
    for bad in ([], ["x"] * 3, [1]):
        with pytest.raises(ValidationError):
            made(a=bad)


def test_all_of_is_merged() -> None:
    schema = {
        "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
        "allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
    }
    made = schema_to_pydantic_model(schema)

    assert made(a="x", b=1).model_dump() == {"a": "x", "b": 1}
    with pytest.raises(ValidationError):
        made(a="x")


def test_unions_take_either() -> None:
    made: Any = of(
        "a", a={"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
    )

    assert [made(a=value).a for value in (1, ["x"], None)] == [1, ["x"], None]
    with pytest.raises(ValidationError):
        made(a="x")


def test_names_that_are_no_attribute_names_become_aliases() -> None:
    made = of(
        "user-id",
        "class",
        "schema",
        **{"user-id": {"type": "string"}, "class": {"type": "string"}, "schema": {"type": "string"}},
    )
    data = {"user-id": "1", "class": "2", "schema": "3"}

    assert made.model_validate(data).model_dump(by_alias=True) == data
    assert list(made.model_json_schema()["properties"]) == ["user-id", "class", "schema"]


def test_schema_may_refer_to_its_root() -> None:
    made: Any = of("v", v={"type": "integer"}, next={"$ref": "#"})

    assert made(v=1, next={"v": 2}).next.v == 2
    with pytest.raises(ValidationError):
        made(v=1, next={})


def test_additional_properties_are_allowed_or_forbidden_as_said() -> None:
    closed = schema_to_pydantic_model({"type": "object", "properties": {}, "additionalProperties": False})
    opened = schema_to_pydantic_model({"type": "object", "properties": {}, "additionalProperties": True})

    assert opened.model_validate({"x": 1}).model_dump() == {"x": 1}
    with pytest.raises(ValidationError):
        closed.model_validate({"x": 1})


@pytest.mark.parametrize(
    ("schema", "error", "text"),
    [
        ({"$ref": "#/$defs/Gone"}, ReferenceNotFoundError, "Gone"),
        ({"$ref": "other.json"}, ReferenceNotFoundError, "other.json"),
        ({"type": "string", "format": "colour"}, FormatNotSupportedError, "colour"),
        ({"type": "colour"}, UnsupportedKeywordError, "unknown type 'colour'"),
        ({}, UnsupportedKeywordError, "no type"),
    ],
)
def test_what_cannot_be_converted_is_named(
    schema: dict[str, Any], error: type[SchemaConversionError], text: str
) -> None:
    with pytest.raises(error, match=text):
        of(a=schema)


def test_schema_of_something_else_than_an_object_is_refused() -> None:
    with pytest.raises(UnsupportedKeywordError, match="has to be that of an object"):
        schema_to_pydantic_model({"type": "string"})
