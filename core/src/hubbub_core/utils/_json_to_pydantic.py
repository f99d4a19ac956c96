"""Make a pydantic class from a JSON schema (spec: newer N-087..N-089)."""

from __future__ import annotations

import datetime
import hashlib
import keyword
import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, ForwardRef, Literal, Union
from uuid import UUID

from pydantic import (
    UUID1,
    UUID3,
    UUID4,
    UUID5,
    AfterValidator,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    create_model,
)


class SchemaConversionError(Exception):
    """A JSON schema cannot be turned into a pydantic class."""


class ReferenceNotFoundError(SchemaConversionError):
    """A `$ref` leads nowhere."""


class FormatNotSupportedError(SchemaConversionError):
    """The schema asks for a format that is not known."""


class UnsupportedKeywordError(SchemaConversionError):
    """A type is missing or not known."""


_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def _check_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError(f"not an email address: {value!r}")
    return value


_TYPES: Final[Mapping[str, Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": None,
}

_FORMATS: Final[Mapping[str, Any]] = {
    "uuid": UUID,
    "uuid1": UUID1,
    "uuid2": UUID,
    "uuid3": UUID3,
    "uuid4": UUID4,
    "uuid5": UUID5,
    # Not pydantic's EmailStr, which needs another distribution.
    "email": Annotated[str, AfterValidator(_check_email), Field(json_schema_extra={"format": "email"})],
    "uri": AnyUrl,
    "hostname": Annotated[
        str,
        StringConstraints(
            pattern=r"^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
        ),
    ],
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "ipv4-network": IPv4Network,
    "ipv6-network": IPv6Network,
    "date-time": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "int32": Annotated[int, Field(ge=-(2**31), le=2**31 - 1)],
    "int64": Annotated[int, Field(ge=-(2**63), le=2**63 - 1)],
    "float": float,
    "double": float,
    "decimal": Decimal,
    "byte": bytes,
    "binary": bytes,
    "password": str,
    "path": Path,
    "json": Json,
}

_STRING_CONSTRAINTS: Final = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_NUMBER_CONSTRAINTS: Final = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
_ARRAY_CONSTRAINTS: Final = {"minItems": "min_length", "maxItems": "max_length"}


def schema_to_pydantic_model(schema: dict[str, Any], model_name: str = "GeneratedModel") -> type[BaseModel]:
    """Make a pydantic class that accepts what a JSON schema of an object accepts.

    A property that is not required and has no default becomes optional with default `None`. Nested objects become
    classes named `<model>_<field>`, objects in arrays `<field>_<6 hex digits>`. A property whose name is no Python
    attribute name gets an alias: dump with `by_alias=True`.

    Args:
        schema: The JSON schema, definitions under `$defs`. It may refer to itself.
        model_name: Name of the class.

    Raises:
        ReferenceNotFoundError: A `$ref` leads nowhere.
        FormatNotSupportedError: A format is not known.
        UnsupportedKeywordError: A type is missing or not known, or the schema is not that of an object.
    """
    return _Converter(schema).convert(model_name)


class _Converter:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        # Both spellings occur; the older drafts have no dollar sign.
        self._definitions: Mapping[str, Any] = {**schema.get("definitions", {}), **schema.get("$defs", {})}
        # Classes by definition; None while the class is being made, which is when a reference to it is recursive.
        self._by_definition: dict[str, type[BaseModel] | None] = {}
        self._open_aliases: set[str] = set()
        self._models: dict[str, type[BaseModel]] = {}

    def convert(self, name: str) -> type[BaseModel]:
        self._root_name = name
        schema = self._merged(self._root)
        if "$ref" in schema:
            # A recursive class of pydantic has the reference at the top.
            definition = self._definition_name(schema["$ref"])
            schema = {**self._merged(self._definition(definition)), "title": name}
            self._by_definition[definition] = None
            self._definition_class = {definition: name}
        if schema.get("type", "object" if "properties" in schema else None) != "object":
            raise UnsupportedKeywordError(
                f"the schema of {name!r} has to be that of an object, but its type is {schema.get('type')!r}",
            )
        model = self._model(schema, name)
        for each in self._models.values():
            each.model_rebuild(_types_namespace=dict(self._models))
        return model

    _definition_class: dict[str, str] = {}  # noqa: RUF012 # replaced, never written to

    def _model(self, schema: Mapping[str, Any], name: str) -> type[BaseModel]:
        required = set(schema.get("required", []))
        fields: dict[str, Any] = {}
        for index, (key, value) in enumerate(schema.get("properties", {}).items()):
            fields.update([self._field(key, value, key in required, name, index)])
        config = ConfigDict(
            # The patterns of JSON schemas look ahead and behind, which only Python's engine can.
            regex_engine="python-re",
            populate_by_name=True,
            extra=_extra(schema.get("additionalProperties")),
        )
        model = create_model(name, __config__=config, __doc__=schema.get("description"), **fields)
        self._models[name] = model
        return model

    def _field(self, key: str, schema: Any, required: bool, parent: str, index: int) -> tuple[str, tuple[Any, Any]]:
        schema = schema if isinstance(schema, Mapping) else {}
        annotation = self._type(schema, parent, key)
        options: dict[str, Any] = {
            option: schema[option] for option in ("title", "description") if isinstance(schema.get(option), str)
        }
        if required:
            options["default"] = ...
        elif "default" in schema:
            options["default"] = schema["default"]
            options["validate_default"] = True
            if schema["default"] is None:
                annotation = Union[annotation, None]  # noqa: UP007 # | does not take a ForwardRef
        else:
            options["default"] = None
            annotation = Union[annotation, None]  # noqa: UP007 # | does not take a ForwardRef
        name = key
        if (
            not key.isidentifier()
            or keyword.iskeyword(key)
            or key.startswith(("_", "model_"))
            or hasattr(BaseModel, key)
        ):
            name = f"field{index}_"
            options["alias"] = key
        return name, (annotation, Field(**options))

    def _type(self, schema: Mapping[str, Any], parent: str, key: str) -> Any:
        schema = self._merged(schema)
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "enum" in schema:
            return _literal(schema["enum"], key)
        if "const" in schema:
            return _literal([schema["const"]], key)
        for combination in ("anyOf", "oneOf"):
            if combination in schema:
                return self._union(schema, combination, parent, key)
        kind = schema.get("type")
        if kind is None and "properties" in schema:
            kind = "object"
        if isinstance(kind, list):
            members = tuple(self._type({**schema, "type": each}, parent, key) for each in kind)
            return _union_of(members)
        if not isinstance(kind, str) or kind not in _TYPES:
            raise UnsupportedKeywordError(
                f"property {key!r} of {parent!r} has {'no type' if kind is None else f'the unknown type {kind!r}'}; "
                f"known are {', '.join(_TYPES)}",
            )
        if kind == "object":
            return self._object(schema, parent, key)
        if kind == "array":
            return self._array(schema, parent, key)
        return _scalar(kind, schema, parent, key)

    def _object(self, schema: Mapping[str, Any], parent: str, key: str) -> Any:
        if schema.get("properties"):
            return self._model(schema, f"{parent}_{key}")
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and values:
            return dict[str, self._type(values, parent, key)]  # type: ignore[misc] # made at run time
        return dict[str, Any]

    def _array(self, schema: Mapping[str, Any], parent: str, key: str) -> Any:
        items = self._merged(schema.get("items") or {})
        item_type: Any
        if items.get("properties") and items.get("type", "object") == "object":
            digest = hashlib.sha256(f"{parent}.{key}".encode()).hexdigest()[:6]
            item_type = self._model(items, f"{key}_{digest}")
        elif not {"type", "$ref", "enum", "const", "anyOf", "oneOf"} & set(items):
            item_type = str
        else:
            item_type = self._type(items, parent, key)
        return _constrained(list[item_type], schema, _ARRAY_CONSTRAINTS)

    def _union(self, schema: Mapping[str, Any], combination: str, parent: str, key: str) -> Any:
        # The parts inherit what stands beside the combination, such as the type; but not its texts.
        shared = {name: schema[name] for name in ("type", "format") if name in schema}
        members = tuple(
            self._type({**shared, **part}, f"{parent}_{key}", f"{key}_{number}" if part.get("properties") else key)
            for number, part in enumerate(schema[combination])
        )
        union = _union_of(members)
        discriminator = schema.get("discriminator")
        if isinstance(discriminator, Mapping) and "propertyName" in discriminator:
            return Annotated[union, Field(discriminator=discriminator["propertyName"])]
        return union

    def _reference(self, reference: str) -> Any:
        if reference == "#":
            return ForwardRef(self._root_name)
        name = self._definition_name(reference)
        schema = self._merged(self._definition(name))
        model_name = self._definition_class.get(name, name)
        if name in self._by_definition:
            return self._by_definition[name] or ForwardRef(model_name)
        if schema.get("properties") and schema.get("type", "object") == "object":
            self._by_definition[name] = None
            model = self._model(schema, model_name)
            self._by_definition[name] = model
            return model
        if name in self._open_aliases:
            # A definition of something other than an object that contains itself, such as "any JSON value".
            return Any
        self._open_aliases.add(name)
        try:
            return self._type(schema, self._root_name, name)
        finally:
            self._open_aliases.discard(name)

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema with the parts of its `allOf` merged into it."""
        parts = schema.get("allOf")
        if not parts:
            return schema
        result: dict[str, Any] = {}
        own = {key: value for key, value in schema.items() if key != "allOf"}
        for part in [*parts, own]:
            if "$ref" in part:
                part = {**self._definition(self._definition_name(part["$ref"])), **part}
                del part["$ref"]
            for key, value in self._merged(part).items():
                if key == "properties":
                    result["properties"] = {**result.get("properties", {}), **value}
                elif key == "required":
                    result["required"] = [*result.get("required", []), *value]
                else:
                    result[key] = value
        return result

    def _definition_name(self, reference: str) -> str:
        for prefix in ("#/$defs/", "#/definitions/"):
            if reference.startswith(prefix):
                return reference.removeprefix(prefix).replace("~1", "/").replace("~0", "~")
        raise ReferenceNotFoundError(f"the reference {reference!r} leads nowhere; only #/$defs/<name> is looked up")

    def _definition(self, name: str) -> Mapping[str, Any]:
        if name not in self._definitions:
            raise ReferenceNotFoundError(
                f"the reference '#/$defs/{name}' leads nowhere; $defs has {sorted(self._definitions)}",
            )
        found: Mapping[str, Any] = self._definitions[name]
        return found


def _extra(additional: Any) -> Literal["allow", "forbid", "ignore"]:
    if additional is False:
        return "forbid"
    return "allow" if additional is True or isinstance(additional, Mapping) else "ignore"


def _scalar(kind: str, schema: Mapping[str, Any], parent: str, key: str) -> Any:
    form = schema.get("format")
    if form is not None and kind != "boolean" and kind != "null":
        if form not in _FORMATS:
            raise FormatNotSupportedError(
                f"property {key!r} of {parent!r} has the unknown format {form!r}; known are {', '.join(_FORMATS)}",
            )
        base = _FORMATS[form]
    else:
        base = _TYPES[kind]
    if kind == "string":
        # The lengths and patterns are those of the text, which a date or an address no longer is.
        return _constrained(base, schema, _STRING_CONSTRAINTS) if base in (str, bytes) else base
    if kind in ("integer", "number"):
        return _constrained(base, schema, _NUMBER_CONSTRAINTS)
    return base


def _constrained(base: Any, schema: Mapping[str, Any], keywords: Mapping[str, str]) -> Any:
    found = {option: schema[word] for word, option in keywords.items() if word in schema}
    return Annotated[base, Field(**found)] if found else base


def _union_of(members: tuple[Any, ...]) -> Any:
    return Union.__getitem__(members)  # a subscript would be read as a static type


def _literal(values: Any, key: str) -> Any:
    try:
        return Literal.__getitem__(tuple(values))
    except TypeError as exc:
        raise UnsupportedKeywordError(f"property {key!r} has an enum with values that cannot be listed: {exc}") from exc
