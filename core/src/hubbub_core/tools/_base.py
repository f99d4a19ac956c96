"""What a tool is: the protocols, the schema that a model sees, and the base class that generates it."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NotRequired, TypeVar, cast, get_origin

from pydantic import BaseModel

# Not typing's: on CPython 3.11 its isinstance check reads every property, which here would generate the schema.
from typing_extensions import Protocol, TypedDict, runtime_checkable

from hubbub_core._constants import EVENT_LOGGER_NAME
from hubbub_core._telemetry import trace_tool_span, trace_tool_stream
from hubbub_core.tools._schema import inline_references
from hubbub_registry import ComponentBase

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken

_EVENTS = logging.getLogger(EVENT_LOGGER_NAME)


class ParametersSchema(TypedDict):
    """JSON schema of a tool's parameters."""

    type: str
    properties: dict[str, Any]
    required: NotRequired[Sequence[str]]
    additionalProperties: NotRequired[bool]


class ToolSchema(TypedDict):
    """What a model is told about a tool."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[ParametersSchema]
    strict: NotRequired[bool]


@runtime_checkable
class Tool(Protocol):
    """One function that a model can ask for."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def schema(self) -> ToolSchema: ...

    def args_type(self) -> type[BaseModel]: ...

    def return_type(self) -> type[Any]: ...

    def state_type(self) -> type[BaseModel] | None: ...

    def return_value_as_string(self, value: Any) -> str: ...

    async def run_json(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> Any: ...

    async def save_state_json(self) -> Mapping[str, Any]: ...

    async def load_state_json(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class StreamTool(Tool, Protocol):
    """A tool that yields what it has so far before its result."""

    def run_json_stream(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any, None]: ...


ArgsT = TypeVar("ArgsT", bound=BaseModel, contravariant=True)
ReturnT = TypeVar("ReturnT", covariant=True)
StateT = TypeVar("StateT", bound=BaseModel)
StreamT = TypeVar("StreamT", covariant=True)


class BaseTool(ABC, Tool, Generic[ArgsT, ReturnT], ComponentBase[BaseModel]):
    """Base of tools: makes the schema from a pydantic class, and validates arguments before `run` sees them.

    Args:
        args_type: Class of the arguments.
        return_type: Type of the result.
        name: What the model calls it.
        description: What the model is told about it.
        strict: Whether the model must keep to the schema exactly; defaults of arguments are then not allowed.
    """

    component_type: ClassVar[str] = "tool"

    def __init__(
        self,
        args_type: type[ArgsT],
        return_type: type[ReturnT],
        name: str,
        description: str,
        strict: bool = False,
    ) -> None:
        self._args_type = args_type
        self._return_type = return_type
        self._name = name
        self._description = description
        self._strict = strict

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._description

    @property
    def schema(self) -> ToolSchema:
        """What the model is told: name, description, parameters, strict.

        Definitions are written inline. Only a definition that contains itself stays in `$defs` (N-069).

        Raises:
            ValueError: The tool is strict, and an argument has a default or additional arguments are allowed.
        """
        model_schema = inline_references(self._args_type.model_json_schema())
        properties = model_schema.get("properties", {})
        required = model_schema.get("required", [])
        additional = model_schema.get("additionalProperties", False)
        if self._strict and set(required) != set(properties):
            optional = [name for name in properties if name not in required]
            raise ValueError(
                "Strict mode is enabled but not all input arguments are marked as required. "
                f"Default arguments are not allowed in strict mode. Tool {self._name!r}, arguments: {optional}",
            )
        if self._strict and additional:
            raise ValueError(
                "Strict mode is enabled but additional argument is also enabled. "
                f"This is not allowed in strict mode. Tool {self._name!r}",
            )
        parameters: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": additional,
        }
        if "$defs" in model_schema:
            parameters["$defs"] = model_schema["$defs"]
        return ToolSchema(
            name=self._name,
            description=self._description,
            parameters=cast("ParametersSchema", parameters),
            strict=self._strict,
        )

    def args_type(self) -> type[BaseModel]:
        return self._args_type

    def return_type(self) -> type[Any]:
        return self._return_type

    def state_type(self) -> type[BaseModel] | None:
        """Return the class of the state, `None` for a tool without state."""
        return None

    def return_value_as_string(self, value: Any) -> str:
        """Return a result as the model shall read it.

        A pydantic object becomes JSON, unless its own serializer makes something else than an object of it;
        everything else becomes `str(value)` (N-070).
        """
        if isinstance(value, BaseModel):
            # Not always a dict, whatever the annotation says: that is what model serializers are for.
            dumped: Any = value.model_dump(mode="json")
            if isinstance(dumped, dict):
                return json.dumps(dumped, ensure_ascii=False)
            return str(dumped)
        return str(value)

    @abstractmethod
    async def run(self, args: ArgsT, cancellation_token: CancellationToken) -> ReturnT:
        """Do the work."""

    async def run_json(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> Any:
        """Validate `args`, run, and log a `ToolCallEvent`.

        Args:
            args: The arguments, parsed from the JSON of the model.
            cancellation_token: Cancels the run.
            call_id: Id of the model's call, for tracing.

        Returns:
            What `run` returned, not yet as text.

        Raises:
            pydantic.ValidationError: The arguments do not fit; a `ValueError`.
        """
        with trace_tool_span(tool_name=self._name, tool_description=self._description, tool_call_id=call_id):
            result = await self.run(self._args_type.model_validate(args), cancellation_token)
        self._log_call(args, result)
        return result

    async def save_state_json(self) -> Mapping[str, Any]:
        """Return the state as JSON data; empty for a tool without state."""
        return {}

    async def load_state_json(self, state: Mapping[str, Any]) -> None:
        """Take over what `save_state_json` returned."""

    def _log_call(self, args: Mapping[str, Any], result: Any) -> None:
        if _EVENTS.isEnabledFor(logging.INFO):
            from hubbub_core.logging import ToolCallEvent

            _EVENTS.info(
                ToolCallEvent(
                    tool_name=self._name,
                    arguments=dict(args),
                    result=self.return_value_as_string(result),
                ),
            )


class BaseStreamTool(BaseTool[ArgsT, ReturnT], StreamTool, ABC, Generic[ArgsT, StreamT, ReturnT]):
    """Base of tools that yield what they have so far. The last item they yield is the result."""

    component_type: ClassVar[str] = "tool"

    @abstractmethod
    def run_stream(self, args: ArgsT, cancellation_token: CancellationToken) -> AsyncGenerator[StreamT | ReturnT, None]:
        """Yield intermediate items, and the result last."""

    async def run_json_stream(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> AsyncGenerator[StreamT | ReturnT, None]:
        """Validate `args`, yield every item of `run_stream`, and log a `ToolCallEvent` with the result.

        Raises:
            pydantic.ValidationError: The arguments do not fit; a `ValueError`.
            TypeError: `run_stream` yielded nothing, or its last item is not of the declared return type.
        """
        items = trace_tool_stream(
            self._checked_items(args, cancellation_token),
            self._name,
            tool_description=self._description,
            tool_call_id=call_id,
        )
        last: Any = None
        async with aclosing(items):
            async for item in items:
                last = item
                yield item
        self._log_call(args, last)

    async def _checked_items(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken
    ) -> AsyncGenerator[StreamT | ReturnT, None]:
        last: Any = None
        count = 0
        async with aclosing(self.run_stream(self._args_type.model_validate(args), cancellation_token)) as stream:
            async for item in stream:
                last = item
                count += 1
                yield item
        if not count:
            raise TypeError(
                f"tool {self._name!r} yielded nothing; its last item has to be a {_type_name(self._return_type)}",
            )
        if not _is_instance(last, self._return_type):
            raise TypeError(
                f"the last item of tool {self._name!r} is a {type(last).__name__}, "
                f"but a {_type_name(self._return_type)} is declared",
            )


class BaseToolWithState(BaseTool[ArgsT, ReturnT], ABC, Generic[ArgsT, ReturnT, StateT], ComponentBase[BaseModel]):
    """Base of tools with a state of their own.

    Args:
        args_type: Class of the arguments.
        return_type: Type of the result.
        state_type: Class of the state.
        name: What the model calls it.
        description: What the model is told about it.
    """

    component_type: ClassVar[str] = "tool"

    def __init__(
        self,
        args_type: type[ArgsT],
        return_type: type[ReturnT],
        state_type: type[StateT],
        name: str,
        description: str,
    ) -> None:
        super().__init__(args_type, return_type, name, description)
        self._state_type = state_type

    def state_type(self) -> type[BaseModel] | None:
        return self._state_type

    @abstractmethod
    def save_state(self) -> StateT:
        """Return the state."""

    @abstractmethod
    def load_state(self, state: StateT) -> None:
        """Take over a state."""

    async def save_state_json(self) -> Mapping[str, Any]:
        return self.save_state().model_dump(mode="json")

    async def load_state_json(self, state: Mapping[str, Any]) -> None:
        self.load_state(self._state_type.model_validate(state))


def _is_instance(value: Any, declared: Any) -> bool:
    # Only the outer class of a generic type can be checked; unions are fine as they are, Any is no class.
    origin = get_origin(declared) or declared
    try:
        return isinstance(value, origin)
    except TypeError:
        return True


def _type_name(declared: Any) -> str:
    return getattr(declared, "__name__", None) or str(declared)
