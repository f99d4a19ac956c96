"""Tools of the hub as kernel functions of Semantic Kernel."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, cast

from semantic_kernel.exceptions import FunctionExecutionException
from semantic_kernel.filters.functions.function_invocation_context import FunctionInvocationContext
from semantic_kernel.functions.kernel_function_decorator import kernel_function
from semantic_kernel.functions.kernel_function_from_method import KernelFunctionFromMethod
from semantic_kernel.functions.kernel_function_from_prompt import KernelFunctionFromPrompt
from semantic_kernel.functions.kernel_function_metadata import KernelFunctionMetadata
from semantic_kernel.functions.kernel_parameter_metadata import KernelParameterMetadata
from semantic_kernel.functions.kernel_plugin import KernelPlugin
from semantic_kernel.prompt_template.input_variable import InputVariable
from semantic_kernel.prompt_template.prompt_template_config import PromptTemplateConfig
from semantic_kernel.utils.validation import FUNCTION_NAME_REGEX, FUNCTION_PARAM_NAME_REGEX

from hubbub_core import CancellationToken
from hubbub_core.tools import StreamTool, Tool, ToolSchema, Workbench

Call = Callable[[dict[str, Any], CancellationToken], Awaitable[Any]]
"""Does the work of a function; the token is cancelled with the call."""

# KernelArguments takes these names for itself.
_TAKEN = ("self", "settings")


class HubFunction(KernelFunctionFromMethod):
    """A kernel function whose arguments arrive as the model gave them, for whoever has the schema to check."""

    def __init__(
        self,
        schema: ToolSchema,
        call: Call,
        *,
        plugin_name: str | None = None,
        stream_method: Callable[..., Any] | None = None,
        returned: Any = str,
    ) -> None:
        # Not super(): to a type checker that is pydantic's own, made of the fields.
        KernelFunctionFromMethod.__init__(
            self,
            method=_method(schema, call),
            plugin_name=plugin_name,
            stream_method=stream_method,
            parameters=parameters_of(schema),
            return_parameter=_return_parameter(returned),
        )

    def gather_function_parameters(self, context: FunctionInvocationContext) -> dict[str, Any]:
        """Return the arguments by name.

        Semantic Kernel's own way gives parameters called `kernel`, `service`, `arguments` or `execution_settings` other
        values than the model's.
        """
        given = {}
        for parameter in self.parameters:
            assert parameter.name is not None  # parameters_of sets it
            if parameter.name in context.arguments:
                given[parameter.name] = context.arguments[parameter.name]
            elif parameter.is_required:
                raise FunctionExecutionException(f"Parameter {parameter.name} is required but not provided.")
        return given


class KernelFunctionFromTool(HubFunction):
    """A tool of the hub as a kernel function (spec: 000 L29724, newer N-327).

    Its parameters show the tool's own schema. It returns what the tool returned, or the text that the tool makes of
    that for a model where it differs from `str()`. Cancelling the call cancels the tool. A tool that streams streams
    in `invoke_stream` too.

    Args:
        tool: The tool.
        plugin_name: Name of the plugin it belongs to; a plugin that it is put into sets it too.

    Raises:
        ValueError: Its name or its schema cannot be expressed in Semantic Kernel.
    """

    def __init__(self, tool: Tool, plugin_name: str | None = None) -> None:
        async def call(arguments: dict[str, Any], token: CancellationToken) -> Any:
            value = await tool.run_json(arguments, token)
            text = tool.return_value_as_string(value)
            return value if str(value) == text else text

        super().__init__(
            tool.schema,
            call,
            plugin_name=plugin_name,
            stream_method=_stream_method(tool) if isinstance(tool, StreamTool) else None,
            returned=tool.return_type(),
        )


class KernelFunctionFromToolSchema(KernelFunctionFromPrompt):
    """A kernel function that is known by its schema only (spec: newer N-327, N-577).

    A model can be offered it; whoever asked the model makes the call.

    Args:
        tool_schema: What the model is told.
        plugin_name: Name of the plugin it belongs to.

    Raises:
        ValueError: The schema cannot be expressed in Semantic Kernel.
    """

    def __init__(self, tool_schema: ToolSchema, plugin_name: str | None = None) -> None:
        parameters = parameters_of(tool_schema)
        config = PromptTemplateConfig(
            name=_function_name(tool_schema),
            description=tool_schema.get("description", ""),
            input_variables=[
                InputVariable(
                    name=str(parameter.name),
                    description=parameter.description,
                    is_required=parameter.is_required,
                )
                for parameter in parameters
            ],
        )
        super().__init__(
            function_name=config.name,
            plugin_name=plugin_name,
            description=config.description,
            prompt_template_config=config,
        )
        # Input variables have no room for whole schemas.
        self.metadata.parameters = parameters

    async def _invoke_internal(self, context: FunctionInvocationContext) -> None:
        raise self._not_here()

    async def _invoke_internal_stream(self, context: FunctionInvocationContext) -> None:
        raise self._not_here()

    def _not_here(self) -> NotImplementedError:
        return NotImplementedError(
            f"function {self.name!r} is known by its schema only; offer it with "
            "FunctionChoiceBehavior.Auto(auto_invoke=False) and make the call where the tool is"
        )


def to_kernel_function(tool: Tool, *, plugin_name: str | None = None) -> KernelFunctionFromTool:
    """Make a kernel function from a tool of the hub; see `KernelFunctionFromTool`."""
    return KernelFunctionFromTool(tool, plugin_name)


async def plugin_from_workbench(workbench: Workbench, name: str, description: str | None = None) -> KernelPlugin:
    """Make a kernel plugin of the tools that a workbench has now.

    Args:
        workbench: The workbench; whoever made it starts and stops it.
        name: Name of the plugin: letters, digits and underscores.
        description: What the plugin is for.

    Raises:
        ValueError: A tool cannot be expressed in Semantic Kernel.
    """
    functions = [_workbench_function(workbench, schema) for schema in await workbench.list_tools()]
    return KernelPlugin(name=name, description=description, functions=list(functions))


def function_metadata(schema: ToolSchema) -> KernelFunctionMetadata:
    """Return a tool's schema as Semantic Kernel's connectors take it.

    Raises:
        ValueError: It cannot be expressed in Semantic Kernel.
    """
    return KernelFunctionMetadata(
        name=_function_name(schema),
        description=schema.get("description", ""),
        parameters=parameters_of(schema),
        is_prompt=False,
    )


def parameters_of(schema: ToolSchema) -> list[KernelParameterMetadata]:
    """Return the parameters of a tool's schema, each with its whole JSON schema.

    Raises:
        ValueError: A name is not allowed in Semantic Kernel, or the schema refers to itself.
    """
    parameters: Mapping[str, Any] = schema.get("parameters", {})
    if parameters.get("$defs"):
        raise ValueError(
            f"the schema of tool {schema['name']!r} contains itself ({', '.join(parameters['$defs'])}), which Semantic "
            "Kernel has no form for; flatten the type"
        )
    required = parameters.get("required", ())
    return [
        _parameter(schema["name"], name, shown, name in required)
        for name, shown in parameters.get("properties", {}).items()
    ]


def _parameter(tool: str, name: str, shown: Mapping[str, Any], required: bool) -> KernelParameterMetadata:
    if name in _TAKEN or not re.fullmatch(FUNCTION_PARAM_NAME_REGEX, name):
        raise ValueError(
            f"parameter {name!r} of tool {tool!r} cannot be converted: Semantic Kernel takes names of letters, digits, "
            f"hyphens and underscores, and keeps {' and '.join(_TAKEN)} for itself"
        )
    kind = shown.get("type")
    fields: dict[str, Any] = {
        "name": name,
        "description": shown.get("description"),
        "default_value": shown.get("default"),
        "type_": kind if isinstance(kind, str) else "object",
        "is_required": required,
        "schema_data": dict(shown),
    }
    return KernelParameterMetadata(**fields)


def _return_parameter(returned: Any) -> KernelParameterMetadata:
    # The schema is left open: Semantic Kernel makes one of few types only, and shows it to nobody.
    fields: dict[str, Any] = {
        "name": "return",
        "type_": getattr(returned, "__name__", str(returned)),
        "is_required": True,
        "schema_data": {},
    }
    return KernelParameterMetadata(**fields)


def _function_name(schema: ToolSchema) -> str:
    name = schema["name"]
    if not re.fullmatch(FUNCTION_NAME_REGEX, name):
        raise ValueError(
            f"tool {name!r} cannot be a kernel function: Semantic Kernel takes names of letters, digits, hyphens and "
            "underscores; rename the tool"
        )
    return name


def _method(schema: ToolSchema, call: Call) -> Callable[..., Any]:
    @kernel_function(name=_function_name(schema), description=schema.get("description", ""))
    async def method(**arguments: Any) -> Any:
        token = CancellationToken()
        try:
            return await call(arguments, token)
        except asyncio.CancelledError:
            token.cancel()
            raise

    return cast("Callable[..., Any]", method)


def _stream_method(tool: StreamTool) -> Callable[..., Any]:
    async def method(**arguments: Any) -> AsyncGenerator[Any, None]:
        token = CancellationToken()
        items = tool.run_json_stream(arguments, token)
        try:
            async for item in items:
                yield item
        except (asyncio.CancelledError, GeneratorExit):
            token.cancel()
            raise
        finally:
            await items.aclose()

    return method


def _workbench_function(workbench: Workbench, schema: ToolSchema) -> HubFunction:
    async def call(arguments: dict[str, Any], token: CancellationToken) -> str:
        result = await workbench.call_tool(schema["name"], arguments, cancellation_token=token)
        if result.is_error:
            # Semantic Kernel tells the model of an exception as the function's error.
            raise FunctionExecutionException(result.to_text())
        return result.to_text()

    return HubFunction(schema, call)
