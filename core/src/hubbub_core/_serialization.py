"""Messages to bytes and back: dataclasses, pydantic models, protobuf messages.

Nothing heavy is imported before the first message is converted: a runtime whose messages stay in the process never
needs pydantic for plain dataclasses, nor protobuf at all.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, runtime_checkable

from ._constants import JSON_DATA_CONTENT_TYPE, PROTOBUF_DATA_CONTENT_TYPE

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@runtime_checkable
class MessageSerializer(Protocol[T]):
    """Turns messages of one type into bytes of one content type, and back (spec: 001 L1831)."""

    @property
    def data_content_type(self) -> str:
        """What the bytes are: `application/json`."""
        ...

    @property
    def type_name(self) -> str:
        """The name of the message type, as written beside the bytes."""
        ...

    def deserialize(self, payload: bytes) -> T:
        """Make a message from bytes."""
        ...

    def serialize(self, message: T) -> bytes:
        """Make bytes from a message."""
        ...


@dataclass
class UnknownPayload:
    """A message of a type that is not known here, still as bytes."""

    type_name: str
    data_content_type: str
    payload: bytes


class JsonMessageSerializer(Generic[T]):
    """JSON of a dataclass or a pydantic model, by pydantic's rules: nested types, Optional and unions included."""

    def __init__(self, cls: type[T]) -> None:
        self.cls = cls

    @property
    def data_content_type(self) -> str:
        """`application/json`."""
        return JSON_DATA_CONTENT_TYPE

    @property
    def type_name(self) -> str:
        """The bare name of the class (spec: newer N-003)."""
        return self.cls.__name__

    def deserialize(self, payload: bytes) -> T:
        """Make a message from JSON, its fields validated.

        Raises:
            ValueError: The JSON does not fit the class.
        """
        return self._adapter.validate_json(payload)

    def serialize(self, message: T) -> bytes:
        """Make JSON from a message."""
        return self._adapter.dump_json(message)

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        from pydantic import TypeAdapter

        return TypeAdapter(self.cls)


class ProtobufMessageSerializer(Generic[T]):
    """A protobuf message, wrapped in a `google.protobuf.Any` as other languages' workers expect."""

    def __init__(self, cls: type[T]) -> None:
        self.cls = cls
        self._prototype = cast("Any", cls)()

    @property
    def data_content_type(self) -> str:
        """`application/x-protobuf`."""
        return PROTOBUF_DATA_CONTENT_TYPE

    @property
    def type_name(self) -> str:
        """The full name in the message's descriptor."""
        return cast("str", self._prototype.DESCRIPTOR.full_name)

    def deserialize(self, payload: bytes) -> T:
        """Unwrap a message.

        Raises:
            ValueError: The payload holds another message type.
        """
        wrapper = _protobuf_any()
        wrapper.ParseFromString(payload)
        message = self.cls()
        if not wrapper.Unpack(cast("Any", message)):
            raise ValueError(f"the payload holds a {wrapper.TypeName()}, not a {self.type_name}")
        return message

    def serialize(self, message: T) -> bytes:
        """Wrap a message."""
        wrapper = _protobuf_any()
        wrapper.Pack(cast("Any", message))
        return cast("bytes", wrapper.SerializeToString())


def _protobuf_any() -> Any:
    # By name: protobuf comes without types, and only programs that have its messages have it.
    return import_module("google.protobuf.any_pb2").Any()


def _is_subclass_if_loaded(cls: type[Any], module: str, base: str) -> bool:
    # A class can only derive from a base whose module is loaded; so nothing has to be imported to ask.
    loaded = sys.modules.get(module)
    candidate = getattr(loaded, base, None) if loaded is not None else None
    return isinstance(candidate, type) and issubclass(cls, candidate)


def try_get_known_serializers_for_type(cls: type[Any]) -> list[MessageSerializer[Any]]:
    """Return serializers for a message class; empty if it is no dataclass, pydantic model or protobuf message."""
    candidate: object = cls
    if not isinstance(candidate, type):
        return []
    if _is_subclass_if_loaded(cls, "pydantic.main", "BaseModel") or dataclasses.is_dataclass(cls):
        return [JsonMessageSerializer(cls)]
    if _is_subclass_if_loaded(cls, "google.protobuf.message", "Message"):
        return [ProtobufMessageSerializer(cls)]
    return []


def _qualified_name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


class SerializationRegistry:
    """Serializers by message class and by name.

    The name on the wire is the bare class name; where two classes share it, each goes by its qualified name instead, so
    that no payload is ever read as the wrong class.
    """

    def __init__(self) -> None:
        # By (type name, content type). A list: classes of different modules may have one bare name.
        self._by_name: dict[tuple[str, str], list[MessageSerializer[Any]]] = {}

    def add_serializer(self, serializer: MessageSerializer[Any] | Sequence[MessageSerializer[Any]]) -> None:
        """Add one or several; a second one for the same class and content type is ignored."""
        for each in serializer if isinstance(serializer, Sequence) else (serializer,):
            same_name = self._by_name.setdefault((each.type_name, each.data_content_type), [])
            cls = getattr(each, "cls", None)
            if not any(cls is getattr(other, "cls", None) for other in same_name):
                same_name.append(each)

    def is_registered(self, type_name: str, data_content_type: str) -> bool:
        """Say whether payloads of this name and content type can be read."""
        return bool(self._find(type_name, data_content_type))

    def type_name(self, message: Any) -> str:
        """Return the name that goes with a message's payload; its qualified name if the bare one is ambiguous."""
        if isinstance(message, UnknownPayload):
            return message.type_name
        cls = type(message)
        descriptor = getattr(cls, "DESCRIPTOR", None)
        name: str = getattr(descriptor, "full_name", cls.__name__)
        ambiguous = any(len(same) > 1 for (bare, _), same in self._by_name.items() if bare == name)
        return _qualified_name(cls) if ambiguous else name

    def serialize(self, message: Any, *, type_name: str, data_content_type: str) -> bytes:
        """Make bytes from a message.

        Raises:
            ValueError: No serializer of this name and content type takes messages of this class.
        """
        if isinstance(message, UnknownPayload):
            return message.payload
        found = self._find(type_name, data_content_type)
        for serializer in found:
            if getattr(serializer, "cls", None) in (type(message), None):
                return serializer.serialize(message)
        raise ValueError(
            f"no serializer for {_qualified_name(type(message))} as {type_name!r} ({data_content_type}) is registered;"
            " add one with add_message_serializer()"
        )

    def deserialize(self, payload: bytes, *, type_name: str, data_content_type: str) -> Any:
        """Make a message from bytes; an `UnknownPayload` if nobody here knows the name.

        Raises:
            ValueError: Several classes share the name, or the payload does not fit the class.
        """
        found = self._find(type_name, data_content_type)
        if not found:
            return UnknownPayload(type_name, data_content_type, payload)
        if len(found) > 1:
            names = ", ".join(_qualified_name(getattr(serializer, "cls", type(serializer))) for serializer in found)
            raise ValueError(f"{type_name!r} is the name of several message classes: {names}; send a qualified name")
        return found[0].deserialize(payload)

    def _find(self, type_name: str, data_content_type: str) -> list[MessageSerializer[Any]]:
        found = self._by_name.get((type_name, data_content_type))
        if found is not None:
            return found
        return [
            serializer
            for (_, content_type), same_name in self._by_name.items()
            if content_type == data_content_type
            for serializer in same_name
            if _qualified_name(getattr(serializer, "cls", type(serializer))) == type_name
        ]
