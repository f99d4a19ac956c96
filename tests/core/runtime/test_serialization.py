"""Messages to bytes and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import (
    JSON_DATA_CONTENT_TYPE,
    MessageSerializer,
    SingleThreadedAgentRuntime,
    UnknownPayload,
    try_get_known_serializers_for_type,
)
from hubbub_core._serialization import SerializationRegistry


class Colour(StrEnum):
    RED = "red"


class Model(BaseModel):
    number: int
    colour: Colour = Colour.RED


@dataclass
class Leaf:
    model: Model | None
    anything: Any = None


@dataclass
class Tree:
    leaves: list[Leaf]
    by_name: dict[str, Model | Leaf] = field(default_factory=dict)


@dataclass
class Empty:
    pass


class EmptyModel(BaseModel):
    pass


MESSAGES = [
    Empty(),
    EmptyModel(),
    Model(number=1),
    Leaf(None, anything={"a": [1, None]}),
    Tree([Leaf(Model(number=2)), Leaf(None, "x")], {"m": Model(number=3), "l": Leaf(None)}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
def test_messages_survive_a_round_trip(message: Any) -> None:
    registry = SerializationRegistry()
    [serializer] = try_get_known_serializers_for_type(type(message))
    registry.add_serializer([serializer, serializer])
    name = registry.type_name(message)
    payload = registry.serialize(message, type_name=name, data_content_type=JSON_DATA_CONTENT_TYPE)

    assert isinstance(serializer, MessageSerializer)
    assert (name, serializer.data_content_type) == (type(message).__name__, "application/json")
    assert registry.is_registered(name, JSON_DATA_CONTENT_TYPE)
    assert registry.deserialize(payload, type_name=name, data_content_type=JSON_DATA_CONTENT_TYPE) == message


def test_payload_of_an_unknown_type_stays_as_it_is() -> None:
    registry = SerializationRegistry()

    message = registry.deserialize(b"{}", type_name="Nobody", data_content_type="application/json")

    assert message == UnknownPayload("Nobody", "application/json", b"{}")
    assert registry.type_name(message) == "Nobody"
    assert registry.serialize(message, type_name="Nobody", data_content_type="application/json") == b"{}"


def test_payload_that_does_not_fit_is_a_value_error() -> None:
    [serializer] = try_get_known_serializers_for_type(Model)

    with pytest.raises(ValueError, match="number"):
        serializer.deserialize(b'{"number": "x"}')


@pytest.mark.parametrize("cls", [int, str, object, list, None])
def test_other_classes_have_no_known_serializer(cls: Any) -> None:
    assert try_get_known_serializers_for_type(cls) == []


def test_message_without_a_serializer_says_how_to_add_one() -> None:
    with pytest.raises(ValueError, match=r"no serializer for .*Empty as 'Empty' .* add one with add_message_seri"):
        SerializationRegistry().serialize(Empty(), type_name="Empty", data_content_type=JSON_DATA_CONTENT_TYPE)


class Shouting:
    """A serializer of the program's own."""

    data_content_type = "text/loud"
    type_name = "Loud"

    def serialize(self, message: Any) -> bytes:
        return str(message).upper().encode()

    def deserialize(self, payload: bytes) -> str:
        return payload.decode().lower()


def test_runtime_takes_serializers_of_the_program() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.add_message_serializer(Shouting())
    runtime.add_message_serializer([Shouting(), *try_get_known_serializers_for_type(Model)])
    registry = runtime._serializers

    assert registry.serialize("a", type_name="Loud", data_content_type="text/loud") == b"A"
    assert registry.deserialize(b"A", type_name="Loud", data_content_type="text/loud") == "a"


def test_protobuf_messages_are_wrapped_in_any() -> None:
    struct = pytest.importorskip("google.protobuf.struct_pb2", reason="protobuf is not installed")
    message = struct.Value(string_value="x")
    registry = SerializationRegistry()
    [serializer] = try_get_known_serializers_for_type(type(message))
    registry.add_serializer(serializer)
    name = registry.type_name(message)
    payload = registry.serialize(message, type_name=name, data_content_type="application/x-protobuf")

    assert (name, serializer.data_content_type) == ("google.protobuf.Value", "application/x-protobuf")
    assert registry.deserialize(payload, type_name=name, data_content_type="application/x-protobuf") == message
    assert b"type.googleapis.com/google.protobuf.Value" in payload
